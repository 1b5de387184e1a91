/** Accounts and their sealed secrets, and what re-encryption needs of all sealed values. */
import { inScope } from './scope.ts';
import type { Scope } from '../../domain/access/access-node.ts';
import { given } from '../../base/given.ts';
import { type AccountId, type HostId, isUuid, type RunId } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type {
  AccountRecord,
  AccountSettings,
  AccountStore,
  CredentialRecord,
  EnvironmentPolicy,
  SealedSecret,
} from '../contract/account.ts';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import { auditAppend } from './audit/audit.ts';
import { hostAccessChanged } from './host-versions.ts';
import type { Executor, Pool } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function accountStore({ pool, ownPool, hints, now }: StoreParts): AccountStore {
  /** Connections stand on accounts as on hosts: both are told by one hint. */
  const waysChange = async <Answer extends { readonly kind: string }>(
    kind: Answer['kind'],
    work: Promise<Answer>,
  ): Promise<Answer> => {
    const answer = await work;
    if (answer.kind === kind) hints.notify('hosts', '');
    return answer;
  };
  return {
    accountCreate: (id, settings, secrets, entry) =>
      waysChange('created', accountCreate(pool, id, settings, secrets, entry, now())),
    accountFetch: (idOrName) => accountFetch(pool, idOrName),
    accountList: (scope) => accountList(pool, scope),
    accountIdsByName: (names) => accountIdsByName(pool, names),
    accountReplace: (id, version, settings, secrets, keep, entry) =>
      waysChange('replaced', accountReplace(pool, id, version, settings, secrets, keep, entry, now())),
    accountRemove: (id, isForced, entry) => waysChange('removed', accountRemove(pool, id, isForced, entry, now())),
    accountReach: (id, hosts) => accountReach(ownPool, id, hosts),
    accountSecrets: (id) => accountSecrets(pool, id),
    accountOfHost: (id) => accountOfHost(pool, id),
    accountUsed: (runId, uses) => accountUsed(pool, runId, uses, now()),
    accountSecretsNotUnder: (keyId, after, limit) => accountSecretsNotUnder(pool, keyId, after, limit),
    accountSecretsReseal: (changes) => accountSecretsReseal(pool, changes),
  };
}

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

async function accountCreate(
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
      `INSERT INTO account (
         id, created_at_ms, changed_at_ms, created_by, name, scope, login_user, become_kind, become_user,
         become_password, environment, is_default, priority, credentials
       )
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
    `INSERT INTO account_secret (account_id, id, key_id, data_key, sealed)
     SELECT $1, *
     FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[])
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

async function accountFetch(db: Executor, idOrName: string): Promise<AccountRecord | undefined> {
  const { rows } = await db.query<AccountRow>(
    'SELECT * FROM account WHERE name = $1 OR id = $2 ORDER BY (id = $2) IS TRUE DESC LIMIT 1',
    [idOrName, isUuid(idOrName) ? idOrName : null],
  );
  return rows[0] && accountRecord(rows[0]);
}

async function accountList(db: Executor, scope: Scope): Promise<readonly AccountRecord[]> {
  const { rows } = await db.query<AccountRow>(`SELECT * FROM account WHERE ${inScope(scope)} ORDER BY name`);
  return rows.map(accountRecord);
}

async function accountIdsByName(db: Executor, names: readonly string[]): Promise<ReadonlyMap<string, AccountId>> {
  const { rows } = await db.query<{ name: string; id: AccountId }>(
    'SELECT name, id FROM account WHERE name = ANY ($1::text[])',
    [names],
  );
  return new Map(rows.map(({ name, id }) => [name, id]));
}

async function accountReplace(
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
        `UPDATE account
       SET version = version + 1, changed_at_ms = $2, name = $3, scope = $4, login_user = $5, become_kind = $6,
         become_user = $7, become_password = $8, environment = $9, is_default = $10, priority = $11, credentials = $12
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

async function accountRemove(
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

async function accountReach(
  db: Executor,
  id: AccountId,
  hostIds: readonly HostId[],
): ReturnType<AccountStore['accountReach']> {
  const [found, hosts] = await Promise.all([
    db.query<AccountRow>({ name: 'account-by-id', text: 'SELECT * FROM account WHERE id = $1', values: [id] }),
    db.query<{ id: HostId; name: string; labels: Readonly<Record<string, string>> }>({
      name: 'hosts-of-scope',
      text: 'SELECT id, name, labels FROM host WHERE id = ANY ($1::uuid[]) AND removed_at_ms IS NULL',
      values: [hostIds],
    }),
  ]);
  return {
    ...given({ account: found.rows[0] && accountRecord(found.rows[0]) }),
    hosts: new Map(hosts.rows.map(({ id: hostId, name, labels }) => [hostId, { name, labels }])),
  };
}

async function accountSecrets(db: Executor, id: AccountId): Promise<readonly SealedSecret[]> {
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

async function accountOfHost(db: Executor, id: HostId): Promise<AccountId | undefined> {
  const { rows } = await db.query<{ account_id: AccountId | null }>(
    'SELECT account_id FROM host WHERE id = $1 AND removed_at_ms IS NULL',
    [id],
  );
  return rows[0]?.account_id ?? undefined;
}

async function accountUsed(
  pool: Pool,
  runId: RunId,
  uses: readonly { accountId: AccountId; audit: AuditEntry }[],
  nowMs: number,
): Promise<readonly AccountId[]> {
  return pool.transaction(async (tx) => {
    const { rows } = await tx.query<{ account_id: AccountId }>(
      `INSERT INTO account_use (run_id, account_id, at_ms)
       SELECT DISTINCT $1::uuid, id, $3::bigint
       FROM unnest($2::uuid[]) AS id
       ORDER BY id
       ON CONFLICT DO NOTHING
       RETURNING account_id`,
      [runId, uses.map((use) => use.accountId), nowMs],
    );
    const first = rows.map((row) => row.account_id);
    for (const id of first) await auditAppend(tx, uses.find((use) => use.accountId === id)!.audit, nowMs);
    return first;
  });
}

async function accountSecretsNotUnder(
  db: Executor,
  keyId: string,
  after: { accountId: AccountId; id: string } | undefined,
  limit: number,
): ReturnType<AccountStore['accountSecretsNotUnder']> {
  const { rows } = await db.query<SecretRow>(
    `SELECT *
     FROM account_secret
     WHERE key_id <> $1 AND ($2::uuid IS NULL OR (account_id, id) > ($2::uuid, $3::text))
     ORDER BY account_id, id
     LIMIT $4`,
    [keyId, after?.accountId ?? null, after?.id ?? '', limit],
  );
  return rows.map((row) => ({ accountId: row.account_id, ...sealedSecret(row) }));
}

/** A secret that was replaced or deleted meanwhile is left alone: what replaced it is under the newest key already. */
async function accountSecretsReseal(
  db: Executor,
  changes: Parameters<AccountStore['accountSecretsReseal']>[0],
): Promise<number> {
  const { rowCount } = await db.query(
    `WITH c AS (
       SELECT *
       FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[])
         AS c(account_id, id, was, key_id, data_key, sealed)
     ),
          locked AS (
            SELECT s.account_id, s.id
            FROM account_secret s
            JOIN c USING (account_id, id)
            WHERE s.data_key = c.was
            ORDER BY s.account_id, s.id
            FOR UPDATE OF s
          )
     UPDATE account_secret s
     SET key_id = c.key_id, data_key = c.data_key, sealed = c.sealed
     FROM c
     JOIN locked USING (account_id, id)
     WHERE s.account_id = c.account_id AND s.id = c.id AND s.data_key = c.was`,
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
