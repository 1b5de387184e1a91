/** Jobs and their versions. Whoever changes one holds the job's row, so that a version has one number and a job one draft. */
import { createHash } from 'node:crypto';
import { given } from '../../base/given.ts';
import { isUuid, newId, type JobId } from '../../base/ids.ts';
import { jobLimits } from '../../base/job-limits.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { jobVersionStatesBefore, type JobVersionState } from '../../domain/job/version-machine.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type {
  JobCard,
  JobDeed,
  JobRecord,
  JobStore,
  JobToApply,
  JobVersionChoice,
  JobVersionRecord,
} from '../contract/job.ts';
import { auditAppend } from './audit/audit.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { Executor, Pool } from './pool.ts';
import { inScope } from './scope.ts';
import type { StoreParts } from './store-parts.ts';

export function jobStore({ pool, now }: StoreParts): JobStore {
  return {
    jobApply: (wanted, entry) => jobApply(pool, wanted, entry, now()),
    jobFetch: (idOrName) => jobFetch(pool, idOrName),
    jobList: (scope, filter, page) => jobList(pool, scope, filter, page),
    jobVersionList: (job, page) => jobVersionList(pool, job, page),
    jobVersionFetch: (job, version) => jobVersionFetch(pool, job, version),
    jobVersionMove: (job, version, to, deed, entry) =>
      jobVersionMove(pool, { job, version, to, ...deed }, entry, now()),
    jobVersionRemove: (job, version, entry) => jobVersionRemove(pool, { job, version }, entry, now()),
    jobRemove: (job, entry) => jobRemove(pool, job, entry, now()),
    jobRetire: (job, reason, entry) => jobRetire(pool, job, reason, entry, now()),
  };
}

interface CardRow {
  description: string | null;
  owner: string | null;
  team: string | null;
  tags: string[];
}
interface JobRow extends CardRow {
  id: JobId;
  name: string;
  state: JobVersionState;
  last_version: number;
  numbered: number;
  published_version: number | null;
  draft_version: number | null;
  created_at_ms: number;
  changed_at_ms: number;
}
interface VersionRow extends CardRow {
  job_id: JobId;
  name: string;
  version: number;
  state: JobVersionState;
  digest: Buffer;
  applied_at_ms: number;
  applied_by: Actor;
  applied_reason: string;
  published_at_ms: number | null;
  published_by: Actor | null;
  published_reason: string | null;
  retired_at_ms: number | null;
  retired_by: Actor | null;
  retired_reason: string | null;
}

const VERSION = `v.job_id, job.name, v.version, v.state, v.digest, v.description, v.owner, v.team, v.tags, v.applied_at_ms, v.applied_by,
  v.applied_reason, v.published_at_ms, v.published_by, v.published_reason, v.retired_at_ms, v.retired_by, v.retired_reason`;

function cardOf({ description, owner, team, tags }: CardRow): JobCard {
  return {
    ...given({ description: description ?? undefined, owner: owner ?? undefined, team: team ?? undefined }),
    tags,
  };
}

function jobRecord(row: JobRow): JobRecord {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    lastVersion: row.last_version,
    ...given({ publishedVersion: row.published_version ?? undefined, draftVersion: row.draft_version ?? undefined }),
    ...cardOf(row),
    createdAtMs: row.created_at_ms,
    changedAtMs: row.changed_at_ms,
  };
}

function versionRecord(row: VersionRow): JobVersionRecord {
  const deed = (by: Actor | null, atMs: number | null, reason: string | null): JobDeed | undefined =>
    by === null || atMs === null || reason === null ? undefined : { by, atMs, reason };
  return {
    jobId: row.job_id,
    job: row.name,
    version: row.version,
    state: row.state,
    digest: row.digest.toString('hex'),
    ...cardOf(row),
    applied: { by: row.applied_by, atMs: row.applied_at_ms, reason: row.applied_reason },
    ...given({
      published: deed(row.published_by, row.published_at_ms, row.published_reason),
      retired: deed(row.retired_by, row.retired_at_ms, row.retired_reason),
    }),
  };
}

/** Creating waits for its turn, so that the limit holds; readers do not. */
const CREATE_LOCK = 727_011;

