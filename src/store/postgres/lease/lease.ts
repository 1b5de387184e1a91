/**
 * Servers, their leases and the partitions they own. A server's lease is one narrow row that its lease keeper renews; a
 * partition's owner holds it as long as that lease lives. Taking over adds one to the term, which makes every
 * write of the former owner void (owner-commit.ts).
 */
import type { RunId, ServerId } from '../../../base/ids.ts';
import type { ActiveRun, LeaseStore, OwnerLook } from '../../contract/lease.ts';
import type { Executor, Pool } from '../pool.ts';
import type { StoreParts } from '../store-parts.ts';

export function leaseStore({ ownPool, clock }: StoreParts): LeaseStore {
  return {
    ownerLook: (id) => ownerLook(ownPool, id, () => clock.reading()),
    serverRegister: (server) => serverRegister(ownPool, server),
    serverDeregister: (id) => serverDeregister(ownPool, id),
    partitionRelease: (id, partitions) => partitionRelease(ownPool, id, partitions),
  };
}

/** The database's clock decides about leases: servers' clocks may differ. */
export const DB_NOW_MS = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export async function serverRegister(pool: Pool, server: Parameters<LeaseStore['serverRegister']>[0]): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO server (id, url, version, started_at_ms)
       VALUES ($1, $2, $3, ${DB_NOW_MS})
       ON CONFLICT (id) DO UPDATE SET url = $2, version = $3`,
      [server.id, server.url, server.version],
    );
    await tx.query(
      `INSERT INTO server_lease (server_id, expires_at_ms)
       VALUES ($1, ${DB_NOW_MS} + $2)
       ON CONFLICT (server_id) DO UPDATE SET expires_at_ms = ${DB_NOW_MS} + $2`,
      [server.id, server.leaseMs],
    );
    // Servers that have been gone for an hour are nobody's business any more.
    await tx.query(
      `DELETE FROM server s USING server_lease l WHERE l.server_id = s.id AND l.expires_at_ms < ${DB_NOW_MS} - 3600000`,
    );
  });
}

/** Extends the lease if it still is alive; a lease that has run out may have lost its partitions and must start over. */
export const LEASE_RENEW = `UPDATE server_lease
  SET expires_at_ms = ${DB_NOW_MS} + $2
  WHERE server_id = $1 AND expires_at_ms > ${DB_NOW_MS}`;

export async function serverDeregister(pool: Pool, id: ServerId): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.query('UPDATE partition SET owner = NULL WHERE owner = $1', [id]);
    await tx.query('DELETE FROM server WHERE id = $1', [id]);
  });
}

/**
 * A server's partitions lie together, but for what it took over: one range of the index, where each of 256 would be a
 * way into it of its own.
 */
const ACTIVE = `SELECT
    coalesce(
      json_agg(
        json_build_array(a.run_id, a.round, a.cancel_requested, a.cancel_forced, a.paused, a.answers) ORDER BY a.run_id
      ),
      '[]'
    )
  FROM run_active a
  WHERE a.partition BETWEEN (SELECT min(id) FROM partition WHERE owner = $1)
    AND (SELECT max(id) FROM partition WHERE owner = $1)
    AND EXISTS (SELECT FROM partition p WHERE p.id = a.partition AND p.owner = $1)`;
type ActiveRow = readonly [
  RunId,
  round: number,
  isCancelRequested: boolean,
  isCancelForced: boolean,
  isPaused: boolean,
  answers: number,
];

/**
 * All that an owner asks by time, in one statement, because it asks all day long: whether its share is fair, what it has, what is to
 * be done there. As a rule there is nothing to balance. Whoever has too much, or finds what nobody alive has, acts. Partitions come as text
 * (`id term,id term`): of 256 of them JSON takes three times as long.
 */
const LOOK = `WITH alive AS MATERIALIZED (SELECT server_id FROM server_lease WHERE expires_at_ms > ${DB_NOW_MS}),
  share AS (
    SELECT count(*) AS total, count(*) FILTER (WHERE owner = $1) AS mine,
      count(*) FILTER (WHERE owner IS NULL OR owner NOT IN (SELECT server_id FROM alive)) AS free
    FROM partition
  ),
  fair AS (SELECT ceil(total::float8 / greatest((SELECT count(*) FROM alive), 1)) AS each FROM share)
  SELECT ${DB_NOW_MS} AS now_ms,
    EXISTS (SELECT FROM alive WHERE server_id = $1) AND (mine = each OR (mine < each AND free = 0)) AS settled,
    (SELECT coalesce(string_agg(id || ' ' || term, ',' ORDER BY id), '') FROM partition WHERE owner = $1) AS mine,
    (${ACTIVE}) AS active
  FROM share, fair`;

/** `reading` is told of the database's clock, which comes along. */
export async function ownerLook(
  pool: Pool,
  id: ServerId,
  reading: () => (nowMs: number) => void = () => () => undefined,
): Promise<OwnerLook> {
  const heard = reading();
  const { rows } = await pool.query<{
    now_ms: number;
    settled: boolean;
    mine: string;
    active: readonly ActiveRow[];
  }>({ name: 'owner-look', text: LOOK, values: [id] });
  const { now_ms: nowMs, settled, mine, active } = rows[0]!;
  heard(nowMs);
  if (settled) return { partitions: ownedPartitions(mine), runs: active.map(activeRun) };
  const partitions = await partitionMove(pool, id);
  const moved = await pool.query<{ active: readonly ActiveRow[] }>({
    name: 'owner-active',
    text: `SELECT (${ACTIVE}) AS active`,
    values: [id],
  });
  return { partitions, runs: moved.rows[0]!.active.map(activeRun) };
}

function ownedPartitions(text: string): OwnerLook['partitions'] {
  if (text === '') return [];
  return text.split(',').map((one) => {
    const [id, term] = one.split(' ').map(Number);
    return { id: id!, term: term! };
  });
}

function activeRun([id, round, isCancelRequested, isCancelForced, isPaused, answers]: ActiveRow): ActiveRun {
  return { id, round, isCancelRequested, isCancelForced, isPaused, answers };
}

async function partitionMove(pool: Pool, id: ServerId): Promise<readonly { id: number; term: number }[]> {
  return pool.transaction(async (tx) => {
    const alive = await tx.query<{ servers: number; me: boolean }>(
      `SELECT count(*)::int AS servers, coalesce(bool_or(server_id = $1), false) AS me
       FROM server_lease
       WHERE expires_at_ms > ${DB_NOW_MS}`,
      [id],
    );
    const { servers, me } = alive.rows[0]!;
    if (!me) return [];
    const share = await tx.query<{ total: number; mine: number }>(
      'SELECT count(*)::int AS total, (count(*) FILTER (WHERE owner = $1))::int AS mine FROM partition',
      [id],
    );
    const { total, mine } = share.rows[0]!;
    const fair = Math.ceil(total / servers);
    if (mine < fair) {
      await tx.query(
        `UPDATE partition SET owner = $1, term = term + 1 WHERE id IN (
           SELECT p.id FROM partition p LEFT JOIN server_lease l ON l.server_id = p.owner
           WHERE p.owner IS NULL OR l.server_id IS NULL OR l.expires_at_ms <= ${DB_NOW_MS}
           ORDER BY p.id LIMIT $2 FOR UPDATE OF p SKIP LOCKED)`,
        [id, fair - mine],
      );
    } else if (mine > fair) {
      await tx.query(
        `UPDATE partition
         SET owner = NULL
         WHERE id IN (SELECT id FROM partition WHERE owner = $1 ORDER BY id DESC LIMIT $2 FOR UPDATE SKIP LOCKED)`,
        [id, mine - fair],
      );
    }
    const { rows } = await tx.query<{ id: number; term: number }>(
      'SELECT id, term FROM partition WHERE owner = $1 ORDER BY id',
      [id],
    );
    return rows;
  });
}

export async function partitionRelease(db: Executor, id: ServerId, partitions: readonly number[]): Promise<void> {
  await db.query('UPDATE partition SET owner = NULL WHERE owner = $1 AND id = ANY ($2)', [id, partitions]);
}
