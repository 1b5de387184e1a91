/** A driver that runs nothing: it keeps the promises of the contract in memory and lets a test decide how each attempt ends. */
import type { AttemptId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import type {
  AttemptStart,
  AttemptTarget,
  Driver,
  DriverAttemptState,
  DriverEvents,
  StartAnswer,
} from '../../src/ledger/driver.ts';
import type { AgentReport, ExecutionSpec, StreamReport } from '../../src/protocol/link/agent-v1.ts';

interface Held {
  readonly spec: ExecutionSpec;
  state: DriverAttemptState;
  report?: AgentReport;
  output: { 1: Buffer; 2: Buffer };
}

const START: AttemptStart = { pid: 4242, atMs: 1 };

export class MemoryDriver implements Driver {
  readonly name = 'memory-driver';
  events: DriverEvents = { accepted() {}, started() {}, output() {}, finished() {} };
  /** Every attempt that had its effect, in order: an attempt twice in here is a broken promise. */
  readonly effects: string[] = [];
  /** Where each attempt was to go, for a driver of many hosts. */
  readonly targets = new Map<string, AttemptTarget>();
  readonly watched = new Set<string>();
  readonly settled = new Set<string>();
  readonly #held = new Map<string, Held>();
  /** Ends each attempt at once; undefined leaves it running. */
  onStart: (attempt: AttemptId, spec: ExecutionSpec) => { stdout?: Uint8Array; exitCode?: number } | undefined =
    () => ({});
  capacity = Number.POSITIVE_INFINITY;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async startAttempt(attempt: AttemptId, spec: ExecutionSpec, target?: AttemptTarget): Promise<StartAnswer> {
    if (this.settled.has(attempt)) return 'settled';
    if (this.#held.has(attempt)) return 'accepted';
    if (this.#held.size >= this.capacity) return 'busy';
    this.#held.set(attempt, { spec, state: 'running', output: { 1: Buffer.alloc(0), 2: Buffer.alloc(0) } });
    this.effects.push(attempt);
    if (target) this.targets.set(attempt, target);
    this.events.accepted(attempt);
    this.events.started(attempt, START.pid, START.atMs);
    const ending = this.onStart(attempt, spec);
    // Not in the same breath: no process ends before its start was told.
    if (ending) setImmediate(() => this.finish(attempt, ending));
    return 'accepted';
  }

  finish(
    attempt: AttemptId,
    { stdout = new Uint8Array(0), exitCode = 0 }: { stdout?: Uint8Array; exitCode?: number } = {},
    outcome: AgentReport['outcome'] = 'exited',
  ): void {
    const held = this.#held.get(attempt)!;
    held.state = 'finished';
    held.output[1] = Buffer.from(stdout);
    held.report = {
      t: 'report',
      a: attempt,
      outcome,
      exitCode,
      finishedAtMs: 2,
      stdout: streamOf(held.output[1]),
      stderr: streamOf(held.output[2]),
    };
    this.events.finished(attempt);
  }

  cancel(attempt: AttemptId): boolean {
    const held = this.#held.get(attempt);
    if (held?.state === 'running') this.finish(attempt, {}, 'cancelled');
    return held !== undefined;
  }

  watch(attempt: AttemptId, on: boolean): void {
    if (on) this.watched.add(attempt);
    else this.watched.delete(attempt);
  }

  stateOf(attempt: AttemptId): DriverAttemptState | 'settled' | undefined {
    return this.#held.get(attempt)?.state ?? (this.settled.has(attempt) ? 'settled' : undefined);
  }

  startOf(attempt: AttemptId): AttemptStart | undefined {
    return this.#held.get(attempt)?.state === 'running' ? START : undefined;
  }

  list(): { attempt: AttemptId; state: DriverAttemptState }[] {
    return [...this.#held].map(([attempt, { state }]) => ({ attempt: attempt as AttemptId, state }));
  }

  async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    return this.#held.get(attempt)?.report;
  }

  async readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array> {
    return this.#held.get(attempt)?.output[stream].subarray(offset, offset + length) ?? new Uint8Array(0);
  }

  async readWhole(
    attempt: AttemptId,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Uint8Array; size: number; eof: boolean } | undefined> {
    const whole = this.#held.get(attempt)?.output[stream];
    return (
      whole && {
        bytes: whole.subarray(offset, offset + length),
        size: whole.length,
        eof: offset + length >= whole.length,
      }
    );
  }

  async forget(attempts: readonly AttemptId[]): Promise<void> {
    for (const attempt of attempts)
      if (this.#held.get(attempt)?.report && this.#held.delete(attempt)) this.settled.add(attempt);
  }
}

function streamOf(bytes: Buffer): StreamReport {
  return {
    size: bytes.length,
    head: bytes.length,
    tail: 0,
    ...(bytes.length > 0 && bytes.length <= limits.outputInlineBytesMax ? { inline: bytes } : {}),
  };
}
