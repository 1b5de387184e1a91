/**
 * Secrets out of bytes: whatever belongs to a known form of one (base/secret-forms.ts) becomes `******`, however the stream was cut into
 * pieces. Longer forms are found over line breaks and blanks too, so a Base64 text that was wrapped and a key that was indented
 * or wrapped anew are masked like any other. Each byte is looked at once. What is held back because it may begin a secret is bounded
 * (`HELD_BYTES_MAX`), for a host may know the secret and write the beginning of it for ever, with blanks between: what is longer and
 * is still the beginning of a form is masked as if it were all of it. The forms of large secrets are made in slices, one set at a time.
 */
import { createHash } from 'node:crypto';
import { othersTurn } from '../base/clock.ts';
import { HeldBytes } from './held-bytes.ts';
import { secretForms } from '../base/secret-forms.ts';
import { PatternSet } from './pattern-set.ts';

const REPLACEMENT = Buffer.from('******');
/** Forms of so many bytes, blanks not counted, are told from ordinary text also where blanks stand between. */
const SPACED_BYTES_MIN = 16;
/** Longer runs of blanks than this, and than any of a secret, part what stands on both sides. */
const BLANKS_MAX = 256;
/** Of the beginning of a form, with the blanks between. No text that is so much like a secret is anything else. */
export const HELD_BYTES_MAX = 64 * 1024;
/** Secrets of so many bytes together are made ready at once, in a few milliseconds: most are passwords and tokens. */
const AT_ONCE_BYTES_MAX = 256;
/** Bytes of forms that are made in one go: a millisecond or two. */
const SLICE_BYTES = 16 * 1024;

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

/** In one go, which takes a while where the secrets are large: 10 ms for each KiB. */
export function createMask(secrets: readonly string[]): Mask {
  if (secrets.length === 0) return NOTHING;
  for (const making = FormMask.making(secrets); ; ) {
    const step = making.next();
    if (step.done) return step.value;
  }
}

/** Attempts of one run have the same secrets: what is made of them is shared for as long as one of them uses it. */
export class SharedMasks {
  readonly #made = new Map<string, WeakRef<Mask>>();
  readonly #beingMade = new Map<string, Promise<Mask>>();
  /** One set after the other, so that others have their turns between any two slices. */
  #last: Promise<unknown> = Promise.resolve();

  async of(secrets: readonly string[]): Promise<Mask> {
    if (secrets.length === 0) return NOTHING;
    const hash = createHash('sha256');
    for (const secret of secrets) hash.update(`${Buffer.byteLength(secret)}:`).update(secret);
    const key = hash.digest('base64');
    const known = this.#made.get(key)?.deref() ?? this.#beingMade.get(key);
    if (known) return known;
    if (secrets.reduce((sum, secret) => sum + Buffer.byteLength(secret), 0) <= AT_ONCE_BYTES_MAX)
      return this.#keep(key, createMask(secrets));
    const making = this.#last.then(() => madeInTurns(secrets)).then((mask) => this.#keep(key, mask));
    this.#beingMade.set(key, making);
    this.#last = making.then(
      () => undefined,
      () => void this.#beingMade.delete(key),
    );
    return making;
  }

  #keep(key: string, mask: Mask): Mask {
    for (const [other, ref] of this.#made) if (ref.deref() === undefined) this.#made.delete(other);
    this.#made.set(key, new WeakRef(mask));
    this.#beingMade.delete(key);
    return mask;
  }
}

