/** Bytes of patterns, or states made of them, that are seen to in one go: a millisecond or two. */
const SLICE_BYTES = 16 * 1024;

/**
 * Many byte patterns looked for at once, one step per byte whatever the patterns are (Aho and Corasick). A state is the longest
 * beginning of a pattern that the last bytes are; children of a state are a list, because nearly all have one. Costs 21 bytes for
 * each byte of the patterns, and some 100 ns to make, which is made in slices where it is much.
 */
export class PatternSet {
  /** Of the longest pattern. */
  readonly longest: number;
  readonly #root = new Int32Array(256);
  readonly #byte: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #fail: Int32Array;
  readonly #depth: Int32Array;
  /** Length of the longest pattern that ends in the state; 0 where none does. */
  readonly #match: Int32Array;
  #states = 1;

  /** Made slice by slice, each of about `SLICE_BYTES` of patterns. */
  static *making(patterns: readonly Uint8Array[]): Generator<void, PatternSet> {
    const set = new PatternSet(patterns);
    let work = 0;
    for (const pattern of patterns) {
      set.#insert(pattern);
      work += pattern.length;
      if (work < SLICE_BYTES) continue;
      work = 0;
      yield;
    }
    yield* set.#link();
    return set;
  }

  private constructor(patterns: readonly Uint8Array[]) {
    const most = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
    this.#byte = new Uint8Array(most);
    this.#child = new Int32Array(most);
    this.#sibling = new Int32Array(most);
    this.#fail = new Int32Array(most);
    this.#depth = new Int32Array(most);
    this.#match = new Int32Array(most);
    this.longest = patterns.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** From a state by a byte; 0 is the beginning. */
  next(state: number, byte: number): number {
    for (let at = state; at !== 0; at = this.#fail[at]!) {
      const child = this.#childOf(at, byte);
      if (child !== 0) return child;
    }
    return this.#root[byte]!;
  }

  /** Length of the beginning that the state stands for: so many of the last bytes may become part of a match. */
  depth(state: number): number {
    return this.#depth[state]!;
  }

  /** Length of the longest pattern that has just ended; 0 for none. */
  match(state: number): number {
    return this.#match[state]!;
  }

  #childOf(state: number, byte: number): number {
    if (state === 0) return this.#root[byte]!;
    for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!)
      if (this.#byte[child] === byte) return child;
    return 0;
  }

  #insert(pattern: Uint8Array): void {
    let state = 0;
    for (const byte of pattern) {
      let child = this.#childOf(state, byte);
      if (child === 0) {
        child = this.#states++;
        this.#byte[child] = byte;
        this.#depth[child] = this.#depth[state]! + 1;
        if (state === 0) this.#root[byte] = child;
        this.#sibling[child] = this.#child[state]!;
        this.#child[state] = child;
      }
      state = child;
    }
    this.#match[state] = pattern.length;
  }

  /** Breadth first: where a state fails to, and whether a shorter pattern ends there, is known before its children are. */
  *#link(): Generator<void> {
    const order = new Int32Array(this.#states);
    let end = 1;
    for (let at = 0; at < end; at++) {
      if (at % SLICE_BYTES === SLICE_BYTES - 1) yield;
      const state = order[at]!;
      for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!) {
        order[end++] = child;
        this.#fail[child] = state === 0 ? 0 : this.next(this.#fail[state]!, this.#byte[child]!);
        if (this.#match[child] === 0) this.#match[child] = this.#match[this.#fail[child]!]!;
      }
    }
  }
}
