/** `drover agents upgrade|upgrades|packages`: follows an upgrade to its end; Ctrl-C leaves it running and says how to come back. */
import { allPages, dataOf, type DroverClient } from '@drover/sdk';
import type { Command } from 'commander';
import { pause, systemClock } from '../base/clock.ts';
import { EXIT } from './exit.ts';
import { table } from './render.ts';
import { followToEnd, number } from './run-command.ts';
import { openSession } from './session.ts';

type Json = { json?: boolean };
type Upgrade = Awaited<ReturnType<typeof fetchUpgrade>>;

const LOOK_MS = 1_000;
const FAILED_SHOWN_MAX = 50;

export function addUpgradeCommands(agents: Command): void {
  agents.command('install').summary('install agents by a run of the installer').requiredOption('-t, --targets <expression>', 'as of a run').option('--to <version>', 'the newest that the server has, unless given').option('--as <user>', 'account on the hosts; root, or one that can become it').option('--zone <zone>', 'of the workers that the agents will link to', 'default').option('-c, --concurrency <n>', 'hosts at once', '50').option('-d, --detach', 'print the id of the run and return').option('-j, --json')
    .action(async (flags: Json & { targets: string; to?: string; as?: string; zone: string; concurrency: string; detach?: boolean }) => {
      const session = openSession();
      const run = dataOf(await session.client.POST('/api/v1/agents/install', { body: { targets: flags.targets, zone: flags.zone, concurrency: number('--concurrency', flags.concurrency) ?? 50, ...(flags.to === undefined ? {} : { version: flags.to }), ...(flags.as === undefined ? {} : { user: flags.as }) } }));
      if (flags.detach) return void process.stdout.write(`${flags.json ? JSON.stringify({ run }) : run.id}\n`);
      process.exitCode = await followToEnd(session, run, flags);
    });
  agents.command('upgrade').summary('bring agents to another version, batch by batch').requiredOption('-t, --targets <expression>', 'as of a run').option('--to <version>', 'the newest that the server has, unless given').option('--batch <n>', 'agents at once', '50').option('--max-failed <n>', 'more that fail end it', '0').option('--wait <duration>', 'longest for one agent', '10m').option('--detach', 'do not follow it').option('-j, --json')
    .action(async (flags: Json & { targets: string; to?: string; batch: string; maxFailed: string; wait: string; detach?: boolean }) => {
      const { client } = openSession();
      const begun = dataOf(await client.POST('/api/v1/upgrades', { body: { targets: flags.targets, batch: number('--batch', flags.batch) ?? 50, maxFailed: number('--max-failed', flags.maxFailed) ?? 0, wait: flags.wait, ...(flags.to === undefined ? {} : { version: flags.to }) } }));
      if (flags.detach) return void process.stdout.write(`${flags.json ? JSON.stringify(begun) : begun.id}\n`);
      await finish(client, await follow(client, begun.id, flags.json), flags.json);
    });
  const upgrades = agents.command('upgrades').summary('upgrades of agents');
  upgrades.command('list').summary('list upgrades').option('-n, --limit <n>', 'how many', '20').option('-j, --json').action(async (flags: Json & { limit: string }) => {
    const found = dataOf(await openSession().client.GET('/api/v1/upgrades', { params: { query: { limit: number('--limit', flags.limit) ?? 20 } } }));
    process.stdout.write(`${flags.json ? JSON.stringify(found) : table(['ID', 'TO', 'STATE', 'BEGUN', 'BY', 'AGENTS'], found.items.map((upgrade) => [upgrade.id, upgrade.version, upgrade.state, upgrade.createdAt.slice(0, 19), upgrade.createdBy, countsText(upgrade)]))}\n`);
  });
  upgrades.command('show').summary('how each agent of an upgrade stands').argument('<id>').option('-j, --json').action(async (id: string, flags: Json) => {
    const { client } = openSession();
    const [upgrade, items] = [await fetchUpgrade(client, id), await agentsOf(client, id)];
    process.stdout.write(`${flags.json ? JSON.stringify({ upgrade, agents: items }) : `${upgrade.state}: ${countsText(upgrade)}\n${table(['HOST', 'STATE', 'FROM', 'CODE', 'DETAIL'], items.map((agent) => [agent.host, agent.state, agent.fromVersion ?? '', agent.code ?? agent.progress ?? '', agent.detail ?? '']))}`}\n`);
  });
  upgrades.command('watch').summary('follow an upgrade to its end').argument('<id>').option('-j, --json').action(async (id: string, flags: Json) => {
    const { client } = openSession();
    await finish(client, await follow(client, id, flags.json), flags.json);
  });
  upgrades.command('cancel').summary('order no further batch').argument('<id>').action(async (id: string) => {
    await openSession().client.POST('/api/v1/upgrades/{id}/cancel', { params: { path: { id } } });
    process.stdout.write(`cancelled ${id}; what is ordered ends\n`);
  });
  agents.command('packages').summary('versions of the agent that the server can hand out').option('-j, --json').action(async (flags: Json) => {
    const found = dataOf(await openSession().client.GET('/api/v1/agent-packages'));
    process.stdout.write(`${flags.json ? JSON.stringify(found) : table(['VERSION', 'FOR', 'MiB', 'SHA-256'], found.items.flatMap(({ version, packages }) => packages.map((entry) => [version, `${entry.os}-${entry.arch}`, (entry.fileSize / 1024 / 1024).toFixed(1), entry.sha256])))}\n`);
  });
}

