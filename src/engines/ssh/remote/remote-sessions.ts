/** What attempts have learned of the sessions of a shell, so that the next one need not ask. */
import type { HostTime } from './host-time.ts';
import type { RemoteConversation } from './remote-conversation.ts';
import type { RemoteShell } from './remote-shell.ts';

/** What a session is like: the same for all channels of a shell as the same user, so asked once. */
export interface Session {
  /** Names of its environment. */
  readonly inherited: readonly string[];
  /** Its login shell is a small POSIX shell. */
  readonly isPlain: boolean;
  readonly time: HostTime;
  /** Shells there that wait for an order. */
  readonly kept: RemoteConversation[];
}

/** What is known of sessions, by the shell that they are of and by user; whoever brings none asks anew each time. */
export class RemoteSessions {
  readonly #known = new WeakMap<RemoteShell, Map<string, Session>>();

  of(shell: RemoteShell): Map<string, Session> {
    const known = this.#known.get(shell) ?? new Map<string, Session>();
    this.#known.set(shell, known);
    return known;
  }
}
