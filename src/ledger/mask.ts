/**
 * Secrets out of bytes: whatever belongs to a known form of one (mask-forms.ts) becomes `******`, however the stream was cut into
 * pieces. Longer forms are found over line breaks and blanks too, so a Base64 text that was wrapped and a key that was indented
 * or wrapped anew are masked like any other. Each byte is looked at once; what is held back is bounded by the longest form.
 */
import { createHash } from 'node:crypto';
import { secretForms } from './mask-forms.ts';
import { PatternSet } from './pattern-set.ts';

const REPLACEMENT = Buffer.from('******');
/** Forms of so many bytes, blanks not counted, are told from ordinary text also where blanks stand between. */
const SPACED_BYTES_MIN = 16;
/** Longer runs of blanks than this, and than any of a secret, part what stands on both sides. */
const BLANKS_MAX = 256;

export interface Mask {
  readonly isEmpty: boolean;
  /** So many bytes before a place decide, at the most, what is masked there (blanks between not counted). */
  readonly longest: number;
  stream(): MaskStream;
}

export interface MaskStream {
  /** Bytes that came and wait for more, because they may begin a secret. */
  readonly heldBytes: number;
  /** What can be told now; with `final` all of it. */
  push(bytes: Buffer, final: boolean): Buffer;
}

export function createMask(secrets: readonly string[]): Mask {
  return secrets.length === 0 ? NOTHING : new FormMask(secrets);
}

/** Attempts of one run have the same secrets: what is made of them is shared for as long as one of them uses it. */
export class SharedMasks {
  readonly #made = new Map<string, WeakRef<Mask>>();

  of(secrets: readonly string[]): Mask {
    if (secrets.length === 0) return NOTHING;
    const hash = createHash('sha256');
    for (const secret of secrets) hash.update(`${Buffer.byteLength(secret)}:`).update(secret);
    const key = hash.digest('base64');
    const known = this.#made.get(key)?.deref();
    if (known) return known;
    const mask = createMask(secrets);
    for (const [other, ref] of this.#made) if (ref.deref() === undefined) this.#made.delete(other);
    this.#made.set(key, new WeakRef(mask));
    return mask;
  }
}

const NOTHING: Mask = {
  isEmpty: true,
  longest: 0,
  stream: () => ({ heldBytes: 0, push: (bytes) => bytes }),
};

class FormMask implements Mask {
  readonly isEmpty = false;
  readonly longest: number;
  readonly exact: PatternSet;
  /** Patterns without their blanks, looked for in the stream without its blanks. */
  readonly spaced: PatternSet;
  readonly blanksMax: number;
  /** Bytes with which a form begins: all others pass quickly. */
  readonly begins = new Uint8Array(256);

  constructor(secrets: readonly string[]) {
    const [exact, spaced]: [Buffer[], Buffer[]] = [[], []];
    let blanksMax = BLANKS_MAX;
    for (const form of secretForms(secrets)) {
      const dense = form.filter((byte) => !isBlank(byte));
      if (dense.length < SPACED_BYTES_MIN) exact.push(form);
      else {
        spaced.push(Buffer.from(dense));
        blanksMax = Math.max(blanksMax, form.length - dense.length);
      }
    }
    this.exact = new PatternSet(exact);
    this.spaced = new PatternSet(spaced);
    this.blanksMax = blanksMax;
    this.longest = Math.max(this.exact.longest, this.spaced.longest);
    for (const form of [...exact, ...spaced]) this.begins[form[0]!] = 1;
  }

  stream(): MaskStream {
    return new FormStream(this);
  }
}

class FormStream implements MaskStream {
  readonly #mask: FormMask;
  #held: Buffer = Buffer.alloc(0);
  /** Offset of the first byte held; offsets count from the beginning of the stream. */
  #base = 0;
  #exact = 0;
  #spaced = 0;
  /** Where the last bytes that are no blanks stand, as many as the state of `spaced` needs: a ring. */
  #places = new Float64Array(64);
  #dense = 0;
  #blanks = 0;
  /** Known parts of secrets that were not told yet, in order and apart from each other. */
  #found: { from: number; to: number }[] = [];
  /** What was told last is a replacement: a part that follows at once belongs to it. */
  #isMasked = false;

