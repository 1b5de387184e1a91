/**
 * What is known of a run of the suite while it goes on: so that a failure is named when it happens, and a run that is stopped on the way can
 * tell what failed and what was not tried. Told by `test-reporter.ts` in the process of Vitest, kept in that of `npm test`.
 */
export type SuiteWord =
  /** All files of the run, by their paths below the repository. */
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | { readonly kind: 'begun'; readonly file: string; readonly atMs: number }
  /** How many tests a file has. */
  | { readonly kind: 'collected'; readonly file: string; readonly tests: number }
  | { readonly kind: 'test'; readonly file: string; readonly name: string; readonly state: TestState }
  /** Something beside a test went wrong: a file could not be loaded, or what is done before or after its tests failed. */
  | { readonly kind: 'fault'; readonly file: string; readonly name: string }
  | { readonly kind: 'ended'; readonly file: string; readonly atMs: number };
export type TestState = 'passed' | 'failed' | 'skipped';

interface FileRecord {
  tests?: number;
  tried: number;
  begunAtMs?: number;
  endedAtMs?: number;
}

const SLOWEST_SHOWN = 8;

export class SuiteRecord {
  readonly #files = new Map<string, FileRecord>();
  readonly #failures: string[] = [];
  readonly #untried: string[] = [];
  #passed = 0;
  #failed = 0;

  hear(word: SuiteWord): void {
    if (word.kind === 'files') {
      for (const file of word.files) this.#fileOf(file);
      return;
    }
    const file = this.#fileOf(word.file);
    switch (word.kind) {
      case 'begun':
        file.begunAtMs = word.atMs;
        return;
      case 'collected':
        file.tests = word.tests;
        return;
      case 'test':
        file.tried++;
        if (word.state === 'passed') this.#passed++;
        else if (word.state === 'skipped') this.#untried.push(word.name);
        else {
          this.#failed++;
          this.#failures.push(`${word.file} > ${word.name}`);
        }
        return;
      case 'fault':
        this.#failures.push(`${word.file} > ${word.name}`);
        return;
      case 'ended':
        file.endedAtMs = word.atMs;
    }
  }

  #fileOf(path: string): FileRecord {
    const known = this.#files.get(path);
    if (known) return known;
    const file: FileRecord = { tried: 0 };
    this.#files.set(path, file);
    return file;
  }

  /** Whether a test was left out, which CI does not put up with. */
  get hasUntried(): boolean {
    return this.#untried.length > 0;
  }

  /** Whether every file came to its end. */
  get isWhole(): boolean {
    return this.#files.size > 0 && [...this.#files.values()].every((file) => file.endedAtMs !== undefined);
  }

  /** How it went, in the last lines of a run that came to its end. */
  endText(): string {
    const reasons = [...reasonsOf(this.#untried)].map(([reason, count]) => `${count} not tried: ${reason}`);
    return [...reasons, `slowest: ${this.#slowest().join(', ')}`, this.#countsText()].join('\n');
  }

  /** How it stood when it was stopped: what failed, and every file of which not all was tried. */
  stoppedText(): string {
    const untried = [...this.#files].filter(([, file]) => file.endedAtMs === undefined);
    const [begun, waiting] = [
      untried.filter(([, file]) => file.begunAtMs !== undefined),
      untried.filter(([, file]) => file.begunAtMs === undefined),
    ];
    const left = ([path, { tests, tried }]: [string, FileRecord]): string =>
      `  ${path}${tests === undefined ? '' : `: ${tried} of ${tests} tests tried`}`;
    return [
      `Stopped: ${this.#countsText()}, ${untried.length} of ${this.#files.size} files not tried to their end.`,
      ...(this.#failures.length > 0 ? ['failed:', ...this.#failures.map((name) => `  ${name}`)] : []),
      ...(begun.length > 0 ? ['stopped on the way:', ...begun.map(left)] : []),
      ...(waiting.length > 0 ? ['not begun:', ...waiting.map(([path]) => `  ${path}`)] : []),
    ].join('\n');
  }

  #countsText(): string {
    const skipped = this.#untried.length > 0 ? `, ${this.#untried.length} skipped` : '';
    return `${this.#passed} passed, ${this.#failed} failed${skipped}`;
  }

  /** The files that the suite's time went to, so that one that grows is seen before the suite is slow. */
  #slowest(): readonly string[] {
    return [...this.#files]
      .flatMap(([path, { begunAtMs, endedAtMs }]) =>
        begunAtMs === undefined || endedAtMs === undefined ? [] : [{ path, ms: endedAtMs - begunAtMs }],
      )
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, SLOWEST_SHOWN)
      .map(({ path, ms }) => `${path} ${Math.round(ms / 1_000)} s`);
  }
}

/** Why tests were not tried, as `requiring` wrote it into their titles or those of their groups, and how many each. */
function reasonsOf(titles: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const title of titles) {
    const reason = /\[not tried: ([^\]]+)\]/.exec(title)?.[1] ?? title;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}
