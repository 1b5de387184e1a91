/** Names of another scheduler as names of Drover: the same where they may be, else the nearest that may, and never one for two. */
import { isUuid } from '../base/ids.ts';
import { limits } from '../base/limits.ts';

export class Names {
  readonly #given = new Map<string, string>();
  readonly #taken = new Set<string>();
  /** Of names that come to the same: up to which number all are taken. */
  readonly #counted = new Map<string, number>();
  readonly #fit: (name: string) => string;
  readonly #between: string;

  private constructor(fit: (name: string) => string, between: string) {
    this.#fit = fit;
    this.#between = between;
  }

  /** Of jobs, stages and steps. */
  static plain(): Names {
    return new Names((name) => {
      const fit = name.replace(/[^A-Za-z0-9_.:@-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '');
      return fit === '' || isUuid(fit.toLowerCase()) ? `n-${fit}` : fit;
    }, '-');
  }

  static parameters(): Names {
    return new Names((name) => {
      const fit = name.toLowerCase().replace(/[^a-z0-9_]+/g, '_');
      return /^[a-z]/.test(fit) ? fit : `p_${fit}`;
    }, '_');
  }

  /** The same for the same key, always. */
  of(key: string, name = key): string {
    const before = this.#given.get(key);
    if (before !== undefined) return before;
    const fit = this.#fit(name).slice(0, limits.nameLengthMax - 6);
    let own = fit;
    let n = this.#counted.get(fit) ?? 1;
    while (this.#taken.has(own)) own = `${fit}${this.#between}${++n}`;
    this.#counted.set(fit, n);
    this.#taken.add(own);
    this.#given.set(key, own);
    return own;
  }
}
