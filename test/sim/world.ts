/** A fleet from a seed: so many servers, workers and agents, a load of runs, faults for a while, then none; and everything has to come to rest. */
import { hostSubject } from '../../src/domain/run/subject.ts';
import { isStaged } from '../../src/domain/rollout/rollout.ts';
import { given } from '../../src/base/given.ts';
import { gateAt, newPlan, newRunSpec } from './load.ts';
import { answerTaken } from '../../src/domain/gate/approval.ts';
import { approvalOf } from './gate-checks.ts';
import { plainSpec } from '../support/run-spec.ts';
import type { AgentId, HostId, RunId, WorkerId } from '../../src/base/ids.ts';
import { PARTITION_COUNT, partitionOf } from '../../src/domain/run/partition.ts';
import { limits } from '../../src/base/limits.ts';
import { isTerminalRun } from '../../src/domain/flow/run-machine.ts';
import { firstTasks, tasksOf, PLAN_OF_COMMAND } from '../../src/domain/run/plan.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import type { Subject } from '../../src/domain/run/subject.ts';
import { oneTask } from '../../src/domain/run/new-task.ts';
import type { NewRun } from '../../src/store/contract/run.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import { addAgent, addWorker } from '../support/memory-store/memory-store.ts';
import { Checks } from './checks.ts';
import { SimDatabase } from './database.ts';
import { Faults } from './faults.ts';
import { SimMachine, type Script } from './machine.ts';
import { SimNetwork } from './network.ts';
import { SimAgent, SimServer, SimWorker, type Surroundings } from './parties.ts';
import { nameInRuns } from './script-ledger.ts';
import { Simulation, trueTime, type SimProcess } from './simulation.ts';

const ZONE = 'default';
const actor = { kind: 'token', id: 'sim', name: 'sim' } as const;
const audit: AuditEntry = { actor, action: 'sim', target: 'sim', detail: {} };
/**
 * Longest time in which everything must have come to rest: a start deadline, a script, and an agent that is asked in vain twice over,
 * and a report that is told once in five minutes at last. Of two starts of an agent one must be quiet for a quarter of an hour first.
 */
const REST_MS = 12 * 60_000;
const REST_AFTER_COPIES_MS = REST_MS + 2 * limits.agentCopyQuietMs;
const LOOK_EVERY_MS = 500;
/** By then every server has heard of every agent again: none waits for longer than this before it dials again. */
const SEEN_WITHIN_MS = 5 * 60_000;
/** Longer than any call to the store is under way. */
const CALM_MS = 30_000;

export interface WorldOptions {
  readonly seed: number;
  /** How long faults are injected, of simulated time. */
  readonly faultyMs?: number;
  readonly onLine?: (line: string) => void;
  /** Of the smallest world, where nothing goes wrong. */
  readonly isCalm?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly digest: string;
  readonly violations: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly faultCount: number;
  readonly events: number;
  readonly runs: number;
  readonly effects: number;
  readonly simulatedMs: number;
}

export interface Host {
  readonly name: string;
  readonly agentId: AgentId;
  readonly hostId: HostId;
  machine: SimMachine;
  agent: SimAgent | undefined;
  /** A second start of the agent, from a copy of its folder on another machine. */
  copy: SimAgent | undefined;
}

export class World implements Surroundings {
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly database: SimDatabase;
  readonly masterKey = createMasterKey(Buffer.alloc(32, 7));
  readonly checks: Checks;
  readonly serverPlaces: {
    readonly address: string;
    readonly wall: { aheadMs: number };
    server: SimServer | undefined;
  }[];
  readonly workerPlaces: {
    readonly id: WorkerId;
    readonly address: string;
    readonly wall: { aheadMs: number };
    worker: SimWorker | undefined;
  }[];
  readonly hosts: Host[];
  readonly #faultyMs: number;
  readonly #isCalm: boolean;
  #isOver = false;

