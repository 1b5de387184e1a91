/** A busy server keeps its lease, a stopped or stuck one loses it, and what it writes after that does not land. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { errorCodeOf } from '../../src/base/errors.ts';
import { newId, type ServerId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import { createLeaseKeeper, type LeaseKeeper } from '../../src/store/postgres/lease/lease-keeper.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from '../support/audit-key.ts';
import { PARTITION_COUNT } from '../../src/domain/run/partition.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const LEASE_MS = 1_500;
const PARTITIONS = PARTITION_COUNT;

let database: TestDatabase;
let store: Store;
const ends: (() => Promise<unknown> | undefined)[] = [];
beforeEach(async () => {
  database = await testDatabase();
  store = await createPostgresStore({ url: database.url, clock: systemClock, log: silentLog, auditKey: testAuditKey });
  ends.push(
    () => database.drop(),
    () => store.close(),
  );
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function register(id: ServerId = newId<'server'>(), leaseMs = LEASE_MS): Promise<ServerId> {
  await store.serverRegister({ id, url: 'https://127.0.0.1:1', version: 'test', leaseMs });
  return id;
}

async function holdLease({
  leaseMs = LEASE_MS,
  ...more
}: {
  leaseMs?: number;
  stuckMs?: number;
} = {}): Promise<{ serverId: ServerId; keeper: LeaseKeeper; losses: () => number }> {
  const serverId = await register(undefined, leaseMs);
  let losses = 0;
  const keeper = createLeaseKeeper({
    url: database.url,
    serverId,
    log: silentLog,
    leaseMs,
    renewMs: 100,
    marginMs: 400,
    ...more,
  });
  keeper.onLost = () => {
    losses++;
    void register(serverId, leaseMs);
  };
  await keeper.start();
  ends.push(() => keeper.stop());
  return { serverId, keeper, losses: () => losses };
}

/** It hears nothing and does nothing, as one that computes; the processor is left to others, whose turn on a busy machine would come too late. */
function blockMainThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** What is left of a lease, by the database's clock. */
async function leaseLeftMs(id: ServerId): Promise<number> {
  const [row] = await database.query(
    'SELECT expires_at_ms - (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS left FROM server_lease WHERE server_id = $1',
    [id],
  );
  return Number(row!.left);
}

/** Renewals wait for as long as this holds; reads do not. */
async function holdUpRenewals(id: ServerId): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM server_lease WHERE server_id = $1 FOR UPDATE', [id]);
  return () => client.end();
}

describe('a server whose main thread is busy', () => {
  it('keeps its lease and its partitions for as long as it takes', async () => {
    // So long that other processes of this machine cannot make it run out.
    const leaseMs = 5 * LEASE_MS;
    const { serverId, keeper, losses } = await holdLease({ leaseMs });
    const before = (await store.ownerLook(serverId)).partitions;
    expect(before).toHaveLength(PARTITIONS);
    blockMainThread(leaseMs + 2 * LEASE_MS);
    await until('the renewals of meanwhile to be heard', () => keeper.isTrusted());
    expect(losses()).toBe(0);
    expect((await store.ownerLook(await register())).partitions).toEqual([]);
    expect((await store.ownerLook(serverId)).partitions.every(({ term }, i) => term === before[i]!.term)).toBe(true);
  });

  it('loses it once it is stuck for good, and takes it again when it is not', async () => {
    const { keeper, losses } = await holdLease({ stuckMs: 500 });
    blockMainThread(500 + 2 * LEASE_MS);
    await until('the loss to be told', () => losses() > 0);
    await until('the lease to be held again', () => keeper.isTrusted());
  });
});

describe('a lease', () => {
  it('is trusted for less long than it lasts', async () => {
    const { serverId, keeper } = await holdLease();
    const release = await holdUpRenewals(serverId);
    await until('trust to end', () => !keeper.isTrusted());
    expect(await leaseLeftMs(serverId)).toBeGreaterThan(0);
    await release();
  });

  it('that ran out is told, is not trusted, and is trusted again once the server has registered', async () => {
    const { serverId, keeper, losses } = await holdLease();
    await database.query('UPDATE server_lease SET expires_at_ms = 1 WHERE server_id = $1', [serverId]);
    await until('the loss to be told', () => losses() > 0);
    await until('the lease to be held again', () => keeper.isTrusted());
    expect(losses()).toBeLessThan(5);
  });

  it('is held again after the database was away for longer than a main thread may be stuck', async () => {
    const { serverId, keeper, losses } = await holdLease({ stuckMs: 500 });
    const release = await holdUpRenewals(serverId);
    await until('the lease to run out', async () => (await leaseLeftMs(serverId)) < -1_000);
    expect(keeper.isTrusted()).toBe(false);
    await release();
    await until('the loss to be told', () => losses() > 0);
    await until('the lease to be held again', () => keeper.isTrusted());
  });

  it('ends with its keeper', async () => {
    const { keeper } = await holdLease();
    await keeper.stop();
    expect(keeper.isTrusted()).toBe(false);
    await keeper.stop();
    const [row] = await database.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'drover-lease' AND datname = current_database()",
    );
    expect(row!.n).toBe(0);
  });

  it('need not have begun for its keeper to be stopped', async () => {
    const keeper = createLeaseKeeper({
      url: 'postgres://nobody@127.0.0.1:1/nothing',
      serverId: newId<'server'>(),
      log: silentLog,
    });
    await keeper.stop();
    const started = keeper.start().then(
      () => 'started',
      () => 'not started',
    );
    await keeper.stop();
    expect(await started).toBe('not started');
  });
});

