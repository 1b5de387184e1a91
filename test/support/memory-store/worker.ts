/** What is seen of workers, in memory. */
import type { WorkerStore } from '../../../src/store/contract/worker.ts';
import type { MemoryTables } from './rows.ts';

type In<K extends keyof WorkerStore> = WorkerStore[K] extends (...args: infer A) => unknown ? A[0] : never;

export function workerSeen(tables: MemoryTables, { id, agentAddress, version, linked }: In<'workerSeen'>): void {
  const worker = tables.workers.get(id);
  if (worker) Object.assign(worker, { agentAddress, version, linked });
}
