/** Statements as steps of jobs, on a real worker and a real database: from the text of a job to what people are shown, and when the worker is killed. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { loopbackPostgres, type LoopbackPostgres } from '../../tools/loopback-postgres.ts';
import type { Cluster } from '../support/cluster.ts';
import { root } from '../support/source-tree.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

interface Execution {
  state: string;
  attempt: number;
  reason?: string;
  outcome?: { kind: string; rows?: number };
}

describe('a statement of a job', () => {
  let cluster: Cluster;
  let database: LoopbackPostgres;
  let address: string;
  let password: string;
  const cli = (...args: string[]): Promise<CliResult> =>
    runCli(args, { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });
  const ask = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${cluster.urls[0]}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${cluster.token}`, 'content-type': 'application/json' },
      ...given({ body: body && JSON.stringify(body) }),
    });
  /** A job of one step. */
  const start = async (name: string, statement: string, ...lines: readonly string[]): Promise<string> => {
    const file = join(cluster.folder, `${name}.yaml`);
    const text = [
      `job: ${name}`,
      'parameters: [{ name: password, type: secret, required: true }]',
      'stages:',
      '- stage: s',
      '  steps:',
      '  - step: one',
      `    sql: { url: '${address}', password: '\${{ secrets.password }}', tls: { in_clear: true }, mode: write,`,
      `      statement: ${JSON.stringify(statement)} }`,
      ...lines.map((line) => `    ${line}`),
    ];
    writeFileSync(file, text.join('\n'));
    expect(await cli('job', 'apply', '-f', file, '--publish')).toMatchObject({ code: 0, stderr: '' });
    const answer = await ask('POST', `/jobs/${name}/runs`, { secrets: { password: database.password } });
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { id: string }).id;
  };
  const stateIs = (id: string, state: string): Promise<Execution> =>
    until(`the statement is ${state}`, async () => {
      const { items } = (await (await ask('GET', `/runs/${id}/executions`)).json()) as { items: [Execution] };
      return items[0].state === state && items[0];
    });

  beforeAll(async () => {
    cluster = await testCluster({ servers: 1, workers: 1, agents: 0, workerArgs: ['--call-allow', '127.0.0.1'] });
    chmodSync(cluster.folder, 0o711);
    database = await loopbackPostgres(join(cluster.folder, 'shop'));
    address = `postgres://${database.user}@127.0.0.1:${database.port}/postgres`;
    password = join(cluster.folder, 'password.txt');
    writeFileSync(password, `${database.password}\n`);
  }, 120_000);
  afterAll(async () => {
    await cluster?.stop();
    await database?.stop();
  });

  it('does what the guide says, as it stands there but for the certificate', async () => {
    await database.query(`CREATE TABLE orders (id int, customer text, state text, ordered_on date);
      INSERT INTO orders SELECT g, 'c' || g, 'open', current_date - g * 10 FROM generate_series(1, 5) AS g`);
    const job = join(cluster.folder, 'late-orders.yaml');
    const page = readFileSync(join(root, 'docs/guides/sql.md'), 'utf8');
    const said = /```yaml\n([\s\S]*?)```/.exec(page)![1]!;
    writeFileSync(job, said.replaceAll(/( +)password: .*\n/g, '$&$1tls: { in_clear: true }\n'));
    expect(await cli('job', 'apply', job, '--publish')).toMatchObject({ code: 0 });
    const params = ['-p', 'days=14', '-p', `database=${address}`, '--secret', `db_password=@${password}`];
    const ran = await cli('job', 'run', 'late-orders', ...params);
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringMatching(/find +succeeded +on worker: all/)]);
    expect(await database.query('SELECT id, state FROM orders ORDER BY id')).toEqual(
      ['open', 'late', 'late', 'late', 'late'].map((state, at) => ({ id: at + 1, state })),
    );
    const output = await cli('runs', 'output', 'last', '--step', 'find');
    expect(output.stdout).toContain('succeeded, 4 rows\n{"id":2,"customer":"c2"}\n{"id":3,"customer":"c3"}\n');
    const shown = await cli('runs', 'show', 'last');
    expect(shown.stdout).toMatch(/^ +oldest: 2$/m);
    expect((await cli('runs', 'show', 'last', '--json')).stdout).not.toContain(database.password);
    const again = await cli('job', 'run', 'late-orders', ...params);
    expect(again.code).not.toBe(0);
    expect((await cli('runs', 'output', 'last')).stdout).toContain('failed, 0 rows');
  });

  it('is tried again where it was refused, and lost where nobody knows what became of it', async () => {
    await database.query('CREATE TABLE tries (n int); CREATE SEQUENCE tried');
    // Sequences go on, whatever becomes of a transaction.
    const id = await start('again', "SELECT 1 / (nextval('tried') / 3)", 'retries: 3');
    expect(await stateIs(id, 'succeeded')).toMatchObject({ attempt: 3, outcome: { kind: 'rows', rows: 1 } });
    const refused = await start('refused', 'SELECT wrong');
    expect(await stateIs(refused, 'failed')).toMatchObject({ reason: 'sql-failed', outcome: { kind: 'faulted' } });
    expect((await cli('runs', 'output', refused)).stdout).toMatch(/failed, sql-failed\n.*42703: column "wrong"/s);
    const killed = await start('killed', 'INSERT INTO tries SELECT 1 FROM pg_sleep(1000)', 'retries: 3', 'timeout: 2s');
    await stateIs(killed, 'running');
    const underWay = (): Promise<unknown[]> =>
      database.query("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'INSERT INTO tries%'");
    await until('it to be under way', async () => (await underWay()).length === 1);
    await cluster.workers[0]!.kill();
    cluster.workers[0]!.start();
    expect(await stateIs(killed, 'lost')).toMatchObject({
      attempt: 1,
      reason: 'worker-restarted',
      outcome: { kind: 'unknown' },
    });
    expect(await database.query('SELECT 1 FROM tries')).toEqual([]);
    // Nobody ends it any more but the database itself.
    await until('the database to end it', async () => (await underWay()).length === 0);
    expect(await database.query('SELECT 1 FROM tries')).toEqual([]);
  }, 60_000);
});
