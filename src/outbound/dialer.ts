/**
 * The one way to strange machines: a name is looked up here, each address is held against an allow-list, and the
 * connection goes to that very address, so that a name that leads elsewhere a moment later leads nowhere. Who dials, and
 * in which words nobody is reached, is told by whoever uses it: servers (outbound.ts), and workers that make calls.
 */
import { constants } from 'node:crypto';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import type { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { portLimits } from '../base/port-limits.ts';
import { networkWords } from '../base/network-words.ts';
import type { NameLookups } from '../base/node-names.ts';
import type { Place } from './address.ts';
import type { AllowList } from './allow-list.ts';
import { boundedHandshake, LARGE_HANDSHAKE } from './bounded-handshake.ts';

export interface OutboundPlace {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface OutboundConnection {
  readonly socket: Socket;
  /** Whoever dials has named where it leads. */
  readonly isNamed: boolean;
  /** Aborts when the time for all of it is over. */
  readonly deadline: AbortSignal;
}

export interface Dialer {
  readonly allowed: AllowList;
  readonly lookup: NameLookups['lookup'];
  readonly clock: Clock;
  readonly words: {
    /** Never tells where a name leads. */
    notAllowed(host: string, place: Exclude<Place, 'public'>): DroverError;
    unreachable(host: string, error: unknown): DroverError;
  };
}

export interface Proof {
  /** Certificates in PEM of who vouches for the far end, in place of the public authorities. */
  readonly authorities?: string | undefined;
  /** The name that its certificate has; that of the host unless it is said. */
  readonly serverName?: string | undefined;
  /** Nobody has to vouch for it. */
  readonly isUnproved?: boolean | undefined;
}

/** Of several addresses each but the last has so long: one that says nothing keeps no other from being tried. */
const ADDRESS_MS = 3_000;

/** Rejects with what `words` say. */
export async function dial(
  dialer: Dialer,
  { host, port }: OutboundPlace,
  deadline: AbortSignal,
): Promise<OutboundConnection> {
  const found = isIP(host) === 0 ? await addressesOf(dialer, host) : [host];
  const open = found.filter((address) => dialer.allowed.refusalOf(host, address) === undefined);
  if (open.length === 0) throw dialer.words.notAllowed(host, dialer.allowed.refusalOf(host, found[0]!)!);
  let last: unknown;
  for (const [at, address] of open.entries()) {
    if (deadline.aborted) break;
    const silent = new AbortController();
    const cancel =
      at < open.length - 1 ? dialer.clock.after(ADDRESS_MS, () => silent.abort(), { unref: true }) : () => undefined;
    try {
      const socket = await connected(address, port, AbortSignal.any([deadline, silent.signal]));
      return { socket, deadline, isNamed: dialer.allowed.isNamed(host, address) };
    } catch (error) {
      last = error;
    } finally {
      cancel();
    }
  }
  throw dialer.words.unreachable(host, last);
}

function addressesOf({ lookup, words }: Dialer, host: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [];
      if (error || addresses.length === 0)
        reject(
          words.unreachable(
            host,
            error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND', hostname: host }),
          ),
        );
      else resolve(addresses);
    });
  });
}

/** To this very address: nothing is looked up any more. Rejects when the signal ends. */
function connected(address: string, port: number, ending: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true });
    const end = (): void => void socket.destroy(Object.assign(new Error('too late'), { code: 'ETIMEDOUT' }));
    ending.addEventListener('abort', end, { once: true });
    socket.once('error', (error) => {
      ending.removeEventListener('abort', end);
      reject(error);
    });
    socket.once('connect', () => {
      ending.removeEventListener('abort', end);
      socket.removeAllListeners('error');
      // Whoever is given it hears of its end; until then an error ends no process.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** Encrypts a connection that speaks in clear until now. */
export function secured(
  { words }: Pick<Dialer, 'words'>,
  { socket, isNamed, deadline }: OutboundConnection,
  host: string,
  { authorities, serverName, isUnproved = false }: Proof,
): Promise<OutboundConnection> {
  return new Promise((resolve, reject) => {
    const below = boundedHandshake(socket);
    const tls = connectSecure({
      socket: below.stream,
      minVersion: 'TLSv1.2',
      // A handshake that is begun anew would be bounded by nothing, and show other certificates than were judged.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      rejectUnauthorized: !isUnproved,
      ...peerNames(serverName ?? host),
      ...given({ ca: authorities }),
    });
    const onError = (error: Error): void => reject(words.unreachable(host, error));
    tls.once('error', onError);
    tls.once('close', () => reject(words.unreachable(host, Object.assign(new Error('cut'), { code: 'ECONNRESET' }))));
    tls.once('secureConnect', () => {
      below.over();
      tls.off('error', onError);
      tls.on('error', () => undefined);
      resolve({ socket: tls, isNamed, deadline });
    });
  });
}

/** An address has no name to ask for, and is in the certificate by itself. */
function peerNames(host: string): { readonly servername?: string; readonly host: string } {
  return isIP(host) === 0 ? { servername: host, host } : { host };
}

/** Why nothing came of it, as a sentence. `authorities`: where it is said who vouches for a far end. */
export function unreachedText(host: string, error: unknown, authorities: string): string {
  const network = networkWords(error);
  if (network !== undefined) return `${host} was not reached: ${network}.`;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const answered = answeredWords(code, authorities);
  if (answered !== undefined) return `${host} was reached, but ${answered}.`;
  return `${host} was not reached: ${code === 'ETIMEOUT' ? 'its name was not found in time' : String(message ?? error)}.`;
}

/** Of who was reached, and was not spoken with. */
function answeredWords(code: unknown, authorities: string): string | undefined {
  switch (code) {
    case LARGE_HANDSHAKE:
      return `its certificates have more than ${portLimits.farHandshakeBytesMax} bytes`;
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'its certificate is of another name';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `nobody who is known here vouches for its certificate: give the authority that does (${authorities})`;
    default:
      return typeof code === 'string' && /^(ERR_SSL|EPROTO|HPE_)/.test(code)
        ? 'what answers does not speak as the URL says'
        : undefined;
  }
}
