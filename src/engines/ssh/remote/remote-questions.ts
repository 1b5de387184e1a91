/** What is asked of an attempt on its host over a channel of its own, whatever became of the channel that follows it. */
import type { Clock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import type { RemoteUser } from './remote-become.ts';
import { RemoteConversation } from './remote-conversation.ts';
import { silence } from './remote-faults.ts';
import { bytesIn, nonsense } from './remote-words.ts';
import { basics } from './remote-order.ts';
import type { RemoteMessage } from './remote-parser.ts';
import { attachProgram } from './remote-program.ts';
import type { RemoteShell } from './remote-shell.ts';
import { answeredBy, spokenSoon } from './spoken-soon.ts';

/** A whole answer may take so many times as long as its first word: a mebibyte over a slow line. */
const ANSWER_TIMES = 3;

export interface RemoteTarget extends RemoteUser {
  readonly attempt: string;
}

/** An attempt on its host. */
export interface RemotePlace {
  readonly shell: RemoteShell;
  readonly target: RemoteTarget;
  readonly clock: Clock;
  /** Where the host has its process files. */
  readonly procRoot: string;
  /** How long the host may say nothing at all. */
  readonly beginMs: number;
}

/** Of what the script wrote, `length` bytes at most; `size`: how much there is in all. Rejects where the host says more, or nonsense. */
export async function readWhole(
  place: RemotePlace,
  { stream, offset, length }: { readonly stream: 1 | 2; readonly offset: number; readonly length: number },
): Promise<{ bytes: Uint8Array; size: number; eof: boolean }> {
  const pieces: Buffer[] = [];
  let size: number | undefined;
  let left = length;
  for await (const message of ask(place, `whole ${stream} ${offset} ${length}`)) {
    if (message.kind === 'output') {
      left -= message.bytes.length;
      if (left < 0) throw nonsense('it gives more of an output than it was asked for');
      pieces.push(message.bytes);
    }
    if (message.kind === 'line' && message.words[0] === 'W') size = bytesIn(message.words[1], 'the size of an output');
    if (message.kind === 'line' && message.words[0] === 'A')
      throw new DroverError('output-not-available', { detail: 'The host holds no output of this attempt any more.' });
  }
  if (size === undefined) throw new DroverError('link-lost', { detail: 'The host did not answer.' });
  const bytes = Buffer.concat(pieces);
  return { bytes, size, eof: offset + bytes.length >= size };
}

/** Resolves once the host has said that it knows nothing of the attempt any more. */
export async function erase(place: RemotePlace): Promise<void> {
  for await (const message of ask(place, 'erase')) if (message.kind === 'line' && message.words[0] === 'F') return;
  throw new DroverError('link-lost', { detail: 'The host did not say that the attempt is forgotten.' });
}

async function* ask(place: RemotePlace, question: string): AsyncGenerator<RemoteMessage, void> {
  const { shell, target, clock, procRoot, beginMs } = place;
  const conversation = await RemoteConversation.open(shell, attachProgram, target, clock);
  conversation.send(`${basics(target.attempt, { nonce: conversation.nonce, procRoot })} ${question}; exit\n`);
  const messages = conversation.messages();
  const answered = answeredBy(clock, ANSWER_TIMES * beginMs);
  let heard = false;
  try {
    for (let next = await spokenSoon(messages.next(), place); ; next = await answered(messages.next())) {
      if (next === 'silent') throw heard ? nonsense('its answer has no end') : silence(beginMs);
      if (next.done) break;
      heard = true;
      yield next.value;
    }
    const end = await answered(conversation.ended);
    if (end === 'silent') throw nonsense('its answer has no end');
    if (!heard || end.kind === 'lost') throw await conversation.fault();
  } finally {
    // Also when whoever asks has heard enough.
    conversation.close();
  }
}
