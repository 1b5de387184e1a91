/**
 * A store in memory, for the simulator: what owner, fleet and the creation of runs use of the contract, and nothing else. One suite
 * (test/conformance/store.ts) proves it and PostgreSQL alike. Each call is carried out whole in one turn; several stores on the same
 * tables are as many servers on one database.
 */
import { given } from '../../../src/base/given.ts';
import type { Clock } from '../../../src/base/clock.ts';
import type { AgentId, HostId, WorkerId } from '../../../src/base/ids.ts';
import type { HintTopic } from '../../../src/store/contract/hint.ts';
import type { Store } from '../../../src/store/contract/store.ts';
import { agentInstancesShow } from './agent.ts';
import * as execution from './execution.ts';
import * as host from './host.ts';
import * as lease from './lease.ts';
import * as output from './output.ts';
import { outputValuesList } from './output-value.ts';
import * as owner from './owner-commit.ts';
import { MemoryTables } from './rows.ts';
import * as runs from './run.ts';
import { workerSeen, workerStartGone, workerStartShow } from './worker.ts';

export type SimulableStore = Pick<
  Store,
  | 'clock'
  | 'runCreate'
  | 'taskSealedSecrets'
  | 'runFetch'
  | 'runHead'
  | 'runCancelRequest'
  | 'runPauseRequest'
  | 'runResumeRequest'
  | 'runAnswer'
  | 'runSkip'
  | 'runApprove'
  | 'runRoundStarter'
  | 'runRetry'
  | 'timelineList'
  | 'executionFetch'
  | 'executionList'
  | 'executionHistory'
  | 'outputGroups'
  | 'outputRead'
  | 'outputValuesList'
  | 'ownerLook'
  | 'runSeed'
  | 'taskSpec'
  | 'attemptsLook'
  | 'ownerCommit'
  | 'endedRuns'
  | 'askedQuestions'
  | 'outputChunkWrite'
  | 'serverRegister'
  | 'serverDeregister'
  | 'partitionRelease'
  | 'agentInstancesShow'
  | 'fleetLook'
  | 'workerSeen'
  | 'workerStartShow'
  | 'workerStartGone'
  | 'workerList'
  | 'workerFetch'
  | 'workerDrain'
  | 'hostPresenceWrite'
  | 'hostPresenceReconcile'
  | 'hostFactsWrite'
  | 'hostsOutside'
  | 'hostsWithoutAgent'
  | 'notify'
  | 'listen'
>;

type OnHint = (payload: string) => void;

/** Hints go to every store on the same tables, in a turn of their own. */
export class MemoryHints {
  readonly #listeners = new Map<HintTopic, Set<OnHint>>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  notify(topic: HintTopic, payload: string): void {
    for (const onHint of this.#listeners.get(topic) ?? [])
      this.#clock.soon(() => {
        if (this.#listeners.get(topic)?.has(onHint)) onHint(payload);
      });
  }

  listen(topic: HintTopic, onHint: OnHint): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    listeners.add(onHint);
    return () => void listeners.delete(onHint);
  }
}

