/**
 * Users at work while the machines break: runs are started on all hosts and on some, a few are cancelled, ended ones are retried, and
 * whoever asks gets an answer in the end. What is started is remembered, because at the end it must all be there.
 */
import { pause, systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { Random } from '../../src/base/random.ts';
import type { ChaosApi } from './api.ts';
import { chaosScript } from './script.ts';

const OPEN_MAX = 8;
const RETRY_STATES = ['failed', 'timed_out', 'lost', 'not_started', 'cancelled'] as const;
const ENDED = ['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped'];
const TARGETS = ['all', 'all', 'parity=even', 'parity=odd', 'host-1 or host-4', 'all and not host-2'];

export class Load {
  readonly #api: ChaosApi;
  readonly #random: Random;
  readonly #traces: string;
  readonly runIds = new Set<string>();
  readonly #open = new Set<Promise<void>>();
  readonly faults: string[] = [];
  readonly counts = { created: 0, cancelled: 0, retried: 0 };

  constructor(api: ChaosApi, random: Random, traces: string) {
    this.#api = api;
    this.#random = random;
    this.#traces = traces;
  }

  /** Until the signal; resolves when every user has got their answers. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      while (this.#open.size < OPEN_MAX) this.#spawn(signal);
      await Promise.race([...this.#open, pause(systemClock, 500, signal)]);
    }
    await Promise.all(this.#open);
  }

  #spawn(signal: AbortSignal): void {
    // All draws of one user before the first answer, so that the order of answers cannot change them.
    const plan = {
      script: chaosScript(this.#random),
      targets: this.#pick(TARGETS),
      retries: this.#random.next() < 0.2 ? 1 : 0,
      concurrency: this.#random.next() < 0.2 ? 2 : undefined,
      timeout: this.#random.next() < 0.1 ? '1500ms' : '30s',
      lostAfter: this.#random.next() < 0.4 ? '3s' : '20s',
      cancelAfterMs: this.#random.next() < 0.15 ? this.#random.next() * 3_000 : undefined,
      retry: this.#random.next() < 0.3,
    };
    const user = this.#user(plan, signal)
      .catch((error: Error) => void this.faults.push(error.message))
      .finally(() => this.#open.delete(user));
    this.#open.add(user);
  }

  async #user(
    plan: {
      script: { kind: string; text: string };
      targets: string;
      retries: number;
      concurrency: number | undefined;
      timeout: string;
      lostAfter: string;
      cancelAfterMs: number | undefined;
      retry: boolean;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const created = await this.#api.post('/api/v1/runs', {
      targets: plan.targets,
      script: plan.script.text,
      name: plan.script.kind,
      params: { TRACES: this.#traces },
      timeout: plan.timeout,
      killAfter: '2s',
      startDeadline: '60s',
      lostAfter: plan.lostAfter,
      retries: plan.retries,
      ...given({ concurrency: plan.concurrency }),
    });
    if (created.status !== 201) throw new Error(`a run was refused: ${created.status} ${JSON.stringify(created.body)}`);
    const id = String(created.body.id);
    this.runIds.add(id);
    this.counts.created++;
    if (plan.cancelAfterMs !== undefined) {
      await pause(systemClock, plan.cancelAfterMs);
      const cancelled = await this.#api.post(`/api/v1/runs/${id}/cancel`, {});
      if (cancelled.status === 202) this.counts.cancelled++;
      else if (cancelled.body.code !== 'run-already-finished')
        throw new Error(`run ${id} could not be cancelled: ${JSON.stringify(cancelled.body)}`);
    }
    await this.#ended(id);
    if (!plan.retry || signal.aborted) return;
    const retried = await this.#api.post(`/api/v1/runs/${id}/retry`, { states: RETRY_STATES });
    if (retried.status === 201) this.counts.retried++;
    else if (retried.body.code !== 'nothing-to-retry' && retried.body.code !== 'run-not-finished')
      throw new Error(`run ${id} could not be retried: ${JSON.stringify(retried.body)}`);
    await this.#ended(id);
  }

  async #ended(id: string): Promise<void> {
    for (let state = ''; !ENDED.includes(state); await pause(systemClock, 400)) {
      const { status, body } = await this.#api.get(`/api/v1/runs/${id}`);
      if (status !== 200) throw new Error(`run ${id} is gone: ${status} ${JSON.stringify(body)}`);
      state = String(body.state);
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.next() * from.length)]!;
  }
}
