/** Whom TLS connections of this process trust besides the public authorities. */
import tls from 'node:tls';

/** Drover's own authority, as PEM. For the whole process: `fetch` offers no narrower place. */
export function trustAuthority(pem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
}
