/**
 * Texts of jobs as they were read last. A text is read in half a second at the most, whoever starts a job of it with a few bytes, and it
 * never changes: so the same text is read once while it is used.
 */
import { jobLimits } from '../base/job-limits.ts';
import { parseJob, type ParsedJob } from '../domain/job/job-definition.ts';

export class JobDefinitions {
  /** By text; the one used last is the last. What is refused is told to whoever wrote it, and not kept. */
  readonly #kept = new Map<string, ParsedJob>();
  #length = 0;

  of(text: string): ParsedJob {
    const kept = this.#kept.get(text);
    if (kept) {
      this.#kept.delete(text);
      this.#kept.set(text, kept);
      return kept;
    }
    const parsed = parseJob(text);
    if (parsed.ok) this.#keep(text, parsed);
    return parsed;
  }

  #keep(text: string, parsed: ParsedJob): void {
    this.#kept.set(text, parsed);
    this.#length += text.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#length <= jobLimits.jobTextsKeptLengthMax) return;
      this.#kept.delete(oldest);
      this.#length -= oldest.length;
    }
  }
}