  constructor({ seed, faultyMs, onLine, isCalm = false }: WorldOptions) {
    const sim = new Simulation(seed, onLine);
    this.sim = sim;
    this.#isCalm = isCalm;
    this.#faultyMs = faultyMs ?? 90_000;
    this.network = new SimNetwork(sim);
    this.database = new SimDatabase(sim);
    this.checks = new Checks(sim, this.database.tables);
    const [servers, workers, agents] = isCalm ? [1, 1, 1] : [1 + sim.below(3), 1 + sim.below(3), 2 + sim.below(6)];
    const wall = (): { aheadMs: number } => ({
      aheadMs: isCalm || sim.chance(0.5) ? 0 : sim.between(-600_000, 600_000),
    });
    this.serverPlaces = Array.from({ length: servers }, (_, n) => ({
      address: `server-${n + 1}`,
      wall: wall(),
      server: undefined,
    }));
    this.workerPlaces = Array.from({ length: workers }, (_, n) => {
      const id = sim.newId() as WorkerId;
      addWorker(this.database.tables, id, ZONE, trueTime(sim));
      return { id, address: `worker-${n + 1}`, wall: wall(), worker: undefined };
    });
    this.hosts = Array.from({ length: agents }, (_, n) => {
      const [agentId, hostId] = [sim.newId() as AgentId, sim.newId() as HostId];
      addAgent(this.database.tables, agentId, hostId, ZONE);
      const name = `agent-${n + 1}`;
      const machine = this.newMachine(`host-${n + 1}`);
      if (!isCalm && sim.chance(0.5)) machine.wall.aheadMs = sim.between(-86_400_000, 86_400_000);
      return { name, agentId, hostId, machine, agent: undefined, copy: undefined };
    });
  }

  newMachine(name: string): SimMachine {
    const machine: SimMachine = new SimMachine(this.sim, name, (attempt) => this.checks.effect(attempt));
    const run = machine.run.bind(machine);
    machine.run = (attempt): Script => {
      const script = run(attempt);
      this.checks.scripts.set(attempt, script);
      return script;
    };
    return machine;
  }

  // — processes come and go —

  startServer(n: number): void {
    const place = this.serverPlaces[n]!;
    place.server ??= new SimServer(this, place.address, place.wall);
  }

  startWorker(n: number): void {
    const place = this.workerPlaces[n]!;
    const servers = this.serverPlaces.map(({ address }) => address);
    place.worker ??= new SimWorker(this, place.id, place.address, servers, place.wall);
  }

  startAgent(host: Host): void {
    host.agent ??= this.newAgent(host, host.machine);
  }

  newAgent(host: Host, machine: SimMachine): SimAgent {
    const workers = this.workerPlaces.map(({ address }) => address);
    return new SimAgent(this, host, machine, workers, (attempt, report) => this.checks.acknowledged(attempt, report));
  }

  kill(process: SimProcess): void {
    process.kill();
    this.network.died(process);
    this.database.died(process);
  }

  /** Where each process that lives runs, and the database's machine is everybody's. */
  machines(): string[] {
    return [
      ...this.serverPlaces.map(({ address }) => address),
      ...this.workerPlaces.map(({ address }) => address),
      ...this.hosts.map(({ machine }) => machine.name),
    ];
  }

  processes(): SimProcess[] {
    return [
      ...this.serverPlaces.flatMap(({ server }) => server?.process ?? []),
      ...this.workerPlaces.flatMap(({ worker }) => worker?.process ?? []),
      ...this.hosts.flatMap(({ agent, copy }) => [agent, copy].flatMap((one) => one?.process ?? [])),
    ];
  }

  readyServer(): SimServer | undefined {
    const ready = this.serverPlaces.flatMap(({ server }) => (server?.isReady ? [server] : []));
    return ready.length > 0 ? this.sim.pick(ready) : undefined;
  }

  // — what users do —

  /** As `runStart` ends: written with its first step where its owner is at hand. */
  async startRun(): Promise<void> {
    const server = this.readyServer();
    if (!server) return;
    const { sim } = this;
    const { store, owner } = server;
    const spec = newRunSpec(sim, this.#isCalm);
    const chosen = this.#isCalm ? this.hosts : this.hosts.filter(() => sim.chance(0.6));
    if (chosen.length === 0) return;
    const owned = owner.owned();
    const partition = owned.length > 0 && sim.chance(0.7) ? sim.pick(owned).id : sim.below(PARTITION_COUNT);
    const id = this.#newRunId(partition);
    sim.note(`${server.process.name} is asked for run ${id} on ${chosen.length}`);
    const run: NewRun = {
      id,
      partition,
      name: 'sim',
      reason: '',
      createdBy: actor,
      targetExpression: '*',
      ...this.#workOf(
        spec,
        chosen.map(({ hostId }) => hostSubject(hostId, nameInRuns(hostId))),
      ),
    };
    await (owner.create(run, audit, () => undefined) ?? store.runCreate(run, audit).then(() => owner.wake(id)));
  }

