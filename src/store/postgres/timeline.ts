/** What happened to runs, entry by entry. */
import type { RunId } from '../../base/ids.ts';
import type { TimelineEntry, TimelineStore } from '../contract/timeline.ts';
import type { Executor } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function timelineStore({ pool }: StoreParts): TimelineStore {
  return {
    timelineList: (id, page) => timelineList(pool, id, page),
    timelineAfter: (id, after, page) => timelineAfter(pool, id, after, page),
  };
}

export async function timelineList(
  db: Executor,
  id: RunId,
  page: { limit: number; afterSeq?: number },
): Promise<readonly TimelineEntry[]> {
  const { rows } = await db.query<{ seq: number; at_ms: number; kind: string; detail: Record<string, unknown> }>(
    'SELECT seq, at_ms, kind, detail FROM run_event WHERE run_id = $1 AND seq > $2 ORDER BY seq, place LIMIT $3',
    [id, page.afterSeq ?? 0, page.limit],
  );
  return rows.map((row) => ({ runId: id, seq: row.seq, atMs: row.at_ms, kind: row.kind, detail: row.detail }));
}

export async function timelineAfter(
  db: Executor,
  id: RunId,
  after: { seq: number; skip: number },
  page: { toSeq: number; limit: number },
): Promise<readonly TimelineEntry[]> {
  const { rows } = await db.query<{ seq: number; at_ms: number; kind: string; detail: Record<string, unknown> }>({
    name: 'timeline-after',
    text: `SELECT seq, at_ms, kind, detail FROM run_event WHERE run_id = $1 AND seq > $2 AND seq <= $3
           ORDER BY seq, place OFFSET $4 LIMIT $5`,
    values: [id, after.seq, page.toSeq, after.skip, page.limit],
  });
  return rows.map((row) => ({ runId: id, seq: row.seq, atMs: row.at_ms, kind: row.kind, detail: row.detail }));
}

/** All that is told of a run under one seq is in one call. */
export async function timelineWrite(tx: Executor, entries: readonly TimelineEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const before = new Map<string, number>();
  const places = entries.map(({ runId, seq }) => {
    const place = before.get(`${runId} ${seq}`) ?? 0;
    before.set(`${runId} ${seq}`, place + 1);
    return place;
  });
  await tx.query({
    name: 'timeline-write',
    text: `INSERT INTO run_event (run_id, seq, kind, at_ms, detail, place)
      SELECT *
      FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::jsonb[], $6::int[])
      ON CONFLICT DO NOTHING`,
    values: [
      entries.map((e) => e.runId),
      entries.map((e) => e.seq),
      entries.map((e) => e.kind),
      entries.map((e) => e.atMs),
      entries.map((e) => JSON.stringify(e.detail)),
      places,
    ],
  });
}
