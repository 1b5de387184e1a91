/** What the suite of stores works with: a store on empty tables, and the means that only its tables have. */
import { newId, type AgentId, type HostId, type RunId, type ServerId, type WorkerId } from '../../src/base/ids.ts';
import type { RunSpec } from '../../src/domain/run/spec.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import type { ExecutionChange } from '../../src/store/contract/owner-commit.ts';
import type { SimulableStore } from '../support/memory-store/memory-store.ts';

export const actor = { kind: 'token', id: 't', name: 'tester' } as const;
export const audit: AuditEntry = { actor, action: 'test', target: 'test', detail: { b: 1, a: [2, { z: 1, y: 2 }] } };
export const spec: RunSpec = {
  work: { kind: 'script', script: Buffer.from('true') },
  args: [],
  env: {},
  params: {},
  secretNames: [],
  timeoutMs: 1_000,
  killAfterMs: 1_000,
  startDeadlineMs: 1_000,
  lostAfterMs: 1_000,
  retries: 0,
  outputKeptBytes: 1_024,
};

export interface StoreWorld {
  readonly store: SimulableStore;
  /** Gives the partition to the server, under a new term, which is answered. */
  own(partition: number, serverId: ServerId): Promise<number>;
  serversGone(): Promise<void>;
  leaseOver(serverId: ServerId): Promise<void>;
  roundBegan(runId: RunId, atMs: number): Promise<void>;
  /** An agent and a worker of one zone, as they are once they have joined. */
  join(): Promise<{ agentId: AgentId; hostId: HostId; workerId: WorkerId }>;
  /** Whether the record has the host as linked. */
  isLinked(hostId: HostId): Promise<boolean>;
  end(): Promise<void>;
}

export function done(runId: RunId, ordinal: number, more: Partial<ExecutionChange> = {}): ExecutionChange {
  return {
    runId,
    task: 0,
    ordinal,
    attempt: 1,
    from: ['waiting', 'dispatched', 'running'],
    to: 'succeeded',
    exitCode: 0,
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
