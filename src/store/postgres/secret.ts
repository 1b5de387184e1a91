/** Keys and other small secrets of the installation, and those of runs, as they lie sealed. */
import type { RunId } from '../../base/ids.ts';
import type { SealedRunSecrets, SecretStore } from '../contract/secret.ts';
import type { Executor } from './pool.ts';
import type { StoreParts } from './store-parts.ts';

export function secretStore({ pool }: Pick<StoreParts, 'pool'>): SecretStore {
  return {
    secretPut: (name, sealed) => secretPut(pool, name, sealed),
    secretFetch: (name) => secretFetch(pool, name),
    secretList: () => secretList(pool),
    secretReseal: (name, from, to) => secretReseal(pool, name, from, to),
    runSecretsList: (after, limit) => runSecretsList(pool, after, limit),
    runSecretsReseal: (changes) => runSecretsReseal(pool, changes),
  };
}

async function secretPut(db: Executor, name: string, sealed: Uint8Array): ReturnType<SecretStore['secretPut']> {
  const { rowCount } = await db.query('INSERT INTO secret (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    name,
    sealed,
  ]);
  return rowCount > 0 ? 'stored' : 'exists';
}

async function secretFetch(db: Executor, name: string): ReturnType<SecretStore['secretFetch']> {
  const { rows } = await db.query<{ sealed: Buffer }>('SELECT sealed FROM secret WHERE name = $1', [name]);
  return rows[0]?.sealed;
}

async function runSecretsList(
  db: Executor,
  after: { runId: RunId; task: number } | undefined,
  limit: number,
): Promise<readonly SealedRunSecrets[]> {
  const { rows } = await db.query<{ run_id: RunId; task: number; sealed_secrets: Buffer }>(
    `SELECT run_id, task, sealed_secrets
     FROM task
     WHERE sealed_secrets IS NOT NULL AND ($1::uuid IS NULL OR (run_id, task) > ($1::uuid, $2::int))
     ORDER BY run_id, task
     LIMIT $3`,
    [after?.runId ?? null, after?.task ?? 0, limit],
  );
  return rows.map((row) => ({ runId: row.run_id, task: row.task, sealed: row.sealed_secrets }));
}

async function runSecretsReseal(
  db: Executor,
  changes: Parameters<SecretStore['runSecretsReseal']>[0],
): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE task SET sealed_secrets = c.sealed FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::bytea[]) AS c(run_id, task, was, sealed)
     WHERE task.run_id = c.run_id AND task.task = c.task AND task.sealed_secrets = c.was`,
    [changes.map((c) => c.runId), changes.map((c) => c.task), changes.map((c) => c.from), changes.map((c) => c.to)],
  );
  return rowCount;
}

async function secretList(db: Executor): ReturnType<SecretStore['secretList']> {
  return (await db.query<{ name: string; sealed: Buffer }>('SELECT name, sealed FROM secret ORDER BY name')).rows;
}

async function secretReseal(db: Executor, name: string, from: Uint8Array, to: Uint8Array): Promise<boolean> {
  return (
    (await db.query('UPDATE secret SET sealed = $3 WHERE name = $1 AND sealed = $2', [name, from, to])).rowCount > 0
  );
}
