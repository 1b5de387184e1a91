/**
 * What the end of an attempt says of the way to its host over SSH. Whoever asks what is down wants to know it of hosts without an agent
 * too, and nobody holds a link to those: the last connection is the last that is known.
 */
import type { ExecutionState } from './execution-machine.ts';
import type { RouteTaken } from '../run/executor.ts';

export interface SshContact {
  /** Why the host was not reached; absent: it was. */
  readonly code?: string;
}

/** Reasons of work that its host refused once somebody was logged in there. */
const OF_THE_HOST: ReadonlySet<string> = new Set([
  ...['user-unknown', 'user-not-permitted', 'become-password-missing', 'become-password-wrong', 'become-not-allowed'],
  ...['interpreter-missing', 'directory-missing', 'spool-full', 'spool-unwritable', 'script-unreachable'],
  'spawn-failed',
]);

/** Undefined where it says nothing: it went another way, is not over, or nobody was there to try. */
export function sshContactOf(
  to: ExecutionState,
  route: RouteTaken | undefined,
  result: { readonly reason?: string } | undefined,
): SshContact | undefined {
  if (route?.executor.kind !== 'worker' || route.executor.engine !== 'ssh') return undefined;
  if (to === 'running' || to === 'succeeded' || to === 'failed' || to === 'timed_out') return {};
  const reason = result?.reason;
  if (reason === undefined || (to !== 'not_started' && to !== 'lost')) return undefined;
  if (reason.startsWith('ssh-')) return { code: reason };
  return OF_THE_HOST.has(reason) ? {} : undefined;
}
