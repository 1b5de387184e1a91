/**
 * A look at MessagePack before it is decoded: nothing is made of bytes that promise more than they hold, are nested without end, hold more
 * values than a frame has, or hold extensions, which no frame uses and which would become whatever a peer likes. One pass, nothing allocated.
 */

/** What may be within what, and how much there may be of it. */
export interface ScanLimits {
  readonly depthMax: number;
  readonly valuesMax: number;
}

const EXTENSION = -1;
const LENGTH = 16;
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

/** Why these bytes are no frame; undefined for exactly one value within the limits. */
export function msgpackFault(bytes: Uint8Array, { depthMax, valuesMax }: ScanLimits): string | undefined {
  const end = bytes.length;
  let at = 0;
  let depth = 0;
  let values = 0;
  left[0] = 1;
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return at === end ? undefined : 'has bytes behind its end';
      depth--;
    }
    left[depth]!--;
    if (at >= end) return 'ends too early';
    if (++values > valuesMax) return `has more than ${valuesMax} values`;
    const head = bytes[at++]!;
    if (head <= 0x7f || head >= 0xe0) continue;
    let children = -1;
    if (head <= 0x8f) children = 2 * (head & 0x0f);
    else if (head <= 0x9f) children = head & 0x0f;
    else if (head <= 0xbf) at += head & 0x1f;
    else if (head >= 0xdc) {
      const wide = (head & 1) === 1;
      const length = lengthAt(bytes, at, wide ? 4 : 2);
      if (length < 0) return 'ends too early';
      at += wide ? 4 : 2;
      children = head >= 0xde ? 2 * length : length;
    } else {
      const after = AFTER_C0[head - 0xc0]!;
      if (after === EXTENSION) return 'has an extension';
      if (after < LENGTH) at += after;
      else {
        const length = lengthAt(bytes, at, after - LENGTH);
        if (length < 0) return 'ends too early';
        at += after - LENGTH + length;
      }
    }
    if (children >= 0) {
      // Each is a byte at least: a promise that cannot be kept is none.
      if (children > end - at) return 'ends too early';
      if (++depth > depthMax) return `is nested deeper than ${depthMax}`;
      left[depth] = children;
    }
  }
}

/** Big-endian; negative where the bytes end before. */
function lengthAt(bytes: Uint8Array, at: number, count: number): number {
  if (at + count > bytes.length) return -1;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + i]!;
  return length;
}