async function fetchUpgrade(client: DroverClient, id: string) {
  return dataOf(await client.GET('/api/v1/upgrades/{id}', { params: { path: { id } } }));
}

async function agentsOf(client: DroverClient, id: string) {
  return Array.fromAsync(allPages((cursor) => client.GET('/api/v1/upgrades/{id}/agents', { params: { path: { id }, query: { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf)));
}

async function follow(client: DroverClient, id: string, json: boolean | undefined): Promise<Upgrade> {
  const leave = (): void => {
    process.stderr.write(`\nThe upgrade goes on: drover agents upgrades watch ${id} (or cancel ${id})\n`);
    process.exit(EXIT.failed);
  };
  process.once('SIGINT', leave);
  for (let last = ''; ; await pause(systemClock, LOOK_MS)) {
    const upgrade = await fetchUpgrade(client, id);
    const text = `${upgrade.version}: ${countsText(upgrade)}`;
    if (!json && text !== last) process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    last = text;
    if (upgrade.finishedAt === undefined) continue;
    process.off('SIGINT', leave);
    if (!json && process.stderr.isTTY) process.stderr.write('\n');
    return upgrade;
  }
}

/** Exit code 0 only when every agent has the version. */
async function finish(client: DroverClient, upgrade: Upgrade, json: boolean | undefined): Promise<void> {
  const items = await agentsOf(client, upgrade.id);
  const others = items.filter((agent) => agent.state !== 'succeeded');
  if (json) process.stdout.write(`${JSON.stringify({ upgrade, agents: items })}\n`);
  else {
    if (others.length > 0) process.stdout.write(`${table(['HOST', 'STATE', 'CODE', 'DETAIL'], others.slice(0, FAILED_SHOWN_MAX).map((agent) => [agent.host, agent.state, agent.code ?? '', agent.detail ?? '']))}\n`);
    if (others.length > FAILED_SHOWN_MAX) process.stdout.write(`and ${others.length - FAILED_SHOWN_MAX} more: drover agents upgrades show ${upgrade.id}\n`);
    process.stdout.write(`upgrade ${upgrade.state}: ${countsText(upgrade)}\n`);
  }
  process.exitCode = others.length === 0 && upgrade.state === 'succeeded' ? EXIT.succeeded : EXIT.failed;
}

function countsText(upgrade: Upgrade): string {
  return Object.entries(upgrade.counts).filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state.replace('_', ' ')}`).join(', ');
}
