/** A gate among the tasks of a run, in its owner's memory. Pure. */
import { given } from '../../base/given.ts';
import type { Now } from '../crew/crew.ts';
import type { StopKind } from '../crew/stop.ts';
import type { GateWork } from '../work/work.ts';
import type { ApprovalAnswer } from './approval.ts';
import { advanceGate, begunGate, neverBegunGate, type GateMessage, type GatePosition } from './gate-position.ts';

/** As it is read. */
export interface SeedGate {
  readonly work: GateWork;
  /** Absent before its turn. */
  readonly position?: GatePosition;
  readonly answers: readonly ApprovalAnswer[];
}

export class GateTask {
  readonly work: GateWork;
  /** As it is decided; absent before its turn. */
  position: GatePosition | undefined;
  #answers: readonly ApprovalAnswer[] = [];
  readonly #message: () => GateMessage;
  /** By the owner's monotonic clock. */
  #dueAt = Number.POSITIVE_INFINITY;

  constructor({ work, position, answers }: SeedGate, message: () => GateMessage) {
    this.work = work;
    this.position = position;
    this.#message = message;
    this.hear(answers);
  }

  /** All that people have said: those answers count that are to what is asked now. @returns whether any is new. */
  hear(answers: readonly ApprovalAnswer[]): boolean {
    const { position } = this;
    if (position?.phase !== 'asking') return false;
    this.#answers = answers.filter(({ askedMs }) => askedMs === position.sinceMs);
    return this.#answers.length > position.heard;
  }

  /** Those that are heard by its present position, and were not by `before`: to be told with it. */
  heardSince(before: GatePosition | undefined): readonly ApprovalAnswer[] {
    return this.#answers.slice(before?.heard ?? 0, this.position?.heard ?? 0);
  }

  /** When it is to be looked at, if nothing is heard until then, by the owner's monotonic clock. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Whether it goes on only when people have answered. */
  get isHeld(): boolean {
    return this.position?.phase === 'asking';
  }

  /** `mayBegin`: its turn has come, and nobody has paused it. */
  advance(now: Now, mayBegin: boolean, stopping: StopKind | undefined): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    const stop =
      stopping === undefined ? undefined : stopping === 'cancel' || stopping === 'abort' ? 'cancelled' : 'skipped';
    if (!this.position) {
      if (stop !== undefined) this.position = neverBegunGate(stop, now.ms);
      else if (mayBegin) this.position = begunGate(this.work, this.#message, now.ms);
      else return;
    }
    this.position = advanceGate(this.work, this.position, {
      nowMs: now.ms,
      answers: this.#answers,
      ...given({ stop } as const),
    });
    const { phase, dueMs } = this.position;
    if (phase !== 'over' && dueMs !== undefined) this.#dueAt = now.at + (dueMs - now.ms);
  }
}
