/**
 * The secrets of a run, kept sealed beside it. As a rule a secret has one value, the same on every host; the join token of an
 * installation has another on each, made when the order for that host is written, so that none is told what another joins with.
 */
import type { HostId, RunId } from '../base/ids.ts';
import { formatJoinToken, hostJoinSecret, type JoinTokenText } from '../pki/join-token.ts';
import type { Sealer } from './context.ts';

/** `joinToken`: its secret is that of the whole installation, and leaves the servers for no host. */
export type RunSecret = string | { readonly joinToken: JoinTokenText };
/** By the name of the variable that the script finds it in. */
export type RunSecrets = Readonly<Record<string, RunSecret>>;

/** As the script is given them on this host, in clear. */
export function secretsOn(hostId: HostId, secrets: RunSecrets): Record<string, string> {
  const values = Object.entries(secrets).map(([name, secret]) => [name, valueOn(hostId, secret)]);
  return Object.fromEntries(values) as Record<string, string>;
}

function valueOn(hostId: HostId, secret: RunSecret): string {
  if (typeof secret === 'string') return secret;
  const { joinToken } = secret;
  return formatJoinToken({ ...joinToken, secret: hostJoinSecret(joinToken.secret, hostId) });
}

/** Whether all hosts are given the same. */
export function areAlike(secrets: RunSecrets): secrets is Readonly<Record<string, string>> {
  return Object.values(secrets).every((secret) => typeof secret === 'string');
}

/** Undefined where there is none. */
export function sealRunSecrets(sealer: Sealer, runId: RunId, secrets: RunSecrets): Uint8Array | undefined {
  if (Object.keys(secrets).length === 0) return undefined;
  return sealer.seal(purposeOf(runId), Buffer.from(JSON.stringify(secrets)));
}

/** Throws what the sealer says. */
export function openRunSecrets(sealer: Sealer, runId: RunId, sealed: Uint8Array | undefined): RunSecrets {
  if (sealed === undefined) return {};
  return JSON.parse(Buffer.from(sealer.open(purposeOf(runId), sealed)).toString()) as RunSecrets;
}

function purposeOf(runId: RunId): string {
  return `run/${runId}`;
}
