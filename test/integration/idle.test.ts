/**
 * An installation with nothing to do leaves its machine alone. Counted in questions to PostgreSQL and in wake-ups of the server, because CPU
 * time is another on every machine; the lease, which is renewed once a second, is the clock.
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Cluster } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';

/** About a second each. */
const RENEWALS = 15;
/**
 * Per renewal: itself, two looks in two seconds, one at the audit, one for upgrades and one for notices in five: 3.4; and half of that again,
 * because PostgreSQL counts a little late.
 */
const QUESTIONS_MAX = 5;
/** Per renewal: timers, answers of PostgreSQL, words of the lease's thread and of the worker, 5 to 8 in all. A timer of 10 ms would be 100. */
const WAKES_MAX = 25;

let cluster: Cluster;
let database: pg.Client;

beforeAll(async () => {
  cluster = await testCluster({ servers: 1, workers: 1, agents: 2 });
  database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  await database.query(`CREATE FUNCTION tell_renewal() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('renewal', ''); RETURN NULL; END $$`);
  await database.query(
    'CREATE TRIGGER renewal AFTER UPDATE ON server_lease FOR EACH STATEMENT EXECUTE FUNCTION tell_renewal()',
  );
  await database.query('LISTEN renewal');
  // What a start has left to do is done by then.
  await renewals(RENEWALS);
}, 120_000);
afterAll(async () => {
  await database.end();
  await cluster.stop();
}, 60_000);

/** When the lease has been renewed so many times more, each of which PostgreSQL tells. */
function renewals(count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    const onRenewal = (): void => {
      if (--left > 0) return;
      database.off('notification', onRenewal);
      resolve();
    };
    database.on('notification', onRenewal);
  });
}

async function committed(): Promise<number> {
  const { rows } = await database.query<{ commits: string }>(
    'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(rows[0]!.commits);
}

it('asks PostgreSQL a few questions a second', async () => {
  const before = await committed();
  await renewals(RENEWALS);
  const perRenewal = ((await committed()) - before) / RENEWALS;
  expect(perRenewal).toBeLessThan(QUESTIONS_MAX);
  // The renewals at least, or nothing was counted.
  expect(perRenewal).toBeGreaterThan(0.8);
}, 200_000);

it('wakes its server a few times a second', async () => {
  const wakes = (): number => {
    const status = readFileSync(`/proc/${cluster.servers[0]!.pid}/status`, 'utf8');
    return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
  };
  const before = wakes();
  await renewals(RENEWALS);
  expect((wakes() - before) / RENEWALS).toBeLessThan(WAKES_MAX);
}, 200_000);