async function jobApply(
  pool: Pool,
  wanted: JobToApply,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<JobStore['jobApply']> {
  return pool.transaction<Awaited<ReturnType<JobStore['jobApply']>>>(async (tx) => {
    const present = (await jobLock(tx, wanted.name)) ?? (await jobAwaited(tx, wanted.name));
    const last = present && (await lastVersion(tx, present));
    if (wanted.seen !== undefined && wanted.seen !== (last?.digest ?? null))
      return { kind: 'moved', ...given({ last: last && { version: last.version, digest: last.digest } }) };
    const job = present ?? (await jobInsert(tx, wanted.name, nowMs));
    if (!job) return { kind: 'too-many-jobs' };
    const digest = createHash('sha256').update(wanted.text).digest('hex');
    if (last && last.state !== 'retired' && last.digest === digest) return { kind: 'unchanged', version: last };
    if (last?.state !== 'draft' && (await versionCount(tx, job.id)) >= jobLimits.jobVersionsMax)
      return { kind: 'too-many-versions' };
    const number = last?.state === 'draft' ? last.version : job.numbered + 1;
    await draftWrite(tx, job.id, number, wanted, audit.actor, nowMs);
    await jobSettle(tx, job.id, nowMs);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, id: job.id, version: number, digest } }, nowMs);
    const version = (await versionFetch(tx, job.id, number))!;
    return { kind: last === undefined ? 'created' : 'changed', version };
  });
}

async function versionCount(tx: Executor, job: JobId): Promise<number> {
  const { rows } = await tx.query<{ count: number }>('SELECT count(*) AS count FROM job_version WHERE job_id = $1', [
    job,
  ]);
  return rows[0]!.count;
}

async function jobLock(tx: Executor, name: string): Promise<JobRow | undefined> {
  const { rows } = await tx.query<JobRow>('SELECT * FROM job WHERE name = $1 FOR UPDATE', [name]);
  return rows[0];
}

/** One that is made at this moment is there when its maker has committed. */
async function jobAwaited(tx: Executor, name: string): Promise<JobRow | undefined> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [CREATE_LOCK]);
  return jobLock(tx, name);
}

/** Undefined where there are as many as there may be. */
async function jobInsert(tx: Executor, name: string, nowMs: number): Promise<JobRow | undefined> {
  const { rows: counted } = await tx.query<{ count: number }>('SELECT count(*) AS count FROM job');
  if (counted[0]!.count >= jobLimits.jobsMax) return undefined;
  const { rows } = await tx.query<JobRow>(
    'INSERT INTO job (id, name, created_at_ms, changed_at_ms) VALUES ($1, $2, $3, $3) RETURNING *',
    [newId(), name, nowMs],
  );
  return rows[0];
}

function lastVersion(tx: Executor, job: JobRow): Promise<JobVersionRecord | undefined> {
  return versionFetch(tx, job.id, job.last_version);
}