  constructor(mask: FormMask) {
    this.#mask = mask;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  push(bytes: Buffer, final: boolean): Buffer {
    this.#scan(bytes, this.#base + this.#held.length);
    const input = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = this.#base + input.length;
    return this.#tell(input, final ? end : this.#firstOpen(end));
  }

  /** Where the earliest secret begins that the last bytes may be a part of. */
  #firstOpen(end: number): number {
    const { exact, spaced } = this.#mask;
    const depth = spaced.depth(this.#spaced);
    return Math.min(end - exact.depth(this.#exact), depth === 0 ? end : this.#placeOf(depth));
  }

  /** Of the byte that stands so many before the next one, blanks not counted. */
  #placeOf(back: number): number {
    return this.#places[(this.#dense - back) & (this.#places.length - 1)]!;
  }

  #scan(bytes: Buffer, offset: number): void {
    const { exact, spaced, begins, blanksMax } = this.#mask;
    for (let at = 0; at < bytes.length; at++) {
      if (this.#exact === 0 && this.#spaced === 0) while (at < bytes.length && begins[bytes[at]!] === 0) at++;
      if (at >= bytes.length) break;
      const byte = bytes[at]!;
      this.#exact = exact.next(this.#exact, byte);
      const short = exact.match(this.#exact);
      if (short > 0) this.#add(offset + at + 1 - short, offset + at + 1);
      if (isBlank(byte)) {
        if (this.#spaced !== 0 && ++this.#blanks > blanksMax) this.#spaced = 0;
        continue;
      }
      this.#blanks = 0;
      this.#spaced = spaced.next(this.#spaced, byte);
      const depth = spaced.depth(this.#spaced);
      if (depth > this.#places.length) this.#grow();
      this.#places[this.#dense++ & (this.#places.length - 1)] = offset + at;
      const long = spaced.match(this.#spaced);
      if (long > 0) this.#add(this.#placeOf(long), offset + at + 1);
    }
  }

  /** Called before the byte that makes the state deeper than the ring is written: what the ring has is all that is needed. */
  #grow(): void {
    const old = this.#places;
    const places = new Float64Array(old.length * 2);
    for (let i = this.#dense - old.length; i < this.#dense; i++)
      places[i & (places.length - 1)] = old[i & (old.length - 1)]!;
    this.#places = places;
  }

  #add(from: number, to: number): void {
    let begin = from;
    for (let last = this.#found.at(-1); last && last.to >= begin; last = this.#found.at(-1)) {
      begin = Math.min(begin, last.from);
      this.#found.pop();
    }
    this.#found.push({ from: begin, to });
  }

  /** Everything before `safe`, and all of a secret that goes over it: only more of the same may come to that. */
  #tell(input: Buffer, safe: number): Buffer {
    const parts: Buffer[] = [];
    let at = this.#base;
    const pass = (to: number): void => {
      if (to <= at) return;
      parts.push(input.subarray(at - this.#base, to - this.#base));
      this.#isMasked = false;
      at = to;
    };
    let told = 0;
    for (const { from, to } of this.#found) {
      if (from >= safe) break;
      told++;
      pass(from);
      if (!this.#isMasked) parts.push(REPLACEMENT);
      this.#isMasked = true;
      at = Math.max(at, to);
    }
    if (told > 0) this.#found.splice(0, told);
    pass(safe);
    // A copy where little is left of much: it would hold the whole block.
    const rest = input.subarray(at - this.#base);
    this.#held = rest.length === 0 ? rest : Buffer.from(rest);
    this.#base = at;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
