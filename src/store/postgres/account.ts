/** Accounts and their sealed secrets, and what re-encryption needs of all sealed values. */
import { isUuid, type AccountId, type HostId, type RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type {
  AccountRecord,
  AccountSettings,
  AccountStore,
  CredentialRecord,
  EnvironmentPolicy,
  SealedRunSecrets,
  SealedSecret,
} from '../account-store.ts';
import type { Actor, AuditEntry } from '../store.ts';
import { auditAppend } from './audit.ts';
import { hostAccessChanged } from './fleet.ts';
import type { Executor, Pool } from './pool.ts';

interface AccountRow {
  id: AccountId;
  name: string;
  scope: string;
  login_user: string;
  become_kind: 'direct' | 'sudo' | 'su';
  become_user: string | null;
  become_password: boolean;
  environment: EnvironmentPolicy;
  is_default: boolean;
  priority: number;
  credentials: CredentialRecord[];
  version: number;
  created_at_ms: number;
  changed_at_ms: number;
  created_by: Actor;
}

function accountRecord(row: AccountRow): AccountRecord {
  return {
    id: row.id,
    name: row.name,
    scope: row.scope,
    loginUser: row.login_user,
    become: row.become_kind === 'direct' ? { kind: 'direct' } : { kind: row.become_kind, user: row.become_user! },
    hasBecomePassword: row.become_password,
    environment: row.environment,
    isDefault: row.is_default,
    priority: row.priority,
    credentials: row.credentials,
    version: row.version,
    createdAtMs: row.created_at_ms,
    changedAtMs: row.changed_at_ms,
    createdBy: row.created_by,
  };
}

function settingValues(s: AccountSettings): unknown[] {
  return [
    s.name,
    s.scope,
    s.loginUser,
    s.become.kind,
    s.become.kind === 'direct' ? null : s.become.user,
    s.hasBecomePassword,
    s.environment,
    s.isDefault,
    s.priority,
    JSON.stringify(s.credentials),
  ];
}

/** Creating waits for its turn, so that the limit holds; readers do not. */
const CREATE_LOCK = 727_003;

export async function accountCreate(
  pool: Pool,
  id: AccountId,
  settings: AccountSettings,
  secrets: readonly SealedSecret[],
  audit: AuditEntry,
  nowMs: number,
): ReturnType<AccountStore['accountCreate']> {
  return pool.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [CREATE_LOCK]);
    const { rows: counted } = await tx.query<{ count: number }>('SELECT count(*) AS count FROM account');
    if (counted[0]!.count >= limits.accountsMax) return { kind: 'too-many' };
    const { rows } = await tx.query<AccountRow>(
      `INSERT INTO account (id, created_at_ms, changed_at_ms, created_by, name, scope, login_user, become_kind, become_user, become_password, environment, is_default, priority, credentials)
       VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (name) DO NOTHING RETURNING *`,
      [id, nowMs, JSON.stringify(audit.actor), ...settingValues(settings)],
    );
    if (!rows[0]) return { kind: 'name-taken' };
    await secretsWrite(tx, id, secrets);
    await hostAccessChanged(tx);
    await auditAppend(tx, audit, nowMs);
    return { kind: 'created', account: accountRecord(rows[0]) };
  });
}

async function secretsWrite(tx: Executor, id: AccountId, secrets: readonly SealedSecret[]): Promise<void> {
  await tx.query(
    `INSERT INTO account_secret (account_id, id, key_id, data_key, sealed) SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[])
     ON CONFLICT (account_id, id) DO UPDATE SET key_id = excluded.key_id, data_key = excluded.data_key, sealed = excluded.sealed`,
    [
      id,
      secrets.map((s) => s.id),
      secrets.map((s) => s.keyId),
      secrets.map((s) => s.dataKey),
      secrets.map((s) => s.sealed),
    ],
  );
}

