/** Live output between its hosts and a watcher who may be slow. */
import { given } from '../base/given.ts';
import type { AttemptPlace, LiveOutput } from '../fleet/fleet.ts';

const NOTHING = new Uint8Array(0);

/** Neither for a task without hosts that has no items. */
export interface OutputOf {
  readonly hostName?: string;
  readonly item?: string;
}
export type WatchedExecution = AttemptPlace & OutputOf;

/** Live output that waits for its watcher: so much of it, then the oldest goes and is counted. */
export class HeldOutput {
  /** By attempt. */
  readonly #of: Map<string, OutputOf>;
  readonly #bytesMax: number;
  #output: LiveOutput[] = [];
  #bytes = 0;
  /** What was dropped of each stream and not told yet: it is told with the next piece, or by itself if none comes. */
  readonly #dropped = new Map<string, LiveOutput>();
  onPush: () => void = () => undefined;
  /** Stops the flow. */
  end: () => void = () => undefined;

  constructor(executions: readonly WatchedExecution[], bytesMax: number) {
    this.#of = new Map(executions.map((one) => [one.attempt, outputOf(one)]));
    this.#bytesMax = bytesMax;
  }

  /** How many executions' output it may be of. */
  get size(): number {
    return this.#of.size;
  }

  isOf(attempt: string): boolean {
    return this.#of.has(attempt);
  }

  /** Of more than at first, whose flow `end` stops. */
  add(executions: readonly WatchedExecution[], end: () => void): void {
    for (const one of executions) this.#of.set(one.attempt, outputOf(one));
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
  take(): (OutputOf & { readonly output: LiveOutput })[] {
    const told = this.#output.map((output) => {
      const key = `${output.attempt} ${output.stream}`;
      const dropped = this.#dropped.get(key);
      this.#dropped.delete(key);
      return dropped ? { ...output, skipped: output.skipped + dropped.skipped } : output;
    });
    const taken = [...told, ...this.#dropped.values()].map((output) => ({ output, ...this.#of.get(output.attempt) }));
    this.#dropped.clear();
    this.#output = [];
    this.#bytes = 0;
    return taken;
  }
}

function outputOf({ hostName, item }: OutputOf): OutputOf {
  return given({ hostName, item });
}
