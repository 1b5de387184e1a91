/** Whom TLS connections of this process trust. */
import tls from 'node:tls';

/**
 * Drover's own authority, as PEM, and nobody besides: whoever a public authority vouches for is not our server. For the whole process:
 * `fetch` offers no narrower place.
 */
export function trustAuthority(pem: string): void {
  tls.setDefaultCACertificates([pem]);
}
