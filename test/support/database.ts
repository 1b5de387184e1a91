/** A fresh database for a test file, cloned from the migrated template; dropped by the answer's `drop`. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Runs a statement in a transaction that stays open until it is released. */
  hold(statement: string): Promise<{ release(): Promise<void> }>;
}

export async function testDatabase(): Promise<TestDatabase> {
  const base = inject('databaseUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: base.replace(/\/drover$/, '/postgres') });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  await admin(`CREATE DATABASE ${name} TEMPLATE template_drover`);
  const url = base.replace(/\/drover$/, `/${name}`);
  return {
    url,
    drop: () => admin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    async hold(statement) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('BEGIN');
      await client.query(statement);
      return { release: () => client.end() };
    },
    async query(text, values) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query(text, values)).rows as Record<string, unknown>[];
      } finally {
        await client.end();
      }
    },
  };
}
