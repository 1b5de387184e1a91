/** Servers with their leases and partitions, agents, workers and hosts of a store in memory, as `store/postgres/lease.ts` and `fleet.ts` have them. */
import type { ServerId } from '../../../src/base/ids.ts';
import { limits } from '../../../src/base/limits.ts';
import { judgeInstance } from '../../../src/domain/agent/session-rule.ts';
import type { AgentShown, AgentStore } from '../../../src/store/contract/agent.ts';
import type { Store } from '../../../src/store/contract/store.ts';
import type { MemoryTables } from './rows.ts';

type In<K extends keyof Store> = Store[K] extends (...args: infer A) => unknown ? A[0] : never;
type Owned = { readonly id: number; readonly term: number };

export function serverRegister(
  tables: MemoryTables,
  { id, url, version, leaseMs }: In<'serverRegister'>,
  nowMs: number,
): void {
  tables.servers.set(id, { url, version, leaseUntilMs: nowMs + leaseMs });
}

/** Extends a lease that is alive. One that has run out may have lost its partitions: false, and the server has to register anew. */
export function leaseRenew(tables: MemoryTables, id: ServerId, leaseMs: number, nowMs: number): boolean {
  const server = tables.servers.get(id);
  if (!server || server.leaseUntilMs <= nowMs) return false;
  server.leaseUntilMs = nowMs + leaseMs;
  return true;
}

function alive(tables: MemoryTables, nowMs: number): ServerId[] {
  return [...tables.servers].filter(([, { leaseUntilMs }]) => leaseUntilMs > nowMs).map(([id]) => id);
}

export function serverList(tables: MemoryTables, nowMs: number): { id: ServerId; url: string; version: string }[] {
  return alive(tables, nowMs)
    .sort()
    .map((id) => {
      const { url, version } = tables.servers.get(id)!;
      return { id, url, version };
    });
}

export function serverDeregister(tables: MemoryTables, id: ServerId): void {
  for (const partition of tables.partitions) if (partition.owner === id) partition.owner = undefined;
  tables.servers.delete(id);
}

export function partitionBalance(tables: MemoryTables, id: ServerId, nowMs: number): Owned[] {
  const servers = new Set(alive(tables, nowMs));
  if (!servers.has(id)) return [];
  const fair = Math.ceil(tables.partitions.length / servers.size);
  const mine = tables.partitions.filter(({ owner }) => owner === id);
  const free = tables.partitions.filter(({ owner }) => owner === undefined || !servers.has(owner));
  for (const partition of free.slice(0, Math.max(0, fair - mine.length))) {
    partition.owner = id;
    partition.term++;
  }
  for (const partition of mine.slice(fair)) partition.owner = undefined;
  return tables.partitions
    .filter(({ owner }) => owner === id)
    .map((partition) => ({ id: partition.id, term: partition.term }));
}

export function partitionRelease(tables: MemoryTables, id: ServerId, partitions: readonly number[]): void {
  for (const n of partitions) if (tables.partitions[n]?.owner === id) tables.partitions[n].owner = undefined;
}

export function agentInstancesShow(
  tables: MemoryTables,
  shown: readonly AgentShown[],
  nowMs: number,
): Awaited<ReturnType<AgentStore['agentInstancesShow']>> {
  return shown.map(({ agentId, hostId, workerId, instance }) => {
    const agent = tables.agents.get(agentId);
    if (!agent || agent.isRevoked || agent.hostId !== hostId) return 'unknown';
    const worker = tables.workers.get(workerId);
    if (worker?.revokedAtMs !== undefined || worker?.zone !== agent.zone) return 'other-zone';
    const { verdict, record } = judgeInstance(agent.session, instance, nowMs, limits.agentCopyQuietMs);
    agent.session = record;
    return verdict;
  });
}

/** An older observation never overwrites a newer one, whichever server writes it. */
export function hostPresenceWrite(tables: MemoryTables, changes: In<'hostPresenceWrite'>): void {
  for (const { hostId, agentId, workerId, linked, atMs } of [...changes].sort((a, b) => a.atMs - b.atMs))
    if ((tables.presence.get(hostId)?.atMs ?? Number.NEGATIVE_INFINITY) <= atMs)
      tables.presence.set(hostId, { agentId, workerId, linked, atMs });
}

export function hostPresenceReconcile(
  tables: MemoryTables,
  { workerId, linked, atMs }: In<'hostPresenceReconcile'>,
): void {
  for (const [hostId, row] of tables.presence)
    if (row.workerId === workerId && row.linked && row.atMs <= atMs && !linked.includes(hostId))
      tables.presence.set(hostId, { ...row, linked: false, atMs });
}

export function hostFactsWrite(tables: MemoryTables, changes: In<'hostFactsWrite'>): void {
  for (const { hostId, agentId, facts } of changes)
    if (tables.agents.get(agentId)?.hostId === hostId) tables.facts.set(hostId, facts);
}

export function workerSeen(tables: MemoryTables, { id, agentAddress, version, linked }: In<'workerSeen'>): void {
  const worker = tables.workers.get(id);
  if (worker) Object.assign(worker, { agentAddress, version, linked });
}
