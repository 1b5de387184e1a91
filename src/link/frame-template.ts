/** One frame for many peers: what they have in common is encoded once, what differs is appended for each. */
import { encodeFrame } from './codec.ts';

/** Of MessagePack: a map of up to 15 fields, a string and bytes of up to 255. */
const FIXMAP = 0x80;
const STR8 = 0xd9;
const BIN8 = 0xc4;

export class FrameTemplate {
  readonly #head: Buffer;
  readonly #keys: readonly Buffer[];

  /** `own` are the names of the fields that each peer has for itself. At most 15 fields in all. */
  constructor(common: Readonly<Record<string, unknown>>, own: readonly string[]) {
    const fields = Object.entries(common);
    this.#head = Buffer.concat([
      Buffer.from([FIXMAP | (fields.length + own.length)]),
      ...fields.flat().map(encodeValue),
    ]);
    this.#keys = own.map(encodeValue);
  }

  /** Values in the order of the names; strings are ASCII, and like bytes not longer than 255. */
  encode(...values: readonly (string | Uint8Array)[]): Buffer {
    let length = this.#head.length;
    for (let i = 0; i < values.length; i++) length += this.#keys[i]!.length + 2 + values[i]!.length;
    const frame = Buffer.allocUnsafe(length);
    frame.set(this.#head);
    let at = this.#head.length;
    for (let i = 0; i < values.length; i++) {
      const [key, value] = [this.#keys[i]!, values[i]!];
      frame.set(key, at);
      at += key.length;
      frame[at++] = typeof value === 'string' ? STR8 : BIN8;
      frame[at++] = value.length;
      if (typeof value === 'string') frame.write(value, at, 'latin1');
      else frame.set(value, at);
      at += value.length;
    }
    return frame;
  }
}

/** The value alone, which the encoder of frames takes as well. */
function encodeValue(value: unknown): Buffer {
  return Buffer.from(encodeFrame(value as object));
}
