/** Workers: how they join, what is seen of them, and whether they take work. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import { isUuid, newId, type WorkerId } from '../../base/ids.ts';
import type { AuditEntry } from '../contract/audit.ts';
import { copyOf, judgeWorkerStart, withoutHolder, type WorkerStarts } from '../../domain/fleet/worker-start.ts';
import type { WorkerRecord, WorkerStore } from '../contract/worker.ts';
import { auditAppend } from './audit/audit.ts';
import { joinTokenHold, joinTokenUse } from './join-token.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function workerStore({ pool, ownPool, hints, now }: StoreParts): WorkerStore {
  return {
    workerJoin: (join, entry) => workerJoin(pool, join, entry, now()),
    workerSeen: (worker) => workerSeen(ownPool, worker),
    workerStartShow: (start) => workerStartShow(ownPool, start, now()),
    workerStartGone: (start) => workerStartGone(ownPool, start, now()),
    workerList: (scope) => workerList(pool, scope, now()),
    workerFetch: (id) => workerFetch(ownPool, id, now()),
    async workerRevoke(id, entry) {
      const worker = await workerRevoke(pool, id, entry, now());
      if (worker) hints.notify('fleet', id);
      return worker;
    },
    async workerDrain(id, drained, entry) {
      const worker = await workerDrain(pool, id, drained, entry, now());
      if (worker) hints.notify('fleet', id);
      return worker;
    },
  };
}

type In<K extends keyof WorkerStore> = Parameters<WorkerStore[K]>[0];

async function workerJoin(
  pool: Pool,
  join: In<'workerJoin'>,
  audit: Omit<AuditEntry, 'target'>,
  nowMs: number,
): ReturnType<WorkerStore['workerJoin']> {
  return pool.transaction(async (tx) => {
    const token = await joinTokenHold(tx, join.tokenHash, 'worker', nowMs);
    if (typeof token === 'string') return { kind: 'refused', code: token };
    await joinTokenUse(tx, token, nowMs);
    const workerId = newId<'worker'>();
    await tx.query(
      `INSERT INTO worker (id, name, zone, version, public_key, joined_at_ms, labels)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [workerId, join.name, token.zone, join.version, join.publicKey, nowMs, JSON.stringify(token.labels)],
    );
    await auditAppend(tx, { ...audit, target: `worker/${join.name}` }, nowMs);
    return { kind: 'joined', workerId, zone: token.zone };
  });
}

async function workerSeen(db: Executor, worker: In<'workerSeen'>): Promise<void> {
  await db.query('UPDATE worker SET agent_address = $2, version = $3, linked = $4 WHERE id = $1', [
    worker.id,
    worker.agentAddress,
    worker.version,
    worker.linked,
  ]);
}

async function workerStartShow(
  pool: Pool,
  { id, instance, serverId, isOtherHere }: In<'workerStartShow'>,
  nowMs: number,
): ReturnType<WorkerStore['workerStartShow']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<Pick<WorkerRow, 'name' | 'starts'>>(
      'SELECT name, starts FROM worker WHERE id = $1 FOR UPDATE',
      [id],
    );
    // Whoever is none is turned away by its record.
    if (!rows[0]) return 'admitted';
    const servers = await tx.query<{ id: string; started_at_ms: number; expires_at_ms: number }>(
      'SELECT s.id, s.started_at_ms, l.expires_at_ms FROM server s JOIN server_lease l ON l.server_id = s.id',
    );
    const before = rows[0].starts ?? undefined;
    const { verdict, starts } = judgeWorkerStart(
      before,
      { instance, serverId, isOtherHere },
      {
        nowMs,
        leases: new Map(servers.rows.map((server) => [server.id, server.expires_at_ms])),
        startedAtMs: servers.rows.find((server) => server.id === serverId)?.started_at_ms ?? 0,
      },
    );
    await tx.query('UPDATE worker SET starts = $2 WHERE id = $1', [id, JSON.stringify(starts)]);
    if (starts.rival?.isCopy && !(before?.rival?.isCopy && before.rival.instance === starts.rival.instance))
      await auditAppend(
        tx,
        {
          actor: { kind: 'system', id: 'fleet', name: 'fleet' },
          action: 'fleet.worker.copied',
          target: `worker/${rows[0].name}`,
          detail: { workerId: id, instances: [starts.current, starts.rival.instance] },
        },
        nowMs,
      );
    return verdict;
  });
}

async function workerStartGone(pool: Pool, start: In<'workerStartGone'>, nowMs: number): Promise<void> {
  await pool.transaction(async (tx) => {
    const { rows } = await tx.query<Pick<WorkerRow, 'starts'>>('SELECT starts FROM worker WHERE id = $1 FOR UPDATE', [
      start.id,
    ]);
    const before = rows[0]?.starts;
    const starts = before && withoutHolder(before, start, nowMs);
    if (starts && starts !== before)
      await tx.query('UPDATE worker SET starts = $2 WHERE id = $1', [start.id, JSON.stringify(starts)]);
  });
}

async function workerList(db: Executor, scope: Scope, nowMs: number): Promise<readonly WorkerRecord[]> {
  const { rows } = await db.query<WorkerRow>(`SELECT * FROM worker WHERE ${inScope(scope)} ORDER BY name, id`);
  return rows.map((row) => workerRecord(row, nowMs));
}

export interface WorkerRow {
  id: WorkerId;
  name: string;
  zone: string;
  labels: Record<string, string>;
  agent_address: string;
  linked: boolean;
  joined_at_ms: number;
  version: string | null;
  public_key: Buffer;
  drained: boolean;
  revoked_at_ms: number | null;
  starts: WorkerStarts | null;
}

export function workerRecord(row: WorkerRow, nowMs: number): WorkerRecord {
  return given({
    id: row.id,
    name: row.name,
    zone: row.zone,
    labels: row.labels,
    agentAddress: row.agent_address,
    linked: row.linked,
    joinedAtMs: row.joined_at_ms,
    version: row.version ?? undefined,
    publicKey: row.public_key,
    drained: row.drained,
    revokedAtMs: row.revoked_at_ms ?? undefined,
    copy: copyOf(row.starts ?? undefined, nowMs),
  });
}

async function workerFetch(db: Executor, id: WorkerId, nowMs: number): Promise<WorkerRecord | undefined> {
  if (!isUuid(id)) return undefined;
  const { rows } = await db.query<WorkerRow>('SELECT * FROM worker WHERE id = $1', [id]);
  return rows[0] && workerRecord(rows[0], nowMs);
}

/** Changes and audits only what is not revoked yet. */
async function workerRevoke(
  pool: Pool,
  id: WorkerId,
  audit: AuditEntry,
  nowMs: number,
): Promise<WorkerRecord | undefined> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<WorkerRow>(
      'UPDATE worker SET revoked_at_ms = $2 WHERE id = $1 AND revoked_at_ms IS NULL RETURNING *',
      [id, nowMs],
    );
    if (rows[0]) await auditAppend(tx, audit, nowMs);
    return rows[0] ? workerRecord(rows[0], nowMs) : workerFetch(tx, id, nowMs);
  });
}

async function workerDrain(
  pool: Pool,
  id: WorkerId,
  drained: boolean,
  audit: AuditEntry,
  nowMs: number,
): Promise<WorkerRecord | undefined> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<WorkerRow>('SELECT * FROM worker WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0] || rows[0].drained === drained) return rows[0] && workerRecord(rows[0], nowMs);
    await tx.query('UPDATE worker SET drained = $2 WHERE id = $1', [id, drained]);
    await auditAppend(tx, audit, nowMs);
    return workerRecord({ ...rows[0], drained }, nowMs);
  });
}