export async function accountFetch(db: Executor, idOrName: string): Promise<AccountRecord | undefined> {
  const { rows } = await db.query<AccountRow>(
    'SELECT * FROM account WHERE name = $1 OR id = $2 ORDER BY name = $1 DESC LIMIT 1',
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && accountRecord(rows[0]);
}

export async function accountList(db: Executor): Promise<readonly AccountRecord[]> {
  const { rows } = await db.query<AccountRow>('SELECT * FROM account ORDER BY name');
  return rows.map(accountRecord);
}

export async function accountIdsByName(
  db: Executor,
  names: readonly string[],
): Promise<ReadonlyMap<string, AccountId>> {
  const { rows } = await db.query<{ name: string; id: AccountId }>(
    'SELECT name, id FROM account WHERE name = ANY ($1::text[])',
    [names],
  );
  return new Map(rows.map(({ name, id }) => [name, id]));
}

export async function accountReplace(
  pool: Pool,
  id: AccountId,
  version: number,
  settings: AccountSettings,
  secrets: readonly SealedSecret[],
  keep: readonly string[],
  audit: AuditEntry,
  nowMs: number,
): ReturnType<AccountStore['accountReplace']> {
  return pool
    .transaction<Awaited<ReturnType<AccountStore['accountReplace']>>>(async (tx) => {
      const { rows: present } = await tx.query<{ version: number }>(
        'SELECT version FROM account WHERE id = $1 FOR UPDATE',
        [id],
      );
      if (!present[0]) return { kind: 'not-found' };
      if (present[0].version !== version) return { kind: 'changed' };
      // Whoever takes the name in this moment is met at the unique index, as a victim that is told so.
      const taken = await tx.query('SELECT 1 FROM account WHERE name = $1 AND id <> $2', [settings.name, id]);
      if (taken.rows[0]) return { kind: 'name-taken' };
      const { rows } = await tx.query<AccountRow>(
        `UPDATE account SET version = version + 1, changed_at_ms = $2, name = $3, scope = $4, login_user = $5, become_kind = $6, become_user = $7, become_password = $8, environment = $9, is_default = $10, priority = $11, credentials = $12
       WHERE id = $1 RETURNING *`,
        [id, nowMs, ...settingValues(settings)],
      );
      await tx.query('DELETE FROM account_secret WHERE account_id = $1 AND NOT id = ANY ($2::text[])', [id, keep]);
      await secretsWrite(tx, id, secrets);
      await hostAccessChanged(tx);
      await auditAppend(tx, audit, nowMs);
      return { kind: 'replaced', account: accountRecord(rows[0]!) };
    })
    .catch((error: unknown) => {
      if ((error as { code?: unknown }).code === '23505') return { kind: 'name-taken' };
      throw error;
    });
}

export async function accountRemove(
  pool: Pool,
  id: AccountId,
  isForced: boolean,
  audit: AuditEntry,
  nowMs: number,
): ReturnType<AccountStore['accountRemove']> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query('SELECT 1 FROM account WHERE id = $1 FOR UPDATE', [id]);
    if (!rows[0]) return { kind: 'not-found' };
    const { rows: users } = await tx.query<{ name: string; total: number }>(
      'SELECT name, count(*) OVER () AS total FROM host WHERE account_id = $1 AND removed_at_ms IS NULL ORDER BY name LIMIT 10',
      [id],
    );
    const hostCount = users[0]?.total ?? 0;
    if (hostCount > 0 && !isForced) return { kind: 'in-use', hostCount, hosts: users.map(({ name }) => name) };
    await tx.query('DELETE FROM account WHERE id = $1', [id]);
    await hostAccessChanged(tx);
    await auditAppend(tx, { ...audit, detail: { ...audit.detail, hosts: hostCount } }, nowMs);
    return { kind: 'removed' };
  });
}

export async function accountSecrets(db: Executor, id: AccountId): Promise<readonly SealedSecret[]> {
  const { rows } = await db.query<SecretRow>({
    name: 'account-secrets',
    text: 'SELECT * FROM account_secret WHERE account_id = $1',
    values: [id],
  });
  return rows.map(sealedSecret);
}

interface SecretRow {
  account_id: AccountId;
  id: string;
  key_id: string;
  data_key: Buffer;
  sealed: Buffer;
}

function sealedSecret(row: SecretRow): SealedSecret {
  return { id: row.id, keyId: row.key_id, dataKey: row.data_key, sealed: row.sealed };
}

export async function accountOfHost(db: Executor, id: HostId): Promise<AccountId | undefined> {
  const { rows } = await db.query<{ account_id: AccountId | null }>(
    'SELECT account_id FROM host WHERE id = $1 AND removed_at_ms IS NULL',
    [id],
  );
  return rows[0]?.account_id ?? undefined;
}

