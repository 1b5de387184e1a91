/**
 * A look at MessagePack before it is decoded: nothing is made of bytes that promise more than they hold, are nested
 * without end, hold more values than a frame has, or hold extensions, which no frame uses and which would become
 * whatever a peer likes. The same pass finds the type of the frame, and by it how many values such a frame has. One
 * pass, and nothing allocated but the answer.
 */

/** What may be within what, and how much there may be of it. */
export interface ScanLimits {
  readonly depthMax: number;
  readonly valuesMax: number;
}

const EXTENSION = -1;
const LENGTH = 16;
const STR8 = 0xd9;
/** A text of one letter, and the letter `t`. */
const [LETTER, T] = [0xa1, 0x74];
/** By the first byte from 0xc0 to 0xdb: the bytes of a scalar, or `LENGTH` and those of the length of text or bytes. */
const AFTER_C0 = new Int8Array(
  [
    [0, EXTENSION, 0, 0],
    [LENGTH + 1, LENGTH + 2, LENGTH + 4],
    [EXTENSION, EXTENSION, EXTENSION],
    [4, 8],
    [1, 2, 4, 8],
    [1, 2, 4, 8],
    [EXTENSION, EXTENSION, EXTENSION, EXTENSION, EXTENSION],
    [LENGTH + 1, LENGTH + 2, LENGTH + 4],
  ].flat(),
);

/** Left to read in each list and map that is open, so that there is no recursion; grows to `depthMax` once. */
const left: number[] = [];

export interface FrameScan {
  /** Why these bytes are no frame; undefined for exactly one value within the limits. */
  readonly fault?: string;
  /** The first text under `t`, where the value is a map that has one. */
  readonly t?: string;
}

/** `valuesMaxOf`: how many values a frame of this type may have in all; undefined where that is not known, and the general limit counts. */
export function scanFrame(
  bytes: Uint8Array,
  { depthMax, valuesMax: valuesMaxOfAll }: ScanLimits,
  valuesMaxOf: (t: string) => number | undefined,
): FrameScan {
  const end = bytes.length;
  const isMap = isMapHead(bytes[0] ?? 0);
  let valuesMax = valuesMaxOfAll;
  let t: string | undefined;
  let at = 0;
  let depth = 0;
  let values = 0;
  left[0] = 1;
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return at === end ? (t === undefined ? {} : { t }) : { fault: 'has bytes behind its end' };
      depth--;
    }
    left[depth]!--;
    if (at >= end) return { fault: 'ends too early' };
    if (++values > valuesMax) return { fault: `has more than ${valuesMax} values` };
    const head = bytes[at++]!;
    // A name of the outermost map has an odd number of names and values behind it.
    if (head === LETTER && depth === 1 && isMap && t === undefined && (left[1]! & 1) === 1 && bytes[at] === T) {
      t = textAt(bytes, at + 1);
      if (t !== undefined) valuesMax = valuesMaxOf(t) ?? valuesMaxOfAll;
    }
    if (head <= 0x7f || head >= 0xe0) continue;
    let children = -1;
    if (head <= 0x8f) children = 2 * (head & 0x0f);
    else if (head <= 0x9f) children = head & 0x0f;
    else if (head <= 0xbf) at += head & 0x1f;
    else if (head >= 0xdc) {
      const wide = (head & 1) === 1;
      const length = lengthAt(bytes, at, wide ? 4 : 2);
      if (length < 0) return { fault: 'ends too early' };
      at += wide ? 4 : 2;
      children = head >= 0xde ? 2 * length : length;
    } else {
      const after = AFTER_C0[head - 0xc0]!;
      if (after === EXTENSION) return { fault: 'has an extension' };
      if (after < LENGTH) at += after;
      else {
        const length = lengthAt(bytes, at, after - LENGTH);
        if (length < 0) return { fault: 'ends too early' };
        at += after - LENGTH + length;
      }
    }
    if (children >= 0) {
      // Each is a byte at least: a promise that cannot be kept is none.
      if (children > end - at) return { fault: 'ends too early' };
      if (++depth > depthMax) return { fault: `is nested deeper than ${depthMax}` };
      left[depth] = children;
    }
  }
}

function isMapHead(head: number): boolean {
  return (head >= 0x80 && head <= 0x8f) || head === 0xde || head === 0xdf;
}

/** As bytes, for types are plain letters; undefined where there is no short text. */
function textAt(bytes: Uint8Array, at: number): string | undefined {
  const head = bytes[at] ?? 0;
  const isShort = head >= 0xa0 && head <= 0xbf;
  if (!isShort && head !== STR8) return undefined;
  const from = at + (isShort ? 1 : 2);
  const to = from + (isShort ? head & 0x1f : (bytes[at + 1] ?? 0));
  return to <= bytes.length
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', from, to)
    : undefined;
}

/** Big-endian; negative where the bytes end before. */
function lengthAt(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) return -1;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + i]!;
  return length;
}
