/** Live output between its hosts and a watcher who may be slow. */
import { given } from '../base/given.ts';
import type { AttemptPlace, LiveOutput } from '../fleet/fleet.ts';

const NOTHING = new Uint8Array(0);

export type WatchedExecution = AttemptPlace & { readonly hostName?: string };

/** Live output that waits for its watcher: so much of it, then the oldest goes and is counted. */
export class HeldOutput {
  /** By attempt; undefined where it is of no host. */
  readonly #hostNames: Map<string, string | undefined>;
  readonly #bytesMax: number;
  #output: LiveOutput[] = [];
  #bytes = 0;
  /** What was dropped of each stream and not told yet: it is told with the next piece, or by itself if none comes. */
  readonly #dropped = new Map<string, LiveOutput>();
  onPush: () => void = () => undefined;
  /** Stops the flow. */
  end: () => void = () => undefined;

  constructor(executions: readonly WatchedExecution[], bytesMax: number) {
    this.#hostNames = new Map(executions.map(({ attempt, hostName }) => [attempt, hostName]));
    this.#bytesMax = bytesMax;
  }

  /** How many executions' output it may be of. */
  get size(): number {
    return this.#hostNames.size;
  }

  isOf(attempt: string): boolean {
    return this.#hostNames.has(attempt);
  }

  /** Of more than at first, whose flow `end` stops. */
  add(executions: readonly WatchedExecution[], end: () => void): void {
    for (const { attempt, hostName } of executions) this.#hostNames.set(attempt, hostName);
    const before = this.end;
    this.end = () => {
      before();
      end();
    };
  }

  get isEmpty(): boolean {
    return this.#output.length === 0;
  }

  push(output: LiveOutput): void {
    this.#output.push(output);
    this.#bytes += output.bytes.length;
    while (this.#bytes > this.#bytesMax) {
      const { bytes, ...piece } = this.#output.shift()!;
      this.#bytes -= bytes.length;
      const key = `${piece.attempt} ${piece.stream}`;
      const skipped = (this.#dropped.get(key)?.skipped ?? 0) + piece.skipped + bytes.length;
      this.#dropped.set(key, { ...piece, offset: piece.offset + bytes.length, bytes: NOTHING, skipped });
    }
    this.onPush();
  }

  /** Everything that is held. */
  take(): { readonly output: LiveOutput; readonly hostName?: string }[] {
    const told = this.#output.map((output) => {
      const key = `${output.attempt} ${output.stream}`;
      const dropped = this.#dropped.get(key);
      this.#dropped.delete(key);
      return dropped ? { ...output, skipped: output.skipped + dropped.skipped } : output;
    });
    const taken = [...told, ...this.#dropped.values()].map((output) => ({
      output,
      ...given({ hostName: this.#hostNames.get(output.attempt) }),
    }));
    this.#dropped.clear();
    this.#output = [];
    this.#bytes = 0;
    return taken;
  }
}
