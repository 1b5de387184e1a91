/**
 * The real ledger over an engine of simulated scripts, as the agent of a simulated machine has it. What needs a real host (accounts, control
 * groups, spool files) is left out. What the ledger promises is looked for on the disk in the very moment that somebody relies on it.
 */
import { Packr } from 'msgpackr';
import { given } from '../../src/base/given.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Log } from '../../src/base/log.ts';
import type {
  Absent,
  AcceptTrace,
  AttemptSink,
  AttemptSubject,
  Engine,
  ScriptOrder,
  Held,
  Refusal,
  Trace,
  Unknown,
} from '../../src/ledger/engine.ts';
import { decodeJournal, type JournalRecord } from '../../src/ledger/journal.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { FinishedOutput, Outputs } from '../../src/ledger/outputs.ts';
import type { AgentReport, ExecutionSpec, StreamReport } from '../../src/protocol/link/agent-v1.ts';
import { decodeExecutionSpec, encodeExecutionSpec } from '../../src/protocol/link/execution-spec.ts';
import type { Script, SimMachine } from './machine.ts';
import type { SimProcess, Simulation } from './simulation.ts';

const CONCURRENT = 3;
const JOURNAL = '/agent/journal';
const packr = new Packr({ useRecords: false });

/** No name that an agent has of itself. */
export function nameInRuns(hostId: string): string {
  return `主机-${hostId.slice(-6)}`;
}

interface Place {
  readonly sim: Simulation;
  readonly machine: SimMachine;
  readonly process: SimProcess;
}

/** What is promised to somebody is on the disk already, whatever happens to the power in the next instant. */
function mustBeKept({ sim, machine }: Place, attempt: string, kind: JournalRecord['k'], what: string): void {
  const { records } = decodeJournal(machine.disk.durable(JOURNAL), JOURNAL);
  if (!records.some(({ k, a }) => k === kind && a === attempt))
    sim.violate(`${attempt}: ${what}, and that it is ${kind} is not on the disk of ${machine.name}`);
}

class ScriptEngine implements Engine {
  readonly name = 'script';
  readonly kinds = ['script'] as const;
  readonly bootId: string;
  readonly #place: Place;
  readonly #clock: Clock;

