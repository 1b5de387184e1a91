/** One frame for many peers: what they have in common is encoded once, what differs is appended for each. */
import { encodeFrame } from './codec.ts';

/** Of MessagePack: a map of up to 15 fields, a list of one, and strings and bytes by the length of their length. */
const FIXMAP = 0x80;
const LIST_OF_ONE = 0x91;
const [STR8, STR16, STR32] = [0xd9, 0xda, 0xdb];
const [BIN8, BIN16, BIN32] = [0xc4, 0xc5, 0xc6];

export class FrameTemplate {
  readonly #head: Buffer;
  readonly #keys: readonly Buffer[];

  /**
   * `own` are the names of the fields that each peer has for itself, at most 15 fields in all. With `inList` they are not the frame's, but
   * those of the only entry of the list of this name in it.
   */
  constructor(common: Readonly<Record<string, unknown>>, own: readonly string[], inList?: string) {
    const fields = Object.entries(common).flat().map(encodeValue);
    const map = (size: number): Buffer => Buffer.from([FIXMAP | size]);
    this.#head = Buffer.concat(
      inList === undefined
        ? [map(fields.length / 2 + own.length), ...fields]
        : [map(fields.length / 2 + 1), ...fields, encodeValue(inList), Buffer.from([LIST_OF_ONE]), map(own.length)],
    );
    this.#keys = own.map(encodeValue);
  }

  /** Values in the order of the names. */
  encode(...values: readonly (string | Uint8Array)[]): Buffer {
    let length = this.#head.length;
    for (let i = 0; i < values.length; i++) {
      const size = sizeOf(values[i]!);
      length += this.#keys[i]!.length + 1 + bytesOfLength(size) + size;
    }
    const frame = Buffer.allocUnsafe(length);
    frame.set(this.#head);
    let at = this.#head.length;
    for (let i = 0; i < values.length; i++) {
      const [key, value] = [this.#keys[i]!, values[i]!];
      frame.set(key, at);
      at += key.length;
      const size = sizeOf(value);
      const wide = bytesOfLength(size);
      const isText = typeof value === 'string';
      frame[at++] =
        wide === 1 ? (isText ? STR8 : BIN8) : wide === 2 ? (isText ? STR16 : BIN16) : isText ? STR32 : BIN32;
      at = frame.writeUIntBE(size, at, wide);
      if (isText) frame.write(value, at);
      else frame.set(value, at);
      at += size;
    }
    return frame;
  }
}

function sizeOf(value: string | Uint8Array): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

function bytesOfLength(size: number): 1 | 2 | 4 {
  return size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
}

/** The value alone, which the encoder of frames takes as well. */
function encodeValue(value: unknown): Buffer {
  return Buffer.from(encodeFrame(value as object));
}
