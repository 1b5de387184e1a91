/**
 * What comes from the program: lines that begin with the nonce, and after an `O` line the bytes of a stream up to the next nonce.
 * Anything before a nonce is noise of the login shell and is passed over. Knows no channel and no time, holds back at most a
 * line and a nonce, and answers alike however the bytes are cut.
 */
import { bytesIn, nonsense } from './remote-words.ts';

export type RemoteMessage =
  | { readonly kind: 'line'; readonly words: readonly string[] }
  | { readonly kind: 'output'; readonly stream: 1 | 2; readonly offset: number; readonly bytes: Buffer }
  /** Of the file of output values, which comes as one piece. */
  | { readonly kind: 'values'; readonly offset: number; readonly bytes: Buffer }
  /** The piece begun by the last `O` or `W` line is whole. */
  | { readonly kind: 'output-end' };

/** No line of the program is longer; noise of any length is dropped as it comes. */
const LINE_BYTES_MAX = 64 * 1024;

const STREAMS: Readonly<Record<string, 1 | 2 | 'values'>> = { 1: 1, 2: 2, 3: 'values' };

export class RemoteParser {
  readonly #nonce: Buffer;
  #held: Buffer = Buffer.alloc(0);
  #piece: { stream: 1 | 2 | 'values'; offset: number } | undefined;

  constructor(nonce: string) {
    this.#nonce = Buffer.from(`${nonce} `);
  }

  /** Throws `nonsense` on a line without end, and of a piece that is nowhere in an output. */
  push(bytes: Buffer): RemoteMessage[] {
    const messages: RemoteMessage[] = [];
    let input = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (let rest: Buffer | undefined = input; rest !== undefined; ) {
      input = rest;
      rest = this.#piece ? this.#output(input, messages) : this.#line(input, messages);
    }
    return messages;
  }

  /** What is left of the input when a whole step was made; otherwise holds it. */
  #line(input: Buffer, messages: RemoteMessage[]): Buffer | undefined {
    const at = input.indexOf(this.#nonce);
    const end = at < 0 ? -1 : input.indexOf(0x0a, at);
    if (end < 0) {
      const from = at < 0 ? Math.max(0, input.length - this.#nonce.length + 1) : at;
      if (input.length - from > LINE_BYTES_MAX) throw nonsense('a line of it has no end');
      return this.#hold(input.subarray(from));
    }
    const words = input.toString('utf8', at + this.#nonce.length, end).split(' ');
    messages.push({ kind: 'line', words });
    if (words[0] === 'O')
      this.#piece = { stream: STREAMS[words[1]!] ?? 1, offset: bytesIn(words[2], 'the place of an output') };
    if (words[0] === 'W') this.#piece = { stream: 1, offset: 0 };
    return input.subarray(end + 1);
  }

  #output(input: Buffer, messages: RemoteMessage[]): Buffer | undefined {
    const piece = this.#piece!;
    // The line feed is waited for with the nonce, so that what follows starts clean.
    const at = input.indexOf(this.#nonce);
    const safe = at >= 0 ? at : Math.max(0, input.length - this.#nonce.length + 1);
    if (safe > 0) {
      const { stream, offset } = piece;
      const bytes = input.subarray(0, safe);
      messages.push(stream === 'values' ? { kind: stream, offset, bytes } : { kind: 'output', stream, offset, bytes });
    }
    piece.offset += safe;
    if (at < 0 || input.length < at + this.#nonce.length + 1) return this.#hold(input.subarray(safe));
    messages.push({ kind: 'output-end' });
    this.#piece = undefined;
    return input.subarray(at + this.#nonce.length + 1);
  }

  #hold(rest: Buffer): undefined {
    // Copied, so that a few held bytes do not keep a large block alive.
    this.#held = Buffer.from(rest);
    return undefined;
  }
}
