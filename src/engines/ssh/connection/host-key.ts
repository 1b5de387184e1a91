/**
 * Is the far side who it was? Decided before any credential is sent; the first key seen is recorded before it is believed.
 * One that is not believed is recorded too, as offered, so that people can decide.
 */
import { createHash } from 'node:crypto';
import type { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { SshHop, SshHostKey } from '../../../protocol/link/ssh-access.ts';
import { quoted, sshError } from './ssh-faults.ts';

/** Tells the server of a key that is not known: at a first use it becomes known, else it is kept as offered, and `refused`. */
export type RecordHostKey = (hostId: string, key: SshHostKey) => Promise<'recorded' | 'refused'>;

/** As OpenSSH prints it. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The first field of a public key blob. */
function keyAlgorithm(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return bytes.length > 4 ? bytes.toString('latin1', 4, 4 + Math.min(64, bytes.readUInt32BE(0))) : 'unknown';
}

/** Kinds of keys that are looked at, in the order in which they are liked. A DSA key is only if it is known already. */
const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];
const KNOWN_ONLY = ['ssh-dss'];

/**
 * What to ask the host for. Kinds of keys that are known come first, so that a server with several shows one that can be compared;
 * the others follow, so that one that has none of them is told as changed. A list of the host's own is kept to, in that order.
 */
export function hostKeyAlgorithms(hop: SshHop): string[] {
  const known = new Set(hop.knownHostKeys.map((one) => keyAlgorithm(one.key)));
  const isKnown = (algorithm: string): boolean => known.has(algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm);
  const all = hop.algorithms?.serverHostKey ?? [...ALGORITHMS, ...KNOWN_ONLY.filter(isKnown)];
  return [...all.filter(isKnown), ...all.filter((algorithm) => !isKnown(algorithm))];
}

/**
 * True when the key may be believed. `refuse` is told why not as soon as that is decided, before the server has been told of the
 * key: there it is kept as offered, for people to accept.
 */
export async function settleHostKey(
  hop: SshHop,
  key: Uint8Array,
  record: RecordHostKey,
  refuse: (fault: DroverError) => void,
): Promise<boolean> {
  if (hop.knownHostKeys.some((known) => Buffer.from(known.key).equals(key))) return true;
  if (key.length > limits.hostKeyBytesMax) {
    refuse(
      sshError(
        'ssh-host-key-unknown',
        hop,
        `what it shows as its host key has ${key.length} bytes, and no key has more than ${limits.hostKeyBytesMax}. ` +
          'Nothing was sent. Look at what answers there.',
      ),
    );
    return false;
  }
  const [algorithm, fingerprint] = [keyAlgorithm(key), fingerprintOf(key)];
  const distrust = distrustOf(hop, `${algorithm} ${fingerprint}`);
  if (distrust) refuse(sshError(distrust.code, hop, distrust.what));
  try {
    // What the server makes of a key that is not believed changes nothing for this connection.
    const answer = await record(hop.hostId, { algorithm, key });
    if (distrust) return false;
    if (answer === 'recorded') return true;
    refuse(
      sshError(
        'ssh-host-key-changed',
        hop,
        `the host key ${algorithm} ${fingerprint} was not recorded, because another one was, or recording was ` +
          "refused. Look at the host's keys and accept the right one (drover hosts keys accept).",
      ),
    );
  } catch (error) {
    const why = quoted((error as Error).message);
    if (distrust)
      refuse(
        sshError(
          distrust.code,
          hop,
          `${distrust.what} The server could not be told of the key (${why}), so it is not in its list yet; the ` +
            'next connection tells of it.',
          error,
        ),
      );
    else
      refuse(
        sshError(
          'ssh-host-key-unknown',
          hop,
          `its host key could not be recorded: ${why}. Nothing was sent; it is tried again with the next connection.`,
          error,
        ),
      );
  }
  return false;
}

/** Of a key that is not known; undefined when it may be a first one. */
function distrustOf(
  hop: SshHop,
  shown: string,
): { readonly code: 'ssh-host-key-changed' | 'ssh-host-key-unknown'; readonly what: string } | undefined {
  if (hop.knownHostKeys.length > 0) {
    const known = hop.knownHostKeys.map((one) => `${keyAlgorithm(one.key)} ${fingerprintOf(one.key)}`).join(', ');
    return {
      code: 'ssh-host-key-changed',
      what:
        `the host key has changed. Known: ${known}. Now shown: ${shown}. If the host was reinstalled, compare with ` +
        'ssh-keygen -lf on its console and accept the key (drover hosts keys accept); if not, somebody may stand ' +
        'in between.',
    };
  }
  if (hop.hostKeyPolicy !== 'strict') return undefined;
  return {
    code: 'ssh-host-key-unknown',
    what:
      `the host key ${shown} is not known, and this host's policy is strict. Compare it with ssh-keygen -lf on its ` +
      'console and accept it (drover hosts keys accept), or let the first use record it.',
  };
}