  constructor(place: Place) {
    this.#place = place;
    this.#clock = place.process.clock;
    this.bootId = place.machine.bootId;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  traceOf(_attempt: AttemptId, spec: ExecutionSpec, subject: AttemptSubject): AcceptTrace {
    return { bytes: packr.pack({ spec: encodeExecutionSpec(spec), subject }), isSecret: false };
  }

  begin(
    attempt: AttemptId,
    order: ScriptOrder,
    { hostId = '', hostName }: AttemptSubject,
    sink: AttemptSink,
  ): Held | Refusal {
    const { machine, sim } = this.#place;
    if (hostName !== nameInRuns(hostId))
      sim.violate(`${attempt}: it is told that its host is called ${hostName}, and its run says ${nameInRuns(hostId)}`);
    if (machine.disk.isFull) return { refused: 'spool-full', detail: 'The disk is full.' };
    mustBeKept(this.#place, attempt, 'accepted', 'it begins');
    return this.#follow(machine.run(attempt), order, sink, false);
  }

  async resume(attempt: AttemptId, trace: Trace, sink: AttemptSink): Promise<Held | Absent | Unknown> {
    const { spec: bytes, subject } = packr.unpack(Buffer.from(trace.accepted)) as {
      spec: Uint8Array;
      subject: AttemptSubject;
    };
    const spec = decodeExecutionSpec(bytes);
    if (trace.bootId !== this.bootId) return { unknown: 'host-rebooted', detail: 'The host restarted.' };
    const script = this.#place.machine.scripts.get(attempt);
    return script ? this.#follow(script, spec, sink, trace.start !== undefined) : { absent: spec, subject };
  }

  reopen(): undefined {}

  #follow(script: Script, { timeoutMs }: Pick<ExecutionSpec, 'timeoutMs'>, sink: AttemptSink, isKnown: boolean): Held {
    const { sim, process } = this.#place;
    if (script.state === 'ended') this.#ended(script, sink);
    else {
      script.onEnd = () => void sim.after(sim.between(0.5, 20), () => this.#ended(script, sink), process);
      this.#clock.after(timeoutMs - (sim.nowMs - script.startedAtMs), () => this.#kill(script, 'timed_out'));
      if (!isKnown) sink.started({ pid: 1, atMs: this.#startedAtMs(script) }, {});
    }
    return { stop: (cause) => this.#kill(script, cause) };
  }

  #kill(script: Script, why: 'cancelled' | 'timed_out'): void {
    if (script.state === 'running') this.#place.machine.kill(script, why);
  }

  #ended(script: Script, sink: AttemptSink): void {
    const { killedFor, exitCode } = script;
    const startedAtMs = this.#startedAtMs(script);
    if (killedFor === undefined) sink.ended({ outcome: { kind: 'exited', code: exitCode }, startedAtMs });
    else if (killedFor === 'power') sink.ended({ outcome: { kind: 'unknown', reason: 'host-rebooted' } });
    else sink.ended({ outcome: { kind: killedFor, end: { kind: 'signalled', signal: 'SIGTERM' } }, startedAtMs });
  }

  #startedAtMs({ startedAtMs }: Script): number {
    return this.#clock.nowMs() - Math.round(this.#place.sim.nowMs - startedAtMs);
  }
}

/** What scripts have written is on their machine, in clear: no secret is played. */
class MachineOutputs implements Outputs {
  readonly #machine: SimMachine;

  constructor(machine: SimMachine) {
    this.#machine = machine;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  open(): void {}
  watch(): void {}
  isWatched(): boolean {
    return false;
  }
  async finish(attempt: string): Promise<FinishedOutput> {
    const values = this.#machine.scripts.get(attempt)?.values;
    return {
      stdout: this.#machine.describe(attempt, 1),
      stderr: this.#machine.describe(attempt, 2),
      ...given({ values: values && { ...values } }),
    };
  }
  async readKept(
    attempt: string,
    stream: 1 | 2,
    _report: StreamReport,
    offset: number,
    length: number,
  ): Promise<Uint8Array> {
    const output = stream === 1 ? this.#machine.scripts.get(attempt)?.output : undefined;
    return output?.subarray(offset, offset + length) ?? new Uint8Array(0);
  }
  async readWhole(): Promise<undefined> {}
  async recorded(): Promise<void> {}
  async forget(): Promise<void> {}
}

export class ScriptLedger extends Ledger {
  readonly #place: Place;
  /** Told of what the server says that it has, before it is forgotten. */
  readonly #onAcknowledged: (attempt: string, report: AgentReport) => void;
  readonly #told = new Set<string>();

  constructor(place: Place, log: Log, onAcknowledged: (attempt: string, report: AgentReport) => void) {
    const { sim, machine, process } = place;
    super({
      engine: new ScriptEngine(place),
      outputs: new MachineOutputs(machine),
      journal: { path: JOURNAL, files: machine.disk.files(process) },
      attemptsMax: sim.pick([1, 3, 12]),
      concurrent: CONCURRENT,
      clock: process.clock,
      log,
    });
    this.#place = place;
    this.#onAcknowledged = onAcknowledged;
  }

  override async report(attempt: AttemptId): Promise<AgentReport | undefined> {
    const report = await super.report(attempt);
    if (report && !this.#told.has(attempt)) mustBeKept(this.#place, attempt, 'ended', 'its end is told');
    if (report) this.#told.add(attempt);
    return report;
  }

  override async forget(attempts: readonly AttemptId[]): Promise<void> {
    const settled: AttemptId[] = [];
    for (const attempt of attempts) {
      const report = await super.report(attempt);
      if (!report) continue;
      this.#onAcknowledged(attempt, report);
      settled.push(attempt);
    }
    await super.forget(settled);
    for (const attempt of settled) mustBeKept(this.#place, attempt, 'settled', 'it is forgotten');
  }
}
