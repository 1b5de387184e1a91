/** The store in memory keeps what PostgreSQL keeps. */
import { describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { addAgent, addWorker, createMemoryStore } from '../support/memory-store/memory-store.ts';
import { MemoryTables } from '../support/memory-store/rows.ts';
import { storeConformance } from './store.ts';

describe('a store in memory', () =>
  storeConformance(async () => {
    const tables = new MemoryTables();
    return {
      store: createMemoryStore(tables, systemClock),
      async own(partition, serverId) {
        const row = tables.partitions[partition]!;
        row.owner = serverId;
        return ++row.term;
      },
      async serversGone() {
        tables.servers.clear();
        for (const partition of tables.partitions) partition.owner = undefined;
      },
      async leaseOver(serverId) {
        tables.servers.get(serverId)!.leaseUntilMs = 1;
      },
      async roundBegan(runId, atMs) {
        tables.runs.get(runId)!.run.roundStartedAtMs = atMs;
      },
      async join() {
        const ids = { agentId: newId<'agent'>(), hostId: newId<'host'>(), workerId: newId<'worker'>() };
        addAgent(tables, ids.agentId, ids.hostId, 'default');
        addWorker(tables, ids.workerId, 'default', 1);
        return ids;
      },
      workKept: async () => tables.work.size,
      outputsKept: async (runId) => tables.runs.get(runId)!.blobs.size,
      async hear(isHeard = true) {
        tables.isHeard = isHeard;
      },
      isLinked: async (hostId) => tables.presence.get(hostId)?.linked ?? false,
      end: async () => undefined,
    };
  }));
