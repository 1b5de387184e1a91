/** How a call has the far end prove who it is. */
import { callLimits } from '../../base/call-limits.ts';

export interface CallTls {
  /** Certificates in PEM of who vouches for the far end, in the place of the public authorities. */
  readonly authorities?: string;
  /** The name that its certificate has, where that is another than the host of the URL. */
  readonly serverName?: string;
  /** Nobody vouches for the far end: whoever stands between may read all, and answer in its place. */
  readonly isUnproved?: true;
}

const NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;
const PEM = /^-----BEGIN CERTIFICATE-----$/m;

/** Each with its place within `tls`. */
export function callTlsFaults({ authorities, serverName, isUnproved }: CallTls): { field: string; detail: string }[] {
  const faults: { field: string; detail: string }[] = [];
  const fault = (field: string, detail: string): void => void faults.push({ field, detail });
  if (isUnproved && (authorities !== undefined || serverName !== undefined))
    fault('insecure', 'insecure asks for no proof: it does not go with ca and server_name.');
  if (authorities !== undefined && !PEM.test(authorities)) fault('ca', 'ca is the text of certificates in PEM.');
  else if (authorities !== undefined && authorities.length > callLimits.callAuthoritiesBytesMax)
    fault('ca', `ca has ${authorities.length} bytes; ${callLimits.callAuthoritiesBytesMax} are allowed.`);
  if (serverName !== undefined && (serverName.length > 253 || !NAME.test(serverName)))
    fault('server_name', 'server_name is the name in a certificate, such as api.example.com.');
  return faults;
}
