/**
 * Secrets out of bytes: every value becomes `******`, however the stream was cut into pieces. A value of several lines is
 * masked line by line too, because that is how it is echoed; and so is its Base64.
 */
const REPLACEMENT = Buffer.from('******');
/** Lines shorter than this would blank out ordinary text. */
const PATTERN_BYTES_MIN = 4;

export interface Mask {
  readonly isEmpty: boolean;
  /** The longest pattern: how much of a stream's end a caller must keep back until more is known. */
  readonly longest: number;
  /** Replaces in `bytes`; unless `final`, keeps back an end that may turn out to begin a secret. Answers what is safe now and how many input bytes that took. */
  apply(bytes: Buffer, final: boolean): { masked: Buffer; consumed: number };
}

export function createMask(secrets: Iterable<string>): Mask {
  const patterns = patternsOf(secrets);
  if (patterns.length === 0)
    return { isEmpty: true, longest: 0, apply: (bytes) => ({ masked: bytes, consumed: bytes.length }) };
  const longest = patterns[0]!.length;
  return {
    isEmpty: false,
    longest,
    apply(bytes, final) {
      const parts: Buffer[] = [];
      let at = 0;
      // A match may start anywhere before `safe`; from there on more input could change what matches.
      const safe = final ? bytes.length : Math.max(0, bytes.length - longest + 1);
      const next = patterns.map((pattern) => bytes.indexOf(pattern));
      for (;;) {
        let best = -1;
        for (let i = 0; i < patterns.length; i++) {
          if (next[i] !== -1 && next[i]! < at) next[i] = bytes.indexOf(patterns[i]!, at);
          // Longest first in the list, so at the same place the longest wins.
          if (next[i] !== -1 && (best === -1 || next[i]! < next[best]!)) best = i;
        }
        if (best === -1 || next[best]! >= safe) break;
        parts.push(bytes.subarray(at, next[best]!), REPLACEMENT);
        at = next[best]! + patterns[best]!.length;
      }
      const consumed = Math.max(at, safe);
      parts.push(bytes.subarray(at, consumed));
      return { masked: Buffer.concat(parts), consumed };
    },
  };
}

function patternsOf(secrets: Iterable<string>): Buffer[] {
  const texts = new Set<string>();
  for (const secret of secrets) {
    texts.add(secret);
    for (const line of secret.split(/\r?\n/)) texts.add(line);
    texts.add(Buffer.from(secret).toString('base64'));
  }
  return [...texts]
    .map((text) => Buffer.from(text))
    .filter((bytes) => bytes.length >= PATTERN_BYTES_MIN)
    .sort((a, b) => b.length - a.length);
}
