/** Terms of the tasks of a run, of which a job of two thousand steps has as a rule the same in all. Pure. */
import type { TaskTerms } from './run-task.ts';

/** What tasks that say the same share: of a job of two thousand steps as a rule all. */
export class SharedTerms {
  readonly #known = new Map<string, TaskTerms>();

  /** Without the work, which a run needs for nothing and which may be large. */
  of({ policy, placement }: TaskTerms): TaskTerms {
    const key = JSON.stringify([policy, placement]);
    const terms = this.#known.get(key) ?? { policy, placement };
    this.#known.set(key, terms);
    return terms;
  }
}
