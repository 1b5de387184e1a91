/**
 * What a worker says of itself: every few seconds, and soon after the number of what is under way or waits has changed, for somebody may
 * be waiting for a drained worker to be empty. What its agents said of theirs goes along with the regular one.
 */
import type { Clock } from '../base/clock.ts';
import type { WorkerAgentLoads, WorkerLoad } from '../protocol/link/worker-v1.ts';

export interface LoadReportOptions {
  readonly clock: Clock;
  readonly figures: () => Pick<WorkerLoad, 'agents' | 'queued' | 'outputBytesHeld' | 'framesRefused'> &
    Required<Pick<WorkerLoad, 'lanes'>>;
  readonly agentLoads: () => readonly WorkerAgentLoads[];
  /** To every server. */
  readonly send: (frame: WorkerLoad | WorkerAgentLoads) => void;
}

const EVERY_MS = 5_000;
/** Between two looks, and so between two reports at least. */
const LOOK_MS = 500;

export class LoadReport {
  readonly #options: LoadReportOptions;
  #told = '';
  #dueAt = 0;
  #lookAt = 0;
  /** The worst since it was last told. */
  #lagMs = 0;
  #cancel = (): void => undefined;

  constructor(options: LoadReportOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    this.#dueAt = clock.monotonicMs() + EVERY_MS;
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  /** Whoever asks is told how it is now. */
  tell(): void {
    const { figures, send } = this.#options;
    const now = figures();
    this.#told = busyness(now);
    send({ t: 'load', ...now, rssBytes: process.memoryUsage.rss(), lagMs: this.#lagMs });
    this.#lagMs = 0;
  }

  #schedule(): void {
    const { clock } = this.#options;
    this.#lookAt = clock.monotonicMs() + LOOK_MS;
    this.#cancel = clock.after(LOOK_MS, () => this.#look(), { unref: true });
  }

  #look(): void {
    const { clock, agentLoads, figures, send } = this.#options;
    const now = clock.monotonicMs();
    this.#lagMs = Math.max(this.#lagMs, now - this.#lookAt);
    if (now >= this.#dueAt) {
      this.#dueAt = now + EVERY_MS;
      this.tell();
      for (const loads of agentLoads()) send(loads);
    } else if (busyness(figures()) !== this.#told) this.tell();
    this.#schedule();
  }
}

function busyness({ queued, lanes }: Pick<WorkerLoad, 'queued'> & Required<Pick<WorkerLoad, 'lanes'>>): string {
  return `${queued} ${lanes.agent.underWay} ${lanes.ssh.underWay}`;
}
