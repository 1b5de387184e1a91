/**
 * The driver of simulated scripts: the real journal, the real recording of ends, and what the driver of processes does between them.
 * What needs a real host (accounts, control groups, spool files) is left out.
 */
import type { AttemptId } from '../../src/base/ids.ts';
import type { Clock } from '../../src/base/clock.ts';
import { limits } from '../../src/base/limits.ts';
import type { Log } from '../../src/base/log.ts';
import type { AttemptStart, Driver, DriverAttemptState, DriverEvents, StartAnswer } from '../../src/ledger/driver.ts';
import { SharedMasks } from '../../src/ledger/mask.ts';
import { EndRecorder, type Outcome } from '../../src/ledger/end-record.ts';
import { decodeJournal, Journal, type JournalRecord } from '../../src/ledger/journal.ts';
import type { AgentReport, ExecutionSpec } from '../../src/protocol/link/agent-v1.ts';
import { decodeExecutionSpec, encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import type { Script, SimMachine } from './machine.ts';
import type { SimProcess, Simulation } from './simulation.ts';

const CONCURRENT = 3;
const JOURNAL = '/agent/journal';

export class ScriptDriver implements Driver {
  readonly name = 'script-driver';
  events: DriverEvents = { accepted() {}, started() {}, output() {}, finished() {} };
  readonly journal: Journal;
  readonly #sim: Simulation;
  readonly #machine: SimMachine;
  readonly #process: SimProcess;
  readonly #clock: Clock;
  readonly #ends: EndRecorder;
  readonly #running = new Map<string, Script>();
  readonly #waiting: string[] = [];
  readonly #accepting = new Map<string, Promise<StartAnswer>>();
  readonly #specs = new Map<string, ExecutionSpec>();
  readonly #cancelled = new Set<string>();
  /** Told of what the server says that it has, before it is forgotten. */
  readonly #onAcknowledged: (attempt: string, report: AgentReport) => void;
  /** Attempts held at once; more are refused as `busy`. */
  readonly #heldMax: number;
  readonly #told = new Set<string>();

  constructor(
    sim: Simulation,
    machine: SimMachine,
    process: SimProcess,
    log: Log,
    onAcknowledged: (attempt: string, report: AgentReport) => void,
  ) {
    this.#sim = sim;
    this.#machine = machine;
    this.#process = process;
    this.#clock = process.clock;
    this.#onAcknowledged = onAcknowledged;
    this.#heldMax = sim.pick([1, 3, 12]);
    this.journal = new Journal(JOURNAL, {
      tombstoneKeptMs: limits.tombstoneKeptMs,
      files: machine.disk.files(process),
    });
    this.#ends = new EndRecorder({
      masks: new SharedMasks(),
      journal: this.journal,
      spool: {
        scrub: async () => undefined,
        hasStreams: async () => true,
        describe: async (attempt, stream) => machine.describe(attempt, stream),
      },
      clock: process.clock,
      log,
    });
  }

  async start(): Promise<void> {
    await this.journal.open(this.#clock.nowMs());
    for (const [attempt, entry] of this.journal.entries) {
      this.#specs.set(attempt, decodeExecutionSpec(entry.accepted.spec));
      if (entry.report) continue;
      const script = this.#machine.scripts.get(attempt);
      if (entry.accepted.bootId !== this.#machine.bootId)
        this.#settle(attempt, { outcome: 'unknown', reason: 'host-rebooted' });
      else if (script) this.#follow(script);
      else this.#waiting.push(attempt);
    }
    this.#launchWaiting();
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#accepting.values());
    await this.#ends.stop();
    await this.journal.close();
  }

  async startAttempt(attempt: AttemptId, spec: ExecutionSpec): Promise<StartAnswer> {
    if (this.journal.tombstones.has(attempt)) return 'settled';
    if (this.journal.entries.has(attempt)) return 'accepted';
    const same = this.#accepting.get(attempt);
    if (same) return same;
    if (this.journal.entries.size + this.#accepting.size >= this.#heldMax) return 'busy';
    const work = this.#accept(attempt, spec).finally(() => this.#accepting.delete(attempt));
    this.#accepting.set(attempt, work);
    return work;
  }

  async #accept(attempt: AttemptId, spec: ExecutionSpec): Promise<StartAnswer> {
    try {
      await this.journal.append({
        k: 'accepted',
        a: attempt,
        atMs: this.#clock.nowMs(),
        bootId: this.#machine.bootId,
        sealed: false,
        spec: encodeExecutionSpec(spec),
      });
    } catch (error) {
      this.#cancelled.delete(attempt);
      throw error;
    }
    this.#specs.set(attempt, spec);
    this.events.accepted(attempt);
    if (this.#cancelled.has(attempt)) this.#settleUnbegun(attempt);
    else {
      this.#waiting.push(attempt);
      this.#launchWaiting();
    }
    return 'accepted';
  }

  #settleUnbegun(attempt: string): void {
    this.#settle(attempt, { outcome: 'cancelled', reason: 'cancelled-by-user' });
  }

  #settle(attempt: string, outcome: Outcome): void {
    this.#ends.begin(attempt, this.#specs.get(attempt), outcome, () => this.events.finished(attempt as AttemptId));
  }

  #launchWaiting(): void {
    while (this.#running.size < CONCURRENT) {
      const attempt = this.#waiting.shift();
      if (attempt === undefined) return;
      if (this.#machine.disk.isFull) this.#settle(attempt, { outcome: 'refused', reason: 'spool-full' });
      else {
        this.#mustBeKept(attempt, 'accepted', 'it begins');
        this.#follow(this.#machine.run(attempt));
      }
    }
  }

  #follow(script: Script): void {
    const { attempt } = script;
    const sim = this.#sim;
    this.#running.set(attempt, script);
    const spec = this.#specs.get(attempt)!;
    if (script.state === 'ended') return this.#ended(script);
    script.onEnd = () => void sim.after(sim.between(0.5, 20), () => this.#ended(script), this.#process);
    this.#clock.after(spec.timeoutMs - (sim.nowMs - script.startedAtMs), () => this.#kill(script, 'timed_out'));
    if (this.#cancelled.has(attempt)) this.#kill(script, 'cancelled');
    const startedAtMs = this.#clock.nowMs();
    const identity = { pid: 1, startTicks: 1, supervisorPid: 1, bootId: this.#machine.bootId, startedAtMs };
    void this.journal.append({ k: 'started', a: attempt, process: identity }).catch(() => undefined);
    this.events.started(attempt as AttemptId, identity.pid, startedAtMs);
  }

  #kill(script: Script, why: 'cancelled' | 'timed_out'): void {
    if (script.state === 'running') this.#machine.kill(script, why);
  }

  #ended(script: Script): void {
    if (!this.#running.delete(script.attempt)) return;
    const { killedFor, exitCode, startedAtMs: beganMs } = script;
    const startedAtMs = this.#clock.nowMs() - Math.round(this.#sim.nowMs - beganMs);
    if (killedFor === undefined) this.#settle(script.attempt, { outcome: 'exited', exitCode, startedAtMs });
    else if (killedFor === 'power') this.#settle(script.attempt, { outcome: 'unknown', reason: 'host-rebooted' });
    else this.#settle(script.attempt, { outcome: killedFor, signal: 'SIGTERM', startedAtMs });
    this.#launchWaiting();
  }

  cancel(attempt: AttemptId): boolean {
    if (!this.journal.entries.has(attempt) && !this.#accepting.has(attempt)) return false;
    this.#cancelled.add(attempt);
    const running = this.#running.get(attempt);
    const at = this.#waiting.indexOf(attempt);
    if (running) this.#kill(running, 'cancelled');
    else if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#settleUnbegun(attempt);
    }
    return true;
  }

  watch(): void {}

  stateOf(attempt: AttemptId): DriverAttemptState | 'settled' | undefined {
    const entry = this.journal.entries.get(attempt);
    if (entry) return entry.report ? 'finished' : this.#running.has(attempt) ? 'running' : 'accepted';
    if (this.#accepting.has(attempt)) return 'accepted';
    return this.journal.tombstones.has(attempt) ? 'settled' : undefined;
  }

  startOf(attempt: AttemptId): AttemptStart | undefined {
    const script = this.#running.get(attempt);
    return script && { pid: 1, atMs: this.#clock.nowMs() - Math.round(this.#sim.nowMs - script.startedAtMs) };
  }

  list(): readonly { attempt: AttemptId; state: DriverAttemptState }[] {
    return [...this.journal.entries.keys()].map((attempt) => ({
      attempt: attempt as AttemptId,
      state: this.stateOf(attempt as AttemptId) as DriverAttemptState,
    }));
  }

  async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    const report = this.journal.entries.get(attempt)?.report;
    if (report && !this.#told.has(attempt)) this.#mustBeKept(attempt, 'ended', 'its end is told');
    if (report) this.#told.add(attempt);
    return report;
  }

  /** What is promised to somebody is on the disk already, whatever happens to the power in the next instant. */
  #mustBeKept(attempt: string, kind: JournalRecord['k'], what: string): void {
    const { records } = decodeJournal(this.#machine.disk.durable(JOURNAL), JOURNAL);
    if (!records.some(({ k, a }) => k === kind && a === attempt))
      this.#sim.violate(`${attempt}: ${what}, and that it is ${kind} is not on the disk of ${this.#machine.name}`);
  }

  async readKept(attempt: AttemptId, stream: 1 | 2, offset: number, length: number): Promise<Uint8Array> {
    const output = stream === 1 ? this.#machine.scripts.get(attempt)?.output : undefined;
    return output?.subarray(offset, offset + length) ?? new Uint8Array(0);
  }

  async readWhole(): Promise<undefined> {}

  async forget(attempts: readonly AttemptId[]): Promise<void> {
    const settled = attempts.filter((attempt) => this.journal.entries.get(attempt)?.report);
    for (const attempt of settled) {
      this.#onAcknowledged(attempt, this.journal.entries.get(attempt)!.report!);
      this.#specs.delete(attempt);
      this.#cancelled.delete(attempt);
    }
    await Promise.all(settled.map((a) => this.journal.append({ k: 'settled', a, atMs: this.#clock.nowMs() })));
    for (const attempt of settled) this.#mustBeKept(attempt, 'settled', 'it is forgotten');
  }
}
