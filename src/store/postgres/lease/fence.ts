/**
 * Fences: whoever writes for a partition holds its row, as the owner and under the term that it was given. A takeover
 * is an UPDATE of that row: it waits until this transaction is over, and after it the old term writes nothing.
 */
import type { Fence } from '../../contract/lease.ts';
import type { Executor } from '../pool.ts';

/** Locks the partitions that are still owned under these terms. @returns their keys. */
export async function heldFences(tx: Executor, fences: readonly Fence[]): Promise<ReadonlySet<string>> {
  if (fences.length === 0) return new Set();
  // In the order of their numbers: whoever locks several does so in this order.
  const distinct = [...new Map(fences.map((fence) => [fenceKey(fence), fence])).values()].sort(
    (a, b) => a.partition - b.partition,
  );
  const { rows } = await tx.query<Fence>({
    name: 'fences',
    text: `SELECT p.id AS partition, p.owner AS "serverId", p.term
           FROM partition p
           JOIN unnest($1::int[], $2::uuid[], $3::bigint[]) AS fence(id, owner, term) ON p.id = fence.id
             AND p.owner = fence.owner AND p.term = fence.term
           ORDER BY p.id FOR SHARE OF p`,
    values: [distinct.map((f) => f.partition), distinct.map((f) => f.serverId), distinct.map((f) => f.term)],
  });
  return new Set(rows.map(fenceKey));
}

export function fenceKey({ partition, serverId, term }: Fence): string {
  return `${partition} ${serverId} ${term}`;
}
