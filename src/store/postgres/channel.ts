/** Channels and where they lead, sealed. */
import { isUuid, type ChannelId } from '../../base/ids.ts';
import { noticeLimits } from '../../base/notice-limits.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import type { Lang } from '../../domain/notice/message.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type {
  ChannelEndpoint,
  ChannelRecord,
  ChannelSettings,
  ChannelStore,
  SealedEndpoint,
} from '../contract/channel.ts';
import { auditAppend } from './audit/audit.ts';
import { bytes } from './bytes.ts';
import { channelTestBegin } from './notice/channel-test.ts';
import type { Executor, Pool } from './pool.ts';
import { inScope } from './scope.ts';
import type { StoreParts } from './store-parts.ts';

export function channelStore({ pool, now }: StoreParts): ChannelStore {
  return {
    channelCreate: (id, settings, endpoint, entry) => channelCreate(pool, { id, settings, endpoint }, entry, now()),
    channelFetch: (idOrName) => channelFetch(pool, idOrName),
    channelList: (scope) => channelList(pool, scope),
    channelEndpoint: (id) => channelEndpoint(pool, id),
    channelReplace: (id, version, settings, endpoint, entry) =>
      channelReplace(pool, { id, version, settings, endpoint }, entry, now()),
    channelRemove: (id, isForced, entry) => channelRemove(pool, { id, isForced }, entry, now()),
    channelTestBegin: (id, entry) => channelTestBegin(pool, id, entry, now()),
    channelEndpointsNotUnder: (keyId, after, limit) => channelEndpointsNotUnder(pool, keyId, after, limit),
    channelEndpointsReseal: (changes) => channelEndpointsReseal(pool, changes),
  };
}

interface ChannelRow {
  id: ChannelId;
  name: string;
  kind: string;
  lang: Lang;
  per_minute: number;
  group_ms: number;
  shown: Record<string, unknown>;
  version: number;
  created_at_ms: number;
  changed_at_ms: number;
  created_by: Actor;
}
interface EndpointRow {
  id: ChannelId;
  key_id: string;
  data_key: Buffer;
  sealed: Buffer;
}
/** Nothing that is sealed. */
const COLUMNS = 'id, name, kind, lang, per_minute, group_ms, shown, version, created_at_ms, changed_at_ms, created_by';

function channelRecord(row: ChannelRow): ChannelRecord {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    lang: row.lang,
    perMinute: row.per_minute,
    windowMs: row.group_ms,
    shown: row.shown,
    version: row.version,
    createdAtMs: row.created_at_ms,
    changedAtMs: row.changed_at_ms,
    createdBy: row.created_by,
  };
}

function sealedEndpoint(row: EndpointRow): SealedEndpoint {
  return { keyId: row.key_id, dataKey: row.data_key, sealed: row.sealed };
}

/** Creating waits for its turn, so that the limit holds; readers do not. */
const CREATE_LOCK = 727_021;

async function channelCreate(
  pool: Pool,
  { id, settings, endpoint }: { id: ChannelId; settings: ChannelSettings; endpoint: ChannelEndpoint },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<ChannelStore['channelCreate']> {
  return pool.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [CREATE_LOCK]);
    const { rows: counted } = await tx.query<{ count: number }>('SELECT count(*) AS count FROM channel');
    if (counted[0]!.count >= noticeLimits.channelsMax) return { kind: 'too-many' };
    const { rows } = await tx.query<ChannelRow>(
      `INSERT INTO channel (
         id, name, lang, per_minute, group_ms, kind, shown, key_id, data_key, sealed, created_at_ms, changed_at_ms, created_by
       )
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
       ON CONFLICT (name) DO NOTHING
       RETURNING ${COLUMNS}`,
      [id, ...settingValues(settings), ...endpointValues(endpoint), nowMs, JSON.stringify(audit.actor)],
    );
    if (!rows[0]) return { kind: 'name-taken' };
    await auditAppend(tx, audit, nowMs);
    return { kind: 'created', channel: channelRecord(rows[0]) };
  });
}

function settingValues({ name, lang, perMinute, windowMs }: ChannelSettings): unknown[] {
  return [name, lang, perMinute, windowMs];
}

function endpointValues({ kind, shown, keyId, dataKey, sealed }: ChannelEndpoint): unknown[] {
  return [kind, JSON.stringify(shown), keyId, bytes(dataKey), bytes(sealed)];
}