export async function accountUsed(
  pool: Pool,
  runId: RunId,
  uses: readonly { accountId: AccountId; audit: AuditEntry }[],
  nowMs: number,
): Promise<readonly AccountId[]> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ account_id: AccountId }>(
      'INSERT INTO account_use (run_id, account_id, at_ms) SELECT DISTINCT $1::uuid, id, $3::bigint FROM unnest($2::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING RETURNING account_id',
      [runId, uses.map((use) => use.accountId), nowMs],
    );
    const first = rows.map((row) => row.account_id);
    for (const id of first) await auditAppend(tx, uses.find((use) => use.accountId === id)!.audit, nowMs);
    return first;
  });
}

// — re-encryption —

export async function accountSecretsNotUnder(
  db: Executor,
  keyId: string,
  after: { accountId: AccountId; id: string } | undefined,
  limit: number,
): ReturnType<AccountStore['accountSecretsNotUnder']> {
  const { rows } = await db.query<SecretRow>(
    'SELECT * FROM account_secret WHERE key_id <> $1 AND ($2::uuid IS NULL OR (account_id, id) > ($2::uuid, $3::text)) ORDER BY account_id, id LIMIT $4',
    [keyId, after?.accountId ?? null, after?.id ?? '', limit],
  );
  return rows.map((row) => ({ accountId: row.account_id, ...sealedSecret(row) }));
}

/** A secret that was replaced or deleted meanwhile is left alone: what replaced it is under the newest key already. */
export async function accountSecretsReseal(
  db: Executor,
  changes: Parameters<AccountStore['accountSecretsReseal']>[0],
): Promise<number> {
  const { rowCount } = await db.query(
    `WITH c AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[]) AS c(account_id, id, was, key_id, data_key, sealed)),
          locked AS (SELECT s.account_id, s.id FROM account_secret s JOIN c USING (account_id, id) WHERE s.data_key = c.was ORDER BY s.account_id, s.id FOR UPDATE OF s)
     UPDATE account_secret s SET key_id = c.key_id, data_key = c.data_key, sealed = c.sealed FROM c JOIN locked USING (account_id, id) WHERE s.account_id = c.account_id AND s.id = c.id AND s.data_key = c.was`,
    [
      changes.map((c) => c.accountId),
      changes.map((c) => c.id),
      changes.map((c) => c.from),
      changes.map((c) => c.to.keyId),
      changes.map((c) => c.to.dataKey),
      changes.map((c) => c.to.sealed),
    ],
  );
  return rowCount;
}

export async function runSecretsList(
  db: Executor,
  after: { runId: RunId; task: number } | undefined,
  limit: number,
): Promise<readonly SealedRunSecrets[]> {
  const { rows } = await db.query<{ run_id: RunId; task: number; sealed_secrets: Buffer }>(
    'SELECT run_id, task, sealed_secrets FROM task WHERE sealed_secrets IS NOT NULL AND ($1::uuid IS NULL OR (run_id, task) > ($1::uuid, $2::int)) ORDER BY run_id, task LIMIT $3',
    [after?.runId ?? null, after?.task ?? 0, limit],
  );
  return rows.map((row) => ({ runId: row.run_id, task: row.task, sealed: row.sealed_secrets }));
}

export async function runSecretsReseal(
  db: Executor,
  changes: Parameters<AccountStore['runSecretsReseal']>[0],
): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE task SET sealed_secrets = c.sealed FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::bytea[]) AS c(run_id, task, was, sealed)
     WHERE task.run_id = c.run_id AND task.task = c.task AND task.sealed_secrets = c.was`,
    [changes.map((c) => c.runId), changes.map((c) => c.task), changes.map((c) => c.from), changes.map((c) => c.to)],
  );
  return rowCount;
}

export async function secretList(db: Executor): ReturnType<AccountStore['secretList']> {
  return (await db.query<{ name: string; sealed: Buffer }>('SELECT name, sealed FROM secret ORDER BY name')).rows;
}

export async function secretReseal(db: Executor, name: string, from: Uint8Array, to: Uint8Array): Promise<boolean> {
  return (
    (await db.query('UPDATE secret SET sealed = $3 WHERE name = $1 AND sealed = $2', [name, from, to])).rowCount > 0
  );
}