/** `clock` is the database's. */
export function createMemoryStore(
  tables: MemoryTables,
  clock: Clock,
  hints: Pick<MemoryHints, 'notify' | 'listen'> = new MemoryHints(clock),
): SimulableStore {
  const now = (): number => clock.nowMs();
  return {
    clock: () => clock,
    async runCreate(run, audit) {
      const record = runs.runCreate(tables, run, audit, now());
      hints.notify('run', run.id);
      return record;
    },
    taskSealedSecrets: async (id, task) => tables.runs.get(id)?.tasks[task]?.sealedSecrets,
    runFetch: async (id) => runs.runFetch(tables, id),
    runHead: async (id) => runs.runHead(tables, id),
    async runCancelRequest(id, actor, audit, isForced = false) {
      const answer = runs.runCancelRequest(tables, id, { actor, isForced }, audit, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runPauseRequest(id, actor, audit) {
      const answer = runs.runPauseRequest(tables, id, actor, audit, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runResumeRequest(id, actor, audit) {
      const answer = runs.runResumeRequest(tables, id, actor, audit, now());
      if (answer === 'requested' || answer === 'not-paused') hints.notify('run', id);
      return answer;
    },
    async runAnswer(id, task, said, audit) {
      const answer = runs.runAnswer(tables, id, task, said, audit);
      if (answer === 'answered' || answer === 'already-answered') hints.notify('run', id);
      return answer;
    },
    async runRoundStarter(id) {
      const row = tables.runs.get(id);
      return row?.isActive ? row.principal : undefined;
    },
    async runSkip(id, task, skip, audit) {
      const answer = runs.runSkip(tables, id, { task, skip }, audit);
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runApprove(id, task, said, seen, audit) {
      const answer = runs.runApprove(tables, id, { task, answer: said, seen }, audit);
      if (answer === 'answered') hints.notify('run', id);
      return answer;
    },
    async runRetry(id, states, audit, seen) {
      const answer = runs.runRetry(tables, id, { states, ...given({ seen }) }, audit, now());
      if (answer.kind === 'opened') hints.notify('run', id);
      return answer;
    },
    timelineList: async (id, { limit, afterSeq = 0 }) =>
      [...(tables.runs.get(id)?.timeline ?? [])]
        .filter(({ seq }) => seq > afterSeq)
        .sort((a, b) => a.seq - b.seq)
        .slice(0, limit),
    executionFetch: async (key) => execution.executionFetch(tables, key),
    executionList: async (id, filter, page) => execution.executionList(tables, id, filter, page),
    executionHistory: async (key) => execution.executionHistory(tables, key),
    outputGroups: async (id, options) => output.outputGroups(tables, id, options),
    outputRead: async (key, stream, offset, length) => output.outputRead(tables, key, stream, offset, length),

    outputValuesList: async (id, filter, page) => outputValuesList(tables, id, filter, page),

    async ownerLook(id) {
      const partitions = lease.partitionBalance(tables, id, now());
      const wanted = new Set(partitions.map((partition) => partition.id));
      const found = [...tables.runs.values()]
        .filter(({ run, isActive }) => isActive && wanted.has(run.partition))
        .map(({ answers, run: { id, round, cancelRequestedAtMs, cancelForcedAtMs, pausedAtMs } }) => ({
          id,
          round,
          isCancelRequested: cancelRequestedAtMs !== undefined,
          isCancelForced: cancelForcedAtMs !== undefined,
          isPaused: pausedAtMs !== undefined,
          answers,
        }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      return { partitions, runs: found };
    },
    runSeed: async (id) => owner.runSeed(tables, id),
    taskSpec: async (id, task) => owner.taskSpec(tables, id, task),
    attemptsLook: async (keys) => owner.attemptsLook(tables, keys),
    ownerCommit: async (commit) => owner.ownerCommit(tables, commit),
    askedQuestions: async (limit) =>
      [...tables.asked.values()].sort((a, b) => (a.runId < b.runId ? -1 : 1)).slice(0, limit),
    endedRuns: async (limit) => [...tables.ended.values()].sort((a, b) => (a.runId < b.runId ? -1 : 1)).slice(0, limit),
    outputChunkWrite: async (fences, chunks) => output.outputChunkWrite(tables, fences, chunks),

    serverRegister: async (server) => lease.serverRegister(tables, server, now()),
    serverDeregister: async (id) => lease.serverDeregister(tables, id),
    partitionRelease: async (id, partitions) => lease.partitionRelease(tables, id, partitions),

    agentInstancesShow: async (shown) => agentInstancesShow(tables, shown, now()),
    // Ways over SSH are no part of it.
    fleetLook: async () => ({
      hostAccessVersion: 1,
      revoked: [...tables.agents.values()].filter((one) => one.isRevoked).map(({ id }) => id),
      workers: [...tables.workers.values()].map((worker) => ({ ...worker })),
      servers: lease.serverList(tables, now()),
    }),
    workerSeen: async (worker) => workerSeen(tables, worker),
    workerStartShow: async (start) => workerStartShow(tables, start, now()),
    workerStartGone: async (start) => workerStartGone(tables, start, now()),
    workerList: async () => [...tables.workers.values()].map((worker) => ({ ...worker })),
    async workerFetch(id) {
      const worker = tables.workers.get(id);
      return worker && { ...worker };
    },
    async workerDrain(id, drained, audit) {
      const worker = tables.workers.get(id);
      if (!worker) return undefined;
      if (worker.drained !== drained) tables.audit.push(audit);
      worker.drained = drained;
      hints.notify('fleet', id);
      return { ...worker };
    },
    hostPresenceWrite: async (changes) => host.hostPresenceWrite(tables, changes),
    hostPresenceReconcile: async (snapshot) => host.hostPresenceReconcile(tables, snapshot),
    hostFactsWrite: async (changes) => host.hostFactsWrite(tables, changes),
    hostsOutside: async (zones) => host.hostsOutside(tables, zones),
    hostsWithoutAgent: async (ids) => host.hostsWithoutAgent(tables, ids),

    notify: (topic, payload) => hints.notify(topic, payload),
    listen: (topic, onHint) => hints.listen(topic, onHint),
  };
}

/** An agent that has joined, with its host. */
export function addAgent(tables: MemoryTables, id: AgentId, hostId: HostId, zone: string): void {
  tables.agents.set(id, { id, hostId, zone, isRevoked: false, session: undefined });
}

/** A worker that has joined. */
export function addWorker(tables: MemoryTables, id: WorkerId, zone: string, joinedAtMs: number): void {
  tables.workers.set(id, {
    id,
    name: `worker-${tables.workers.size + 1}`,
    zone,
    labels: {},
    agentAddress: '',
    linked: false,
    joinedAtMs,
    publicKey: new Uint8Array(0),
    drained: false,
  });
}
