/**
 * Acknowledgements that wait to be sent. Nobody is in a hurry for one: its executor keeps what it has reported, and
 * reports again after `reportRetryBaseMs`. In the middle of a burst each takes as much of a server, a worker and a host
 * as an order does, so they go once the burst is over, or have waited long enough. What is lost with this process is
 * reported again to whoever owns the run then.
 */
import type { Clock } from '../base/clock.ts';
import type { AttemptId, WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Executor } from '../domain/run/executor.ts';

export interface WaitingAck {
  readonly attempt: AttemptId;
  readonly executor: Executor;
}

/** A burst is over when none has come for so long. */
const QUIET_MS = 100;

export class WaitingAcks {
  readonly #clock: Clock;
  readonly #send: (workerId: WorkerId, acks: readonly WaitingAck[]) => void;
  readonly #byWorker = new Map<WorkerId, WaitingAck[]>();
  #count = 0;
  #firstAt = 0;
  #lastAt = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, send: (workerId: WorkerId, acks: readonly WaitingAck[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** `workerId`: by whose link they go. */
  add(workerId: WorkerId, acks: readonly WaitingAck[]): void {
    const waiting = this.#byWorker.get(workerId);
    if (waiting) for (const ack of acks) waiting.push(ack);
    else this.#byWorker.set(workerId, [...acks]);
    this.#count += acks.length;
    if (this.#count >= limits.acksWaitingMax) return this.sendAll();
    this.#lastAt = this.#clock.monotonicMs();
    if (this.#cancelTimer) return;
    this.#firstAt = this.#lastAt;
    this.#look(QUIET_MS);
  }

  sendAll(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#count = 0;
    const all = [...this.#byWorker];
    this.#byWorker.clear();
    for (const [workerId, acks] of all) this.#send(workerId, acks);
  }

  /** One timer for all: it is not set anew with each that comes, but looks when it is due. */
  #look(delayMs: number): void {
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      const dueAt = Math.min(this.#lastAt + QUIET_MS, this.#firstAt + limits.ackWaitMsMax);
      const leftMs = dueAt - this.#clock.monotonicMs();
      if (leftMs > 0) this.#look(leftMs);
      else this.sendAll();
    });
  }
}
