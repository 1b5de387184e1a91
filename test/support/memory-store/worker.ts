/** What is seen of workers, in memory. */
import { judgeWorkerStart, withoutHolder, type WorkerStartVerdict } from '../../../src/domain/fleet/worker-start.ts';
import type { WorkerStore } from '../../../src/store/contract/worker.ts';
import type { MemoryTables } from './rows.ts';

type In<K extends keyof WorkerStore> = WorkerStore[K] extends (...args: infer A) => unknown ? A[0] : never;

export function workerSeen(tables: MemoryTables, { id, agentAddress, version, linked }: In<'workerSeen'>): void {
  const worker = tables.workers.get(id);
  if (worker) Object.assign(worker, { agentAddress, version, linked });
}

export function workerStartShow(
  tables: MemoryTables,
  { id, isOtherHere, instance, serverId }: In<'workerStartShow'>,
  nowMs: number,
): WorkerStartVerdict {
  const leases = new Map([...tables.servers].map(([server, { leaseUntilMs }]) => [server as string, leaseUntilMs]));
  const alive = { nowMs, leases, startedAtMs: tables.servers.get(serverId)?.startedAtMs ?? 0 };
  const { verdict, starts } = judgeWorkerStart(tables.workerStarts.get(id), { instance, serverId, isOtherHere }, alive);
  tables.workerStarts.set(id, starts);
  return verdict;
}

export function workerStartGone(tables: MemoryTables, start: In<'workerStartGone'>, nowMs: number): void {
  const starts = tables.workerStarts.get(start.id);
  if (starts) tables.workerStarts.set(start.id, withoutHolder(starts, start, nowMs));
}
