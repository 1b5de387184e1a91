/** What the suite of stores works with: a store on empty tables, and the means that only its tables have. */
import { oneTask } from '../../src/domain/run/new-task.ts';
import { hostSubject } from '../../src/domain/run/subject.ts';
import { systemClock } from '../../src/base/clock.ts';
import {
  newId,
  newRunId,
  type AgentId,
  type HostId,
  type RunId,
  type ServerId,
  type WorkerId,
} from '../../src/base/ids.ts';
import { partitionOf } from '../../src/domain/run/partition.ts';
import { agentExecutor, type Executor } from '../../src/domain/run/executor.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { Fence } from '../../src/store/contract/lease.ts';
import type { OutputChunk } from '../../src/store/contract/output.ts';
import type { ExecutionChange } from '../../src/store/contract/owner-commit.ts';
import type { SimulableStore } from '../support/memory-store/memory-store.ts';
import { plainSpec, scriptText } from '../support/run-spec.ts';

export const actor = { kind: 'token', id: 't', name: 'tester' } as const;
export const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: { b: 1, a: [2, { z: 1, y: 2 }] } };
export const spec = plainSpec({
  work: scriptText('true'),
  policy: { timeoutMs: 1_000, startDeadlineMs: 1_000, lostAfterMs: 1_000 },
});

export interface StoreWorld {
  readonly store: SimulableStore;
  /** Gives the partition to the server, under a new term, which is answered. */
  own(partition: number, serverId: ServerId): Promise<number>;
  serversGone(): Promise<void>;
  leaseOver(serverId: ServerId): Promise<void>;
  roundBegan(runId: RunId, atMs: number): Promise<void>;
  /** An agent and a worker of one zone, as they are once they have joined. */
  join(): Promise<{ agentId: AgentId; hostId: HostId; workerId: WorkerId }>;
  /** How many works are kept. */
  workKept(): Promise<number>;
  /** How many small outputs are kept of a run. */
  outputsKept(runId: RunId): Promise<number>;
  /** Somebody is to be told of ends of runs from now on, or nobody. */
  hear(isHeard?: boolean): Promise<void>;
  /** Whether the record has the host as linked. */
  isLinked(hostId: HostId): Promise<boolean>;
  end(): Promise<void>;
}

export const exited = (code: number) => ({ kind: 'exited', code }) as const;

export function done(runId: RunId, ordinal: number, more: Partial<ExecutionChange> = {}): ExecutionChange {
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['waiting', 'dispatched', 'running'],
    to: 'succeeded',
    outcome: exited(0),
    startedAtMs: 1,
    finishedAtMs: 2,
    seq: 5,
    ...more,
  };
}

export async function newServer(store: SimulableStore): Promise<ServerId> {
  const id = newId<'server'>();
  await store.serverRegister({ id, url: 'https://127.0.0.1:1', version: 'test', leaseMs: 60_000 });
  return id;
}

/** A run that nobody has begun; a fence of its partition is that of a server that has just taken it. */
export async function newRun(
  { store, own }: Pick<StoreWorld, 'store' | 'own'>,
  hosts: number,
  special: RunSpec = spec,
): Promise<{ id: RunId; fenceOf: (serverId: ServerId) => Promise<Fence> }> {
  const id = newRunId(systemClock.nowMs());
  const targets = Array.from({ length: hosts }, (_, i) => hostSubject(newId<'host'>() as HostId, `h${i}`));
  await store.runCreate(
    {
      id,
      partition: partitionOf(id),
      name: 'n',
      reason: 'r',
      createdBy: actor,
      targetExpression: 'all',
      ...oneTask(special, targets),
    },
    audit,
  );
  return {
    id,
    async fenceOf(serverId) {
      const partition = partitionOf(id);
      return { partition, serverId, term: await own(partition, serverId) };
    },
  };
}

/** Host 0 runs the attempt, by the executor that is answered. */
export async function begun(store: SimulableStore, runId: RunId, fence: Fence): Promise<Executor> {
  const executor = agentExecutor(newId<'agent'>());
  const { outcome: _, finishedAtMs: __, ...running } = done(runId, 0, { to: 'running', route: { executor } });
  await store.ownerCommit({ fence, executions: [running], runs: [], timeline: [] });
  return executor;
}

/** A piece of the standard output of host 0's first attempt. */
export function pieceOf(runId: RunId, executor: Executor): Omit<OutputChunk, 'seq' | 'bytes'> {
  return { runId, task: 0, ordinal: 0, attempt: 1, stream: 1, executor };
}
