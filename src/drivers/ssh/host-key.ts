/** Is the far side who it was? Decided before any credential is sent; the first key seen is recorded before it is believed. */
import { createHash } from 'node:crypto';
import type { DroverError } from '../../base/errors.ts';
import type { SshHop, SshHostKey } from '../../protocol/link/ssh-access.ts';
import { sshError } from './ssh-faults.ts';

/** Makes the key known for the host. `refused`: another key is recorded meanwhile, or recording is not possible. */
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

/**
 * What to offer: only the types of the keys that are known, so that a server with several keys shows the one that can be
 * compared. Undefined: anything.
 */
export function hostKeyAlgorithms(hop: SshHop): string[] | undefined {
  if (hop.algorithms?.serverHostKey) return [...hop.algorithms.serverHostKey];
  if (hop.knownHostKeys.length === 0) return undefined;
  const types = new Set(hop.knownHostKeys.map((known) => keyAlgorithm(known.key)));
  return [...types].flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type]));
}

/** Undefined when the key may be believed. */
export async function hostKeyFault(hop: SshHop, key: Uint8Array, record: RecordHostKey): Promise<DroverError | undefined> {
  if (hop.knownHostKeys.some((known) => Buffer.from(known.key).equals(key))) return undefined;
  const [algorithm, fingerprint] = [keyAlgorithm(key), fingerprintOf(key)];
  if (hop.knownHostKeys.length > 0) {
    const known = hop.knownHostKeys.map((one) => `${keyAlgorithm(one.key)} ${fingerprintOf(one.key)}`).join(', ');
    return sshError('ssh-host-key-changed', hop, `the host key has changed. Known: ${known}. Now shown: ${algorithm} ${fingerprint}. If the host was reinstalled, compare with ssh-keygen -lf on its console and accept the key (drover hosts keys accept); if not, somebody may stand in between.`);
  }
  if (hop.hostKeyPolicy === 'strict') {
    return sshError('ssh-host-key-unknown', hop, `the host key ${algorithm} ${fingerprint} is not known, and this host's policy is strict. Compare it with ssh-keygen -lf on its console and accept it (drover hosts keys accept), or let the first use record it.`);
  }
  const answer = await record(hop.hostId, { algorithm, key });
  return answer === 'recorded' ? undefined : sshError('ssh-host-key-changed', hop, `the host key ${algorithm} ${fingerprint} was not recorded, because another one was, or recording was refused. Look at the host's keys and accept the right one (drover hosts keys accept).`);
}
