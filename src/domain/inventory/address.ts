/** Where a host is dialled: a name, or an IPv4 or IPv6 address; nothing that could be taken for an option, a user or a port. */
import { limits } from '../../base/limits.ts';

const NAME = /^(?!-)[A-Za-z0-9_.-]+$/;
const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
/** The zone of a link-local address. */
const SCOPE = /%[A-Za-z0-9_.-]+$/;

/** Undefined where it is one; else what is wrong, and what to write instead. */
export function addressFault(text: string): string | undefined {
  const why = text.length > limits.addressLengthMax ? OTHER : faultOf(text);
  return why === undefined ? undefined : `${JSON.stringify(text)} is not an address: ${why}`;
}

const OTHER = 'a name, an IPv4 or an IPv6 address without brackets';

function faultOf(text: string): string | undefined {
  const bracketed = /^\[([^[\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed) return instead(bracketed[1]!, bracketed[2]);
  const withPort = /^([^:]*):(\d*)$/.exec(text);
  if (withPort) return instead(withPort[1]!, withPort[2]);
  if (text.includes('@')) return 'who logs in is said by an account, and not with the address';
  if (text.includes(':')) return isIpv6(text) ? undefined : 'no IPv6 address is written so';
  // What has digits only is dialled as a number, `10.1` as 10.0.0.1 and `010` as 8: surely not what was meant.
  if (/^[\d.]+$/.test(text))
    return isIpv4(text) ? undefined : 'an IPv4 address is four numbers from 0 to 255, with dots between them';
  return NAME.test(text) ? undefined : OTHER;
}

function isIpv4(text: string): boolean {
  return IPV4.test(text) && text.split('.').every((part) => Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]+$/.test(text.replace(SCOPE, '')) && URL.canParse(`ssh://[${text.replace(SCOPE, '')}]/`);
}

function instead(address: string, port: string | undefined): string {
  const fit = address === '' || faultOf(address) !== undefined ? 'the address' : address;
  return port === undefined || port === '' ? `write ${fit} alone` : `write ${fit} alone, and ${port} as the port`;
}
