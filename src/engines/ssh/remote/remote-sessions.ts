/** What attempts have learned of the sessions of a shell, so that the next one need not ask. */
import type { Clock } from '../../../base/clock.ts';
import { HostTime } from './host-time.ts';
import type { RemoteConversation } from './remote-conversation.ts';
import type { RemoteMessage } from './remote-parser.ts';
import type { RemoteShell } from './remote-shell.ts';
import { nonsense, ticksIn } from './remote-words.ts';
import { answeredBy } from './spoken-soon.ts';

/** What a session says of its environment: a tenth of it in an ordinary one, values and all. */
const SESSION_BYTES_MAX = 512 * 1_024;
/** Names that are remembered of it, for as long as there is a connection, and are in every order. */
const NAMES_MAX = 4_096;
const NAMES_BYTES_MAX = 64 * 1_024;

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

/**
 * Asks a shell what its session is like. `silent`: it did not say so in time; undefined: it did not answer. `time`: as far as it is
 * known. Rejects with `nonsense` when it says more than a session can be like.
 */
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
  const answered = answeredBy(clock, asked.beginMs);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const next = await answered(messages.next());
    if (next === 'silent') return 'silent';
    const { value, done } = next;
    if (done) return undefined;
    if (value.kind === 'line' && value.words[0] === 'U') time.hear(ticksIn(value.words[1], 'its time'));
    if (value.kind === 'output') {
      bytes += value.bytes.length;
      if (bytes > SESSION_BYTES_MAX) throw nonsense('its environment is too large to be one');
      pieces.push(value.bytes);
    }
    if (value.kind === 'output-end') break;
  }
  const text = Buffer.concat(pieces).toString('latin1');
  return {
    kept: [],
    inherited: namesIn(text),
    time,
    isPlain: /^(?:export|declare -\w+) SHELL=['"]?[\w/.-]*\/(?:sh|dash|ash)['"]?$/m.test(text),
  };
}

function namesIn(text: string): string[] {
  const names: string[] = [];
  let bytes = 0;
  for (const [, name] of text.matchAll(/^(?:export|declare -\w+) ([A-Za-z_]\w*)(?:=|$)/gm)) {
    bytes += name!.length;
    if (names.length >= NAMES_MAX || bytes > NAMES_BYTES_MAX) throw nonsense('its environment has too many names');
    // Copied: what was cut out of a text keeps all of it alive.
    names.push(Buffer.from(name!, 'latin1').toString('latin1'));
  }
  return names;
}
