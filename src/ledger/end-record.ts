/**
 * Brings the ends of attempts to the disk: scrub, describe, journal, tell. In this order: nothing is told before it is durable,
 * nothing is described before it is clean. A disk without space delays it; each step may be repeated, and is, until the end is
 * recorded or the agent stops (its successor finds the end again).
 */
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { AgentReport, ExecutionSpec } from '../protocol/link/agent-v1.ts';
import type { Journal } from './journal.ts';
import type { SharedMasks } from './mask.ts';
import type { Spool } from '../engines/process/spool.ts';

/** What a user reads, by either way, where the files of what he runs are gone when it ends. */
export const FILES_DELETED =
  'Somebody deleted its files on the host while it ran. How it ended is certain; some of its output may be missing.';

export type Outcome = Omit<AgentReport, 't' | 'a' | 'finishedAtMs' | 'stdout' | 'stderr'>;

/** How soon a full disk is noticed to have space again, at the latest. */
const RETRY_MS_MAX = 5_000;

interface EndRecorderOptions {
  readonly masks: SharedMasks;
  readonly journal: Journal;
  readonly spool: Pick<Spool, 'scrub' | 'hasStreams' | 'describe'>;
  readonly clock: Clock;
  readonly log: Log;
}

export class EndRecorder {
  readonly #options: EndRecorderOptions;
  readonly #working = new Map<string, Promise<void>>();
  /** Ends the pauses of those that wait for space. */
  readonly #wakers = new Set<() => void>();
  #stopped = false;

  constructor(options: EndRecorderOptions) {
    this.#options = options;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const wake of this.#wakers) wake();
    await Promise.allSettled(this.#working.values());
  }

  begin(attempt: string, spec: ExecutionSpec | undefined, outcome: Outcome, onDurable: () => void): void {
    const work = this.#persist(attempt, spec, outcome, onDurable).finally(() => this.#working.delete(attempt));
    this.#working.set(attempt, work);
  }

  async #persist(
    attempt: string,
    spec: ExecutionSpec | undefined,
    outcome: Outcome,
    onDurable: () => void,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const finishedAtMs = clock.nowMs();
    for (let tries = 0; ; tries++) {
      try {
        await this.#record(attempt, spec, outcome, finishedAtMs);
        break;
      } catch (error) {
        if (tries === 0)
          log.error(
            { attempt, err: error },
            'the end of an execution could not be recorded; it is tried again until it can be',
          );
        if (!this.#stopped) await this.#pause(Math.min(RETRY_MS_MAX, 100 * 2 ** tries));
        if (this.#stopped) return;
      }
    }
    onDurable();
  }

  async #record(
    attempt: string,
    spec: ExecutionSpec | undefined,
    outcome: Outcome,
    finishedAtMs: number,
  ): Promise<void> {
    const { journal, spool } = this.#options;
    const secrets = Object.values(spec?.secrets ?? {});
    if (secrets.length > 0) await spool.scrub(attempt, this.#options.masks.of(secrets));
    const lost = outcome.startedAtMs !== undefined && !(await spool.hasStreams(attempt));
    const detail = lost ? { detail: [outcome.detail, FILES_DELETED].filter(Boolean).join(' ') } : {};
    const kept = spec?.outputKeptBytes ?? limits.outputKeptBytesDefault;
    const [stdout, stderr] = await Promise.all([spool.describe(attempt, 1, kept), spool.describe(attempt, 2, kept)]);
    await journal.append({
      k: 'ended',
      a: attempt,
      report: { t: 'report', a: attempt, ...outcome, ...detail, finishedAtMs, stdout, stderr },
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#wakers.delete(end);
        resolve();
      };
      const cancel = this.#options.clock.after(ms, end, { unref: true });
      this.#wakers.add(end);
    });
  }
}
