/** Who is told, here and now, of every commit of this very server that touches a run. */
import type { RunId } from '../base/ids.ts';

export class RunProgress {
  readonly #callbacks = new Map<RunId, Set<() => void>>();

  /** The answer ends it. */
  on(runId: RunId, callback: () => void): () => void {
    const callbacks = this.#callbacks.get(runId) ?? new Set();
    this.#callbacks.set(runId, callbacks);
    callbacks.add(callback);
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0) this.#callbacks.delete(runId);
    };
  }

  tell(runId: RunId): void {
    for (const callback of this.#callbacks.get(runId) ?? []) callback();
  }
}
