/**
 * What a worker says of itself: every few seconds, and soon after the number of what is under way or waits has changed, for somebody may
 * be waiting for a drained worker to be empty. What its agents said of theirs goes along with the regular one. One with nothing to do
 * looks at itself no more often than it reports.
 */
import type { Clock } from '../base/clock.ts';
import type { WorkerAgentLoads, WorkerLoad } from '../protocol/link/worker-v1.ts';

export interface LoadReportOptions {
  readonly clock: Clock;
  readonly figures: () => Pick<
    WorkerLoad,
    'agents' | 'queued' | 'outputBytesHeld' | 'resources' | 'framesRefused' | 'framesPassedOver'
  > &
    Required<Pick<WorkerLoad, 'lanes'>>;
  readonly agentLoads: () => readonly WorkerAgentLoads[];
  /** To every server. */
  readonly send: (frame: WorkerLoad | WorkerAgentLoads) => void;
}

const EVERY_MS = 5_000;
/** Between two looks of a busy one, and so between two reports at least. */
const LOOK_MS = 500;

export class LoadReport {
  readonly #options: LoadReportOptions;
  #told = '';
  #isBusy = true;
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
    this.#isBusy = this.#told !== IDLE;
    send({ t: 'load', ...now, rssBytes: process.memoryUsage.rss(), lagMs: this.#lagMs });
    this.#lagMs = 0;
  }

  /** There may be something to do from now on. */
  stir(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#cancel();
    this.#schedule();
  }

  #schedule(): void {
    const { clock } = this.#options;
    const now = clock.monotonicMs();
    const waitMs = this.#isBusy ? LOOK_MS : Math.max(LOOK_MS, this.#dueAt - now);
    this.#lookAt = now + waitMs;
    this.#cancel = clock.after(waitMs, () => this.#look(), { unref: true });
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
    else this.#isBusy = this.#told !== IDLE;
    this.#schedule();
  }
}

const IDLE = '0';

/** What there is to do: what waits, and what is under way on each lane. Anything but nothing reads other than `IDLE`. */
function busyness({ queued, lanes }: Pick<WorkerLoad, 'queued'> & Required<Pick<WorkerLoad, 'lanes'>>): string {
  const underWay = Object.values(lanes).map((lane) => lane.underWay);
  return queued + Math.max(...underWay) === 0 ? IDLE : [queued, ...underWay].join(' ');
}