async function draftWrite(
  tx: Executor,
  job: JobId,
  version: number,
  { card, notify, text, reason }: JobToApply,
  actor: Actor,
  nowMs: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO job_version (
       job_id, version, state, document, digest, description, owner, team, tags, applied_at_ms, applied_by, applied_reason,
       notify
     )
     VALUES ($1, $2, 'draft', $3, sha256($3), $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (job_id, version) DO UPDATE
     SET document = excluded.document, digest = excluded.digest, description = excluded.description,
       owner = excluded.owner, team = excluded.team, tags = excluded.tags, applied_at_ms = excluded.applied_at_ms,
       applied_by = excluded.applied_by, applied_reason = excluded.applied_reason, notify = excluded.notify
     WHERE job_version.state = 'draft'`,
    [
      job,
      version,
      Buffer.from(text),
      card.description ?? null,
      card.owner ?? null,
      card.team ?? null,
      card.tags,
      nowMs,
      JSON.stringify(actor),
      reason,
      JSON.stringify(notify),
    ],
  );
}

/** What the job's row says of its versions, after one of them has changed. */
async function jobSettle(tx: Executor, job: JobId, nowMs: number): Promise<void> {
  await tx.query(
    `UPDATE job
     SET changed_at_ms = $2, last_version = own.last, numbered = greatest(job.numbered, own.last),
       published_version = own.published, draft_version = own.draft,
       description = shown.description, owner = shown.owner, team = shown.team, tags = shown.tags
     FROM (
       SELECT max(version) AS last, max(version) FILTER (WHERE state = 'published') AS published,
         max(version) FILTER (WHERE state = 'draft') AS draft
       FROM job_version WHERE job_id = $1
     ) AS own
     JOIN job_version AS shown ON shown.job_id = $1 AND shown.version = coalesce(own.published, own.draft, own.last)
     WHERE job.id = $1`,
    [job, nowMs],
  );
}

async function jobFetch(db: Executor, idOrName: string): Promise<JobRecord | undefined> {
  const { rows } = await db.query<JobRow>(
    'SELECT * FROM job WHERE name = $1 OR id = $2 ORDER BY (id = $2) IS TRUE DESC LIMIT 1',
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && jobRecord(rows[0]);
}

async function jobList(
  db: Executor,
  scope: Scope,
  { name, owner, team, tag, state }: Parameters<JobStore['jobList']>[1],
  page: { limit: number; cursor?: string },
): ReturnType<JobStore['jobList']> {
  const after = decodeCursor(page.cursor, ['text']);
  const { rows } = await db.query<JobRow>(
    `SELECT * FROM job
     WHERE ${inScope(scope)} AND ($1::text IS NULL OR name > $1) AND ($2::text IS NULL OR owner = $2)
       AND ($3::text IS NULL OR team = $3) AND ($4::text IS NULL OR $4 = ANY (tags)) AND ($5::text IS NULL OR state = $5)
       AND ($6::text IS NULL OR strpos(name, $6) > 0)
     ORDER BY name
     LIMIT $7`,
    [after?.[0] ?? null, owner ?? null, team ?? null, tag ?? null, state ?? null, name ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map(jobRecord);
  return given({ items, next: rows.length > page.limit ? encodeCursor([items.at(-1)!.name]) : undefined });
}

async function jobVersionList(
  db: Executor,
  job: JobId,
  page: { limit: number; cursor?: string },
): ReturnType<JobStore['jobVersionList']> {
  const before = decodeCursor(page.cursor, ['int']);
  const { rows } = await db.query<VersionRow>(
    `SELECT ${VERSION}
     FROM job_version v
     JOIN job ON job.id = v.job_id
     WHERE v.job_id = $1 AND ($2::int IS NULL OR v.version < $2)
     ORDER BY v.version DESC
     LIMIT $3`,
    [job, before?.[0] ?? null, page.limit + 1],
  );
  const items = rows.slice(0, page.limit).map(versionRecord);
  return given({ items, next: rows.length > page.limit ? encodeCursor([items.at(-1)!.version]) : undefined });
}

async function versionFetch(db: Executor, job: JobId, version: number): Promise<JobVersionRecord | undefined> {
  const { rows } = await db.query<VersionRow>(
    `SELECT ${VERSION} FROM job_version v JOIN job ON job.id = v.job_id WHERE v.job_id = $1 AND v.version = $2`,
    [job, version],
  );
  return rows[0] && versionRecord(rows[0]);
}

const CHOSEN: Readonly<Record<Exclude<JobVersionChoice, number>, string>> = {
  latest: 'job.published_version',
  draft: 'job.draft_version',
  last: 'job.last_version',
};

async function jobVersionFetch(
  db: Executor,
  job: JobId,
  version: JobVersionChoice,
): ReturnType<JobStore['jobVersionFetch']> {
  const { rows } = await db.query<VersionRow & { document: Buffer }>(
    `SELECT ${VERSION}, v.document
     FROM job
     JOIN job_version v ON v.job_id = job.id AND v.version = ${typeof version === 'number' ? '$2' : CHOSEN[version]}
     WHERE job.id = $1`,
    typeof version === 'number' ? [job, version] : [job],
  );
  return rows[0] && { ...versionRecord(rows[0]), text: rows[0].document.toString() };
}

async function jobVersionMove(
  pool: Pool,
  {
    job,
    version,
    to,
    reason,
    seen,
  }: { job: JobId; version: number; to: 'published' | 'retired'; reason: string; seen?: string },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<JobStore['jobVersionMove']> {
  return pool.transaction<Awaited<ReturnType<JobStore['jobVersionMove']>>>(async (tx) => {
    await tx.query('SELECT 1 FROM job WHERE id = $1 FOR UPDATE', [job]);
    const present = await versionFetch(tx, job, version);
    if (!present) return { kind: 'not-found' };
    if (seen !== undefined && seen !== present.digest) return { kind: 'other-text' };
    const { rowCount } = await tx.query(
      `UPDATE job_version SET state = $3, ${to}_at_ms = $4, ${to}_by = $5, ${to}_reason = $6
       WHERE job_id = $1 AND version = $2 AND state = ANY ($7::text[])`,
      [job, version, to, nowMs, JSON.stringify(audit.actor), reason, jobVersionStatesBefore(to)],
    );
    if (rowCount === 0) return { kind: 'other-state', state: present.state };
    await jobSettle(tx, job, nowMs);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, digest: present.digest } }, nowMs);
    return { kind: 'moved', version: (await versionFetch(tx, job, version))! };
  });
}

async function jobRetire(
  pool: Pool,
  job: JobId,
  reason: string,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<JobStore['jobRetire']> {
  return pool.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM job WHERE id = $1 FOR UPDATE', [job]);
    const { rows } = await tx.query<{ version: number }>(
      `UPDATE job_version SET state = 'retired', retired_at_ms = $2, retired_by = $3, retired_reason = $4
       WHERE job_id = $1 AND state = ANY ($5::text[]) RETURNING version`,
      [job, nowMs, JSON.stringify(audit.actor), reason, jobVersionStatesBefore('retired')],
    );
    const versions = rows.map((row) => row.version).toSorted((a, b) => a - b);
    if (versions.length === 0) return versions;
    await jobSettle(tx, job, nowMs);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, versions } }, nowMs);
    return versions;
  });
}

async function jobVersionRemove(
  pool: Pool,
  { job, version }: { readonly job: JobId; readonly version: number },
  audit: AuditEntry,
  nowMs: number,
): ReturnType<JobStore['jobVersionRemove']> {
  return pool.transaction<Awaited<ReturnType<JobStore['jobVersionRemove']>>>(async (tx) => {
    await tx.query('SELECT 1 FROM job WHERE id = $1 FOR UPDATE', [job]);
    const present = await versionFetch(tx, job, version);
    if (!present) return { kind: 'not-found' };
    if (present.state !== 'retired') return { kind: 'other-state', state: present.state };
    if ((await versionCount(tx, job)) === 1) return { kind: 'only' };
    await tx.query("DELETE FROM job_version WHERE job_id = $1 AND version = $2 AND state = 'retired'", [job, version]);
    await jobSettle(tx, job, nowMs);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, digest: present.digest } }, nowMs);
    return { kind: 'removed' };
  });
}

async function jobRemove(pool: Pool, job: JobId, audit: AuditEntry, nowMs: number): ReturnType<JobStore['jobRemove']> {
  return pool.transaction<Awaited<ReturnType<JobStore['jobRemove']>>>(async (tx) => {
    const { rows } = await tx.query<JobRow>('SELECT * FROM job WHERE id = $1 FOR UPDATE', [job]);
    const present = rows[0];
    if (!present) return { kind: 'not-found' };
    const open = await tx.query<{ version: number; state: JobVersionState }>(
      "SELECT version, state FROM job_version WHERE job_id = $1 AND state <> 'retired' ORDER BY version LIMIT 1",
      [job],
    );
    if (open.rows[0]) return { kind: 'other-state', ...open.rows[0] };
    const runs = await tx.query('SELECT 1 FROM run WHERE job_name = $1 LIMIT 1', [present.name]);
    if (runs.rows[0]) return { kind: 'has-runs' };
    const { rowCount } = await tx.query('DELETE FROM job_version WHERE job_id = $1', [job]);
    await tx.query('DELETE FROM job WHERE id = $1', [job]);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, versions: rowCount } }, nowMs);
    return { kind: 'removed', versions: rowCount };
  });
}
