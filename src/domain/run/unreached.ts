/**
 * Reasons that say of a host that it was not reached, so that trying again may help by itself. Every other reason of work that was not
 * started, or was lost, is of a host that was reached, and stays until somebody changes something: no such user, no account, a key that is
 * not believed, no space, a host that restarted under the script.
 */
import type { ErrorCode } from '../../base/errors.ts';

export const UNREACHED: ReadonlySet<string> = new Set<ErrorCode>([
  'start-deadline',
  'link-lost',
  'host-not-linked',
  'zone-without-worker',
  'no-worker-fits',
  'worker-drained',
  'worker-draining',
  'server-unreachable',
  'ssh-name-unknown',
  'ssh-refused',
  'ssh-timeout',
  'ssh-silent',
  'ssh-busy',
  'ssh-session-refused',
  'ssh-lost',
]);