type Line = {
  ready?: true;
  runId: string;
  partition: number;
  term: number;
  committed?: number;
  fenced?: number;
  lost?: true;
};

function startHolder(): { child: ChildProcess; lines: Line[] } {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../support/lease-holder.ts', import.meta.url)), database.url, String(LEASE_MS)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines: Line[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(JSON.parse(line) as Line));
  ends.push(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
  });
  return { child, lines };
}

describe('a server that was stopped for longer than its lease', () => {
  it('does not keep its partitions by a transaction that it was stopped in the middle of', async () => {
    const [stopped, rival] = [await register(), await register(undefined, 60_000)];
    await database.query('UPDATE partition SET owner = $1', [stopped]);
    const pool = new Pool({ url: database.url, log: silentLog, max: 1 });
    ends.push(() => pool.close());
    const { promise: continued, resolve: goOn } = Promise.withResolvers<void>();
    let holds = false;
    const transaction = pool
      .transaction(async (tx) => {
        await tx.query('SELECT 1 FROM partition WHERE id = 7 AND owner = $1 FOR SHARE', [stopped]);
        holds = true;
        await continued;
        await tx.query('SELECT 1');
      })
      .then(
        () => 'committed',
        (error: unknown) => errorCodeOf(error),
      );
    await until('the fence to be locked', () => holds);
    await database.query('UPDATE server_lease SET expires_at_ms = 1 WHERE server_id = $1', [stopped]);
    await until(
      'all partitions to be taken over',
      async () => (await store.ownerLook(rival)).partitions.length === PARTITIONS,
      10_000,
    );
    goOn();
    expect(await transaction).toBe('database-unavailable');
  });

  it('loses its partitions within 10 s wherever it stood, and not one of its writes lands after that', async () => {
    const { child, lines } = startHolder();
    const ready = await until('the holder to own its partitions', () => lines.find((line) => line.ready));
    await until('some commits', () => lines.some((line) => (line.committed ?? 0) > 20));
    child.kill('SIGSTOP');
    const rival = await register(undefined, 60_000);
    const taken = await until(
      'all partitions to be taken over',
      async () => {
        const owned = (await store.ownerLook(rival)).partitions;
        return owned.length === PARTITIONS && owned;
      },
      10_000,
    );
    expect(taken.find(({ id }) => id === ready.partition)!.term).toBe(ready.term + 1);
    const written = async (): Promise<unknown> =>
      (
        await database.query(
          "SELECT count(*)::int AS n, max(seq)::int AS seq FROM execution WHERE run_id = $1 AND state = 'running'",
          [ready.runId],
        )
      )[0];
    const before = await written();

    child.kill('SIGCONT');
    await until('the holder to learn that it lost', () => lines.some((line) => line.lost));
    await until('its commits to be refused', () => lines.filter((line) => line.fenced !== undefined).length > 20);
    expect(await written()).toEqual(before);
    const lastCommit = lines.findLastIndex((line) => line.committed !== undefined);
    expect(lines.slice(lastCommit + 1).every((line) => line.committed === undefined)).toBe(true);
  });

  it('goes on as before when nobody took its partitions meanwhile', async () => {
    const { child, lines } = startHolder();
    await until('some commits', () => lines.some((line) => (line.committed ?? 0) > 20));
    child.kill('SIGSTOP');
    const { runId } = lines.find((line) => line.ready)!;
    await until('the lease to run out', async () => (await store.fleetLook()).servers.length === 0);
    child.kill('SIGCONT');
    await until('the loss to be told', () => lines.some((line) => line.lost));
    const seen = lines.length;
    await until('more commits', () => lines.slice(seen).some((line) => line.committed !== undefined));
    expect(lines.some((line) => line.fenced !== undefined)).toBe(false);
    expect(await store.runFetch(runId as never)).toBeDefined();
  });
});