async function madeInTurns(secrets: readonly string[]): Promise<Mask> {
  for (const making = FormMask.making(secrets); ; ) {
    const step = making.next();
    if (step.done) return step.value;
    await othersTurn();
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
  /** Bytes with which a form begins: all others pass quickly. */
  readonly begins = new Uint8Array(256);
  readonly exact: PatternSet;
  /** Patterns without their blanks, looked for in the stream without its blanks. */
  readonly spaced: PatternSet;
  readonly blanksMax: number;

  /** Slice by slice, each of a few milliseconds. */
  static *making(secrets: readonly string[]): Generator<void, FormMask> {
    const [exact, spaced] = [new Map<string, Buffer>(), new Map<string, Buffer>()];
    let blanksMax = BLANKS_MAX;
    let work = 0;
    for (const form of secretForms(secrets)) {
      const dense = withoutBlanks(form);
      if (dense.length < SPACED_BYTES_MIN) exact.set(form.toString('latin1'), form);
      else {
        spaced.set(dense.toString('latin1'), dense);
        blanksMax = Math.max(blanksMax, form.length - dense.length);
      }
      work += form.length;
      if (work < SLICE_BYTES) continue;
      work = 0;
      yield;
    }
    const [short, long] = [[...exact.values()], [...spaced.values()]];
    return new FormMask(
      { exact: yield* PatternSet.making(short), spaced: yield* PatternSet.making(long), blanksMax },
      [...short, ...long].map((form) => form[0]!),
    );
  }

  private constructor(
    { exact, spaced, blanksMax }: Pick<FormMask, 'exact' | 'spaced' | 'blanksMax'>,
    begins: readonly number[],
  ) {
    this.exact = exact;
    this.spaced = spaced;
    this.blanksMax = blanksMax;
    this.longest = Math.max(exact.longest, spaced.longest);
    for (const byte of begins) this.begins[byte] = 1;
  }

  stream(): MaskStream {
    return new FormStream(this);
  }
}

class FormStream implements MaskStream {
  readonly #mask: FormMask;
  readonly #held = new HeldBytes();
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
  /** Up to here all that the state of `spaced` stands for is among them, because it is too long to wait for the rest of it. */
  #covered = 0;
  /** What was told last is a replacement: a part that follows at once belongs to it. */
  #isMasked = false;

  constructor(mask: FormMask) {
    this.#mask = mask;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  push(bytes: Buffer, final: boolean): Buffer {
    const offset = this.#base + this.#held.length;
    this.#scan(bytes, offset);
    const end = offset + bytes.length;
    return this.#tell(bytes, final ? end : this.#firstOpen(end));
  }

  /** Where the earliest secret begins that the last bytes may be a part of, and that is not masked already. */
  #firstOpen(end: number): number {
    const { exact, spaced } = this.#mask;
    const depth = spaced.depth(this.#spaced);
    const place = depth === 0 ? end : depth > HELD_BYTES_MAX ? 0 : this.#placeOf(depth);
    return Math.min(end - exact.depth(this.#exact), Math.max(place, this.#covered));
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
      if (depth > this.#places.length && depth <= HELD_BYTES_MAX) this.#grow();
      this.#places[this.#dense++ & (this.#places.length - 1)] = offset + at;
      this.#findSpaced(depth, spaced.match(this.#spaced), offset + at + 1);
    }
  }

  /** After the byte before `end`: of the form that it may be a part of so many bytes are here; `long`, if not 0, are a whole one. */
  #findSpaced(depth: number, long: number, end: number): void {
    if (depth > HELD_BYTES_MAX) {
      // Where it began is not remembered: further back than what was covered before this byte.
      this.#add(Math.min(this.#found.at(-1)?.from ?? this.#covered, this.#covered), end);
      this.#covered = end;
      return;
    }
    if (depth > 0 && end - this.#placeOf(depth) >= HELD_BYTES_MAX) {
      this.#add(this.#placeOf(depth), end);
      this.#covered = end;
    } else if (long > 0) this.#add(this.#placeOf(long), end);
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
  #tell(bytes: Buffer, safe: number): Buffer {
    const parts: Buffer[] = [];
    let at = this.#base;
    let fresh = bytes;
    const upTo = (to: number): Buffer[] => {
      const held = this.#held.take(to - at);
      const rest = Math.max(0, to - at - held.reduce((sum, { length }) => sum + length, 0));
      at = Math.max(at, to);
      if (rest === 0) return held;
      held.push(fresh.subarray(0, rest));
      fresh = fresh.subarray(rest);
      return held;
    };
    const pass = (to: number): void => {
      if (to <= at) return;
      parts.push(...upTo(to));
      this.#isMasked = false;
    };
    let told = 0;
    for (const { from, to } of this.#found) {
      if (from >= safe) break;
      told++;
      pass(from);
      if (!this.#isMasked) parts.push(REPLACEMENT);
      this.#isMasked = true;
      upTo(to);
    }
    if (told > 0) this.#found.splice(0, told);
    pass(safe);
    this.#held.put(fresh);
    this.#base = at;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}

/** By hand: what calls back for each byte takes fifty times as long. */
function withoutBlanks(form: Buffer): Buffer {
  const dense = Buffer.allocUnsafe(form.length);
  let length = 0;
  for (let at = 0; at < form.length; at++) if (!isBlank(form[at]!)) dense[length++] = form[at]!;
  return dense.subarray(0, length);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
