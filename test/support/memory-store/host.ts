/** Whether hosts are linked, and their facts, in memory. */
import type { HostStore } from '../../../src/store/contract/host.ts';
import type { MemoryTables } from './rows.ts';

type In<K extends keyof HostStore> = HostStore[K] extends (...args: infer A) => unknown ? A[0] : never;

/** An older observation never overwrites a newer one, whichever server writes it; nor does the end of a link one with another worker. */
export function hostPresenceWrite(tables: MemoryTables, changes: In<'hostPresenceWrite'>): void {
  for (const { hostId, agentId, workerId, linked, atMs } of [...changes].sort((a, b) => a.atMs - b.atMs)) {
    const known = tables.presence.get(hostId);
    const session = tables.agents.get(agentId)?.session;
    if (linked && session && session.current.workerId !== workerId) continue;
    if (known && (known.atMs > atMs || (known.linked && !linked && known.workerId !== workerId))) continue;
    tables.presence.set(hostId, { agentId, workerId, linked, atMs });
  }
}

export function hostPresenceReconcile(
  tables: MemoryTables,
  { workerId, linked, atMs }: In<'hostPresenceReconcile'>,
): void {
  for (const [hostId, row] of tables.presence)
    if (row.workerId === workerId && row.linked && row.atMs <= atMs && !linked.includes(hostId))
      tables.presence.set(hostId, { ...row, linked: false, atMs });
}

export function hostsOutside(
  tables: MemoryTables,
  zones: In<'hostsOutside'>,
): Awaited<ReturnType<HostStore['hostsOutside']>> {
  const agents = [...tables.agents.values()].filter((agent) => !agent.isRevoked && !zones.includes(agent.zone));
  return agents.map(({ hostId }) => hostId).sort();
}

export function hostsWithoutAgent(
  tables: MemoryTables,
  ids: In<'hostsWithoutAgent'>,
): Awaited<ReturnType<HostStore['hostsWithoutAgent']>> {
  const agents = [...tables.agents.values()].filter((agent) => !agent.isRevoked);
  const having = new Set(agents.map(({ hostId }) => hostId));
  return ids.filter((id) => !having.has(id));
}

export function hostFactsWrite(tables: MemoryTables, changes: In<'hostFactsWrite'>): void {
  for (const { hostId, agentId, facts } of changes)
    if (tables.agents.get(agentId)?.hostId === hostId) tables.facts.set(hostId, facts);
}