async function channelFetch(db: Executor, idOrName: string): Promise<ChannelRecord | undefined> {
  const { rows } = await db.query<ChannelRow>(
    `SELECT ${COLUMNS} FROM channel WHERE name = $1 OR id = $2 ORDER BY (id = $2) IS TRUE DESC LIMIT 1`,
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && channelRecord(rows[0]);
}

async function channelList(db: Executor, scope: Scope): Promise<readonly ChannelRecord[]> {
  const { rows } = await db.query<ChannelRow>(`SELECT ${COLUMNS} FROM channel WHERE ${inScope(scope)} ORDER BY name`);
  return rows.map(channelRecord);
}

async function channelEndpoint(db: Executor, id: ChannelId): Promise<SealedEndpoint | undefined> {
  const { rows } = await db.query<EndpointRow>('SELECT id, key_id, data_key, sealed FROM channel WHERE id = $1', [id]);
  return rows[0] && sealedEndpoint(rows[0]);
}

async function channelReplace(
  pool: Pool,
  change: {
    readonly id: ChannelId;
    readonly version: number;
    readonly settings: ChannelSettings;
    readonly endpoint: ChannelEndpoint | undefined;
  },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<ChannelStore['channelReplace']> {
  const { id, version, settings, endpoint } = change;
  return pool
    .transaction<Awaited<ReturnType<ChannelStore['channelReplace']>>>(async (tx) => {
      const present = await tx.query<{ version: number; name: string }>(
        'SELECT version, name FROM channel WHERE id = $1 FOR UPDATE',
        [id],
      );
      if (!present.rows[0]) return { kind: 'not-found' };
      if (present.rows[0].version !== version) return { kind: 'changed' };
      const { name } = present.rows[0];
      const jobs = name === settings.name ? [] : await jobsThatName(tx, name);
      if (jobs.length > 0) return { kind: 'in-use', jobs };
      const { rows } = await tx.query<ChannelRow>(
        `UPDATE channel
         SET name = $2, lang = $3, per_minute = $4, group_ms = $5, version = version + 1, changed_at_ms = $6,
           kind = coalesce($7, kind), shown = coalesce($8, shown), key_id = coalesce($9, key_id),
           data_key = coalesce($10, data_key), sealed = coalesce($11, sealed)
         WHERE id = $1
         RETURNING ${COLUMNS}`,
        [
          id,
          ...settingValues(settings),
          nowMs,
          ...(endpoint ? endpointValues(endpoint) : [null, null, null, null, null]),
        ],
      );
      await auditAppend(tx, audit, nowMs);
      return { kind: 'replaced', channel: channelRecord(rows[0]!) };
    })
    .catch((error: unknown) => {
      if ((error as { code?: unknown }).code === '23505') return { kind: 'name-taken' };
      throw error;
    });
}

/** Published ones; the first ten. */
async function jobsThatName(tx: Executor, channel: string): Promise<readonly string[]> {
  const { rows } = await tx.query<{ name: string }>(
    `SELECT job.name
     FROM job
     JOIN job_version v ON v.job_id = job.id AND v.version = job.published_version
     WHERE v.notify @> jsonb_build_array(jsonb_build_object('channel', $1::text))
     ORDER BY job.name
     LIMIT 10`,
    [channel],
  );
  return rows.map(({ name }) => name);
}

async function channelRemove(
  pool: Pool,
  { id, isForced }: { readonly id: ChannelId; readonly isForced: boolean },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<ChannelStore['channelRemove']> {
  return pool.transaction<Awaited<ReturnType<ChannelStore['channelRemove']>>>(async (tx) => {
    const present = await tx.query<{ name: string }>('SELECT name FROM channel WHERE id = $1 FOR UPDATE', [id]);
    if (!present.rows[0]) return { kind: 'not-found' };
    const { rows } = await tx.query<{ count: number }>(
      'SELECT count(*) AS count FROM notice_rule WHERE channel_id = $1',
      [id],
    );
    const rules = rows[0]!.count;
    const jobs = await jobsThatName(tx, present.rows[0].name);
    if (rules + jobs.length > 0 && !isForced) return { kind: 'in-use', rules, jobs };
    await tx.query(
      `UPDATE notice_message
       SET state = 'failed', finished_at_ms = $2, code = 'channel-not-found', detail = 'The channel was removed before it was told.'
       WHERE channel_id = $1 AND state = 'waiting'`,
      [id, nowMs],
    );
    await tx.query('DELETE FROM channel WHERE id = $1', [id]);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, rules } }, nowMs);
    return { kind: 'removed' };
  });
}

async function channelEndpointsNotUnder(
  db: Executor,
  keyId: string,
  after: ChannelId | undefined,
  limit: number,
): ReturnType<ChannelStore['channelEndpointsNotUnder']> {
  const { rows } = await db.query<EndpointRow>(
    `SELECT id, key_id, data_key, sealed
     FROM channel
     WHERE key_id <> $1 AND ($2::uuid IS NULL OR id > $2)
     ORDER BY id
     LIMIT $3`,
    [keyId, after ?? null, limit],
  );
  return rows.map((row) => ({ id: row.id, ...sealedEndpoint(row) }));
}

/** One that was replaced meanwhile is left alone: what replaced it is under the newest key already. */
async function channelEndpointsReseal(
  db: Executor,
  changes: Parameters<ChannelStore['channelEndpointsReseal']>[0],
): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE channel
     SET key_id = c.key_id, data_key = c.data_key, sealed = c.sealed
     FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bytea[], $5::bytea[]) AS c(id, was, key_id, data_key, sealed)
     WHERE channel.id = c.id AND channel.data_key = c.was`,
    [
      changes.map(({ id }) => id),
      changes.map(({ from }) => bytes(from)),
      changes.map(({ to }) => to.keyId),
      changes.map(({ to }) => bytes(to.dataKey)),
      changes.map(({ to }) => bytes(to.sealed)),
    ],
  );
  return rowCount;
}
