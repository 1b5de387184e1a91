/** Notices of a real installation: a script fails on a host, its server is killed while it tells, and the receiver hears of it all the same, under one id. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import pg from 'pg';
import { limits } from '../../src/base/limits.ts';
import type { Cluster } from '../support/cluster.ts';
import type { Body } from '../support/notice-world.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli } from '../support/up.ts';

let cluster: Cluster;
let far: Receiver;
beforeAll(async () => {
  far = await receiver();
  cluster = await testCluster({
    servers: 1,
    workers: 1,
    agents: 1,
    serverEnv: { DROVER_OUTBOUND_ALLOW: '127.0.0.1', DROVER_PUBLIC_URL: 'https://drover.example/' },
  });
}, 180_000);
afterAll(async () => {
  await cluster.stop();
  await far.end();
}, 60_000);

async function cli(args: readonly string[], exitCode = 0): Promise<string> {
  const env = { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token, HOOK_SECRET: 'a-secret-of-tests' };
  const { code, stdout, stderr } = await runCli(args, env);
  expect([args.join(' '), code, stderr]).toEqual([args.join(' '), exitCode, exitCode === 0 ? '' : expect.any(String)]);
  return stdout;
}

it('tells of a failed script, with what it said and a link, though its server is killed while it tells', async () => {
  await cli(['channels', 'add', 'ops', '--kind', 'webhook', '--url', `${far.url}/ops`, '--secret', 'env:HOOK_SECRET']);
  await cli(['notices', 'rules', 'add', 'ops', '--on', 'failed,lost']);
  // It takes the message and never says so.
  far.answer = () => undefined;
  await cli(
    [
      'run',
      '-t',
      'all',
      '--name',
      'breaking',
      '--secret',
      'TOKEN=env:HOOK_SECRET',
      '--',
      'sh',
      '-c',
      'echo "no luck $TOKEN" >&2; exit 3',
    ],
    1,
  );
  await until('the first try', () => far.received.length > 0, 60_000);
  const [server] = cluster.servers;
  await server!.kill();
  far.answer = (response) => void response.end('ok');
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  const { rows } = await database.query<{ state: string; tries: number }>('SELECT state, tries FROM notice_message');
  expect(rows).toEqual([{ state: 'waiting', tries: 1 }]);
  // So that nobody waits for the lease of the dead one.
  await database.query('UPDATE notice_message SET due_at_ms = 0');
  await database.end();
  server!.start();
  await until('the second try', () => far.received.length > 1, 3 * limits.serverLeaseMs + 60_000);
  const bodies = far.received.map(({ body }) => JSON.parse(body) as Body);
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
  const [{ title, text }] = bodies as [Body];
  expect(title).toBe('[failed] breaking: 1 failed of 1');
  expect(text).toContain('exit code 3 on 1 host (host-1)\n  no luck ******');
  expect(JSON.stringify(bodies)).not.toContain('a-secret-of-tests');
  expect(text).toMatch(/https:\/\/drover\.example\/api\/v1\/runs\/[0-9a-f-]{36}/);
  const list = await until('the record', async () => {
    const told = await cli(['notices', 'list']);
    return /delivered/.test(told) ? told : undefined;
  });
  const id = /[0-9a-f-]{36}$/m.exec(list.trim())![0];
  const shown = await cli(['notices', 'show', id]);
  expect(shown).toContain('try 1, ');
  expect(shown).toContain(': not known how it ended');
  expect(shown).toMatch(/try 2, .*: taken \(200 ok\)/);
}, 300_000);

it('says of a step that failed by its outputs alone which are missing', async () => {
  const job = join(cluster.folder, 'look.yaml');
  writeFileSync(
    job,
    'job: look\ntargets: all\nstages: [{ stage: s, steps: [{ step: ask, command: ["true"], outputs: [{ name: v }] }] }]\n',
  );
  await cli(['job', 'apply', job, '--publish']);
  await cli(['job', 'run', 'look'], 1);
  const told = await until('it to be told', () =>
    far.received.map(({ body }) => JSON.parse(body) as Body).find(({ title }) => title.includes('look')),
  );
  expect(told.title).toBe('[failed] look: outputs of 1 step missing');
  expect(told.text).toContain('Step ask: The output v is missing: host-1 has not told it.');
  // No host has failed, and the step has: a retry of what failed is of that step.
  const again = await runCli(['runs', 'retry', 'last', '--failed'], {
    DROVER_URL: cluster.urls[0]!,
    DROVER_TOKEN: cluster.token,
  });
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('The output v is missing')]);
  const { items } = (await (
    await fetch(`${cluster.urls[0]}/api/v1/runs?limit=1`, { headers: { authorization: `Bearer ${cluster.token}` } })
  ).json()) as { items: { round: number; state: string }[] };
  expect(items).toMatchObject([{ round: 2, state: 'failed' }]);
});
