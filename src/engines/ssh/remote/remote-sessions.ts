/** What attempts have learned of the sessions of a shell, so that the next one need not ask. */
import type { Clock } from '../../../base/clock.ts';
import { HostTime } from './host-time.ts';
import type { RemoteConversation } from './remote-conversation.ts';
import type { RemoteMessage } from './remote-parser.ts';
import type { RemoteShell } from './remote-shell.ts';
import { spokenSoon } from './spoken-soon.ts';

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

/** Asks a shell what its session is like. `silent`: it said nothing; undefined: it did not answer. `time`: as far as it is known. */
export async function learnSession(
  conversation: RemoteConversation,
  messages: AsyncGenerator<RemoteMessage, void>,
  asked: {
    readonly clock: Clock;
    readonly procRoot: string;
    readonly beginMs: number;
    readonly time: HostTime | undefined;
  },
): Promise<Session | 'silent' | undefined> {
  const { clock, procRoot, time = new HostTime(clock) } = asked;
  conversation.send(`N=${conversation.nonce}; R='${procRoot}'; now; say U "$t"; say W 0; export -p; say\n`);
  const pieces: Buffer[] = [];
  for (;;) {
    const next = await spokenSoon(messages.next(), asked);
    if (next === 'silent') return 'silent';
    const { value, done } = next;
    if (done) return undefined;
    if (value.kind === 'line' && value.words[0] === 'U') time.hear(Number(value.words[1]));
    if (value.kind === 'output') pieces.push(value.bytes);
    if (value.kind === 'output-end') break;
  }
  const text = Buffer.concat(pieces).toString('latin1');
  return {
    kept: [],
    inherited: [...text.matchAll(/^(?:export|declare -\w+) ([A-Za-z_]\w*)(?:=|$)/gm)].map((match) => match[1]!),
    time,
    isPlain: /^(?:export|declare -\w+) SHELL=['"]?[\w/.-]*\/(?:sh|dash|ash)['"]?$/m.test(text),
  };
}
