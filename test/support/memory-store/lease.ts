/** Servers, their leases and the partitions that they own, in memory. */
import type { ServerId } from '../../../src/base/ids.ts';
import type { LeaseStore } from '../../../src/store/contract/lease.ts';
import type { MemoryTables } from './rows.ts';

type In<K extends keyof LeaseStore> = LeaseStore[K] extends (...args: infer A) => unknown ? A[0] : never;

type Owned = { readonly id: number; readonly term: number };

export function serverRegister(
  tables: MemoryTables,
  { id, url, version, leaseMs }: In<'serverRegister'>,
  nowMs: number,
): void {
  tables.servers.set(id, {
    url,
    version,
    leaseUntilMs: nowMs + leaseMs,
    startedAtMs: tables.servers.get(id)?.startedAtMs ?? nowMs,
  });
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