  /** A command, or the steps of a job: each with a spec of its own, on all of the hosts or on the first of them. */
  #workOf(spec: RunSpec, targets: readonly Subject[]): Pick<NewRun, 'plan' | 'tasks' | 'subjects'> {
    const { sim } = this;
    if (this.#isCalm || sim.chance(0.6))
      return { ...oneTask(spec, targets), ...given({ plan: isStaged(spec.policy) ? PLAN_OF_COMMAND : undefined }) };
    const plan = newPlan(sim);
    const first = firstTasks(plan);
    return {
      plan,
      subjects: [targets, targets.slice(0, 1), []],
      tasks: tasksOf(plan).map(({ task }) => {
        const [own, list] = [newRunSpec(sim, false), sim.chance(0.8) ? 0 : 1];
        const gate = gateAt(task, own);
        return {
          spec: gate ? { ...plainSpec(), work: gate } : own,
          subjects: gate ? 2 : list,
          isFirst: first.has(task),
        };
      }),
    };
  }

  #newRunId(partition: number): RunId {
    const { sim } = this;
    for (;;) {
      const time = trueTime(sim).toString(16).padStart(12, '0');
      const id = `${time.slice(0, 8)}-${time.slice(8)}-7${sim.newId().slice(15)}` as RunId;
      if (partitionOf(id) === partition) return id;
    }
  }

  async cancelOrRetry(): Promise<void> {
    const server = this.readyServer();
    const { sim } = this;
    const runs = [...this.database.tables.runs.values()];
    if (!server || runs.length === 0) return;
    const { run } = sim.pick(sim.chance(0.5) ? runs.slice(-6) : runs);
    if (isTerminalRun(run.state)) {
      const states = sim.pick([
        ['failed'],
        ['lost'],
        ['failed', 'lost', 'timed_out', 'cancelled', 'not_started'],
      ] as const);
      const answer = await server.store.runRetry(run.id, states, audit);
      if (answer.kind === 'opened') server.owner.wake(run.id);
    } else if (sim.chance(0.4)) {
      await server.store.runCancelRequest(run.id, actor, audit, sim.chance(0.3));
      // Of one that is forced after another nobody need hear: it is found.
      if (sim.chance(0.8)) server.owner.wake(run.id);
    } else if (sim.chance(0.5)) this.#pause(run.id);
  }

  /**
   * Somebody lets it go on after a while, and asks again until it does. Both may be told to nobody: then it is found. He looks on when the
   * run has ended: what he asked for may land once somebody has opened it again.
   */
  #pause(id: RunId): void {
    const { sim } = this;
    const ask = (wish: 'runPauseRequest' | 'runResumeRequest'): void => {
      const server = this.readyServer();
      // It may be lost with its server, also when it has landed.
      void server?.store[wish](id, actor, audit).then(
        () => sim.chance(0.7) && server.owner.wake(id),
        () => undefined,
      );
    };
    const resume = (): void => {
      const run = this.database.tables.runs.get(id)!.run;
      const isEnded = isTerminalRun(run.state);
      if (isEnded && this.#isOver) return;
      if (!isEnded && run.pausedAtMs !== undefined) ask('runResumeRequest');
      sim.after(5_000, resume);
    };
    ask('runPauseRequest');
    sim.after(sim.between(500, 20_000), resume);
  }

  /** Whatever a rollout asks is answered some time; an answer may be lost, and is given again. */
  #answerAll(): void {
    const { sim } = this;
    for (const { run, tasks, isActive } of this.database.tables.runs.values()) {
      if (!isActive || !sim.chance(0.3)) continue;
      const task = tasks.findIndex(
        ({ position, answer }) => position?.phase === 'asking' && answer?.turn !== position.turn,
      );
      const server = this.readyServer();
      if (task < 0 || !server) continue;
      const { turn } = tasks[task]!.position!;
      void server.store.runAnswer(run.id, task, { turn, goesOn: sim.chance(0.8), by: actor.name }, audit).then(
        () => sim.chance(0.7) && server.owner.wake(run.id),
        () => undefined,
      );
    }
    this.#approveAll();
    if (sim.chance(0.1)) this.#skipOne();
    sim.after(2_000, () => this.#answerAll());
  }

  /** Somebody wants a step skipped, whatever it is doing. */
  #skipOne(): void {
    const { sim } = this;
    const active = [...this.database.tables.runs.values()].filter(({ isActive, run }) => isActive && run.plan);
    const server = active.length > 0 ? this.readyServer() : undefined;
    if (!server) return;
    const { run, tasks } = sim.pick(active);
    const task = sim.between(0, tasks.length - 1);
    void server.store.runSkip(run.id, task, { by: 'mia', reason: '', atMs: trueTime(sim) }, audit).then(
      () => sim.chance(0.7) && server.owner.wake(run.id),
      () => undefined,
    );
  }

  /** Of what is asked by an approval each of two people says something some time. */
  #approveAll(): void {
    const { sim } = this;
    for (const { run, tasks, isActive } of this.database.tables.runs.values()) {
      const task = tasks.findIndex(({ gate }) => gate?.phase === 'asking');
      const server = task < 0 || !isActive || sim.chance(0.7) ? undefined : this.readyServer();
      if (!server) continue;
      const { gate, approvals = [] } = tasks[task]!;
      const name = sim.pick(['ann', 'bob']);
      const said = { isYes: sim.chance(0.8), by: { id: name, name } };
      const work = approvalOf(this.database.tables, tasks[task]!);
      if (!work || answerTaken(work, approvals, said, [actor.id]).kind !== 'counts') continue;
      const answer = { ...said, askedMs: gate!.sinceMs, reason: '', atMs: trueTime(sim) };
      void server.store.runApprove(run.id, task, answer, approvals.length, audit).then(
        () => sim.chance(0.7) && server.owner.wake(run.id),
        () => undefined,
      );
    }
  }

  // — the course of things —

  async run(): Promise<Outcome> {
    const { sim, checks } = this;
    this.network.watch();
    this.serverPlaces.forEach((_, n) => void sim.after(sim.between(0, 2_000), () => this.startServer(n)));
    this.workerPlaces.forEach((_, n) => void sim.after(sim.between(0, 3_000), () => this.startWorker(n)));
    for (const host of this.hosts) sim.after(sim.between(0, 5_000), () => this.startAgent(host));
    const faults = this.#isCalm ? undefined : new Faults(this);
    sim.after(6_000, () => this.#load());
    if (!this.#isCalm) sim.after(8_000, () => this.#answerAll());
    if (faults) sim.after(4_000, () => faults.begin());
    const untilMs = this.#isCalm ? 20_000 : this.#faultyMs;
    await sim.run(untilMs);
    this.#isOver = true;
    faults?.end();
    await this.#rest(untilMs);
    if (sim.violations.length === 0) checks.atRest(this.#held());
    return {
      seed: sim.seed,
      digest: sim.digest,
      violations: sim.violations,
      faults: sim.faults,
      faultCount: sim.faultCount,
      events: sim.events,
      runs: this.database.tables.runs.size,
      effects: checks.effects.size,
      simulatedMs: sim.nowMs,
    };
  }

  /** Until all is over and stays so: what was sent before may be carried out yet, and what comes late must not change what is over. */
  async #rest(untilMs: number): Promise<void> {
    const { sim } = this;
    const isAtRest = (): boolean =>
      this.checks.unfinished === 0 && this.#held().length === 0 && this.#unseen().length === 0;
    const endMs = untilMs + this.#restMs();
    sim.after(SEEN_WITHIN_MS, () => {
      for (const unseen of this.#unseen()) sim.violate(unseen);
    });
    while (sim.violations.length === 0 && sim.nowMs < endMs) {
      let isOver = false;
      const look = (): void => {
        isOver = isAtRest();
        if (!isOver) sim.after(LOOK_EVERY_MS, look);
      };
      sim.after(LOOK_EVERY_MS, look);
      await sim.run(endMs, () => isOver);
      if (sim.violations.length === 0) await sim.run(sim.nowMs + CALM_MS);
      if (isAtRest()) return;
    }
  }

  /** Where two starts of an agent have shown themselves, or a late word of a former one looks so. */
  #restMs(): number {
    const isSeenTwice = [...this.database.tables.agents.values()].some(({ session }) => session?.rival !== undefined);
    return isSeenTwice || this.sim.faults.has('copy') ? REST_AFTER_COPIES_MS : REST_MS;
  }

  /** Links that agents have and servers do not know of. While two starts of an agent show themselves, its link counts for nobody. */
  #unseen(): string[] {
    if (this.#restMs() > REST_MS) return [];
    const servers = this.serverPlaces.flatMap(({ server }) => server ?? []);
    return servers.flatMap(({ fleet, process }) =>
      this.hosts
        .filter(({ hostId, agent }) => agent?.couldStart && !fleet.locate(hostId))
        .map(({ name }) => `${process.name} does not know where ${name} is, long after all was well`),
    );
  }

  #held(): string[] {
    return this.hosts.flatMap(({ agent }) => (agent ? agent.ledger.list().map(({ attempt }) => attempt) : []));
  }

  #load(): void {
    if (this.#isOver) return;
    const { sim } = this;
    const ignore = (): void => undefined;
    if (sim.chance(0.5)) void this.startRun().catch(ignore);
    else if (!this.#isCalm) void this.cancelOrRetry().catch(ignore);
    sim.after(sim.between(50, this.#isCalm ? 3_000 : 1_500), () => this.#load());
  }
}
