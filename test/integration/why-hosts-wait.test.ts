/** Why hosts of a run wait, as people and programs are told it while they do. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Cluster } from '../support/cluster.ts';
import { testCluster } from '../support/test-cluster.ts';
import { until } from '../support/until.ts';
import { runCli, type CliResult } from '../support/up.ts';

let cluster: Cluster;
const cli = (...args: string[]): Promise<CliResult> =>
  runCli(args, { DROVER_URL: cluster.urls[0]!, DROVER_TOKEN: cluster.token });

beforeAll(async () => {
  cluster = await testCluster({ servers: 1, workers: 1, agents: 3 });
}, 120_000);
afterAll(() => cluster.stop());

it('says of each host that waits why it does, and of nothing that waits where to look', async () => {
  await cluster.agents[0]!.kill();
  await until('its agent to be away', async () => (await cli('hosts', 'list')).stdout.includes('lost'));
  const begun = await cli('run', '-t', 'all', '--concurrency', '1', '--detach', '--', 'sleep', '600');
  expect([begun.code, begun.stderr]).toEqual([0, expect.anything()]);
  const away = /^\S+ +waiting .* its agent is not linked, and it has no address for SSH$/m;
  const shown = await until('it to be said', async () => {
    const { stdout } = await cli('runs', 'show', 'last');
    return away.test(stdout) && /^\S+ +(running|dispatched) /m.test(stdout) && stdout;
  });
  expect(shown).toMatch(/^\S+ +waiting .* it waits for its turn$/m);
  const { stdout } = await cli('runs', 'why', 'last');
  expect(stdout.split('\n').sort()).toEqual([
    '',
    'host-1 waits: its agent is not linked, and it has no address for SSH',
    expect.stringMatching(/^host-[23] waits: it waits for its turn$/),
  ]);
  await cli('runs', 'cancel', 'last');
  await until('nothing to wait', async () =>
    (await cli('runs', 'why', 'last')).stdout.includes('Nothing of it waits, and no worker was chosen for it.'),
  );
});
