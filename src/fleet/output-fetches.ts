/**
 * Ranges of whole outputs, fetched from the hosts themselves: what was asked of whom, so that nobody else answers and
 * nothing else is taken.
 */
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { isWorker, type Route } from '../domain/run/executor.ts';
import type { WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import type { AgentSessions } from './agent-sessions.ts';
import type { AttemptPlace } from './fleet.ts';
import { WorkerRequests } from './worker-requests.ts';
import type { LinkedWorker, WorkerRoster } from './worker-roster.ts';

export interface OutputRange {
  readonly stream: 1 | 2;
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}
export interface FetchedOutput {
  readonly bytes: Uint8Array;
  /** Bytes of the whole output. */
  readonly size: number;
  readonly eof: boolean;
}
type Frame<T extends WorkerToServerFrame['t']> = Extract<WorkerToServerFrame, { t: T }>;

const FETCH_MS = 15_000;

export class OutputFetches {
  readonly #roster: WorkerRoster;
  readonly #sessions: AgentSessions;
  readonly #requests: WorkerRequests<FetchedOutput>;
  /** What of which attempt was asked for under which number. */
  readonly #asked = new Map<number, AttemptPlace & Omit<OutputRange, 'length'>>();

  constructor(options: { readonly clock: Clock; readonly roster: WorkerRoster; readonly sessions: AgentSessions }) {
    this.#roster = options.roster;
    this.#sessions = options.sessions;
    this.#requests = new WorkerRequests(
      options.clock,
      FETCH_MS,
      new DroverError('host-not-linked', {
        detail: 'The host is not connected now; its whole output can be fetched when it is back.',
      }),
    );
  }

  stop(): void {
    this.#requests.stop();
  }

  /** `route`: by which the executor of the attempt is asked; undefined where it is not here. */
  async fetch(place: AttemptPlace, route: Route | undefined, range: OutputRange): Promise<FetchedOutput> {
    const { stream, offset, length } = range;
    let asked = 0;
    return this.#requests
      .ask(route && this.#roster.of(route.workerId)?.link, (id) => {
        asked = id;
        const { executor } = route!;
        this.#asked.set(id, { ...place, executor, stream, offset });
        return { t: 'fetch', id, executor, a: place.attempt, stream, offset, length };
      })
      .finally(() => this.#asked.delete(asked));
  }

  /** An agent's answer, under its seal. */
  saidByAgent(worker: LinkedWorker, frame: Frame<'data-said'>): void {
    const asked = this.#asked.get(frame.id);
    const said = this.#sessions.open(worker.id, frame.agentId, frame);
    if (said?.frame.t !== 'data' || !asked || asked.hostId !== said.session.hostId) return;
    const { a, stream, offset, ...answer } = said.frame;
    if (a !== asked.attempt || stream !== asked.stream || offset !== asked.offset) return;
    this.#answer(worker, frame.id, answer);
  }

  /** A worker's own answer; where an agent was asked, a worker can say nothing but that there is no answer. */
  saidByWorker(worker: LinkedWorker, frame: Frame<'data'>): void {
    if (!isWorker(this.#asked.get(frame.id)?.executor, worker.id) && frame.error === undefined) return;
    this.#answer(worker, frame.id, frame);
  }

  #answer({ link }: LinkedWorker, id: number, answer: FetchedOutput & { readonly error?: string }): void {
    const { bytes, size, eof, error } = answer;
    this.#requests.answer(link, id, error === undefined ? undefined : { code: error }, { bytes, size, eof });
  }
}
