/** `drover agents upgrade|upgrades|packages`: follows an upgrade to its end; Ctrl-C leaves it running and says how to come back. */
import { allPages, dataOf, type DroverClient, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { pause, systemClock } from '../../base/clock.ts';
import { limits } from '../../base/limits.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { callerOf, choiceFrom, chosenId } from '../chosen-id.ts';
import { duration, Faults, number } from '../input.ts';
import { out } from '../out.ts';
import { withPackages } from './package-build.ts';
import { table, timeText } from '../render.ts';
import { followToEnd } from '../runs/follow.ts';
import { openSession, type Session } from '../servers/session.ts';
import { cutText, plainText } from '../text-width.ts';

interface UpgradeFlags extends AnswerFlags {
  readonly target: string;
  readonly to?: string;
  readonly batch: string;
  readonly maxFailed: string;
  readonly wait: string;
  readonly detach?: boolean;
}
type Upgrade = Awaited<ReturnType<typeof fetchUpgrade>>;
interface PackageRow {
  readonly version: string;
  readonly entry?: Schemas['AgentPackages']['packages'][number];
  readonly problem: string | undefined;
}

const TARGETS_COLUMNS = 40;
const LOOK_MS = 1_000;
const LEAVING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const FAILED_SHOWN_MAX = 50;

export function addUpgradeCommands(agents: Command): void {
  command(agents, 'install', {
    summary: 'install agents on hosts, by a run of the installer',
    description:
      'Install agents by a run of the installer, which goes the way that each host is reached, as a rule over ' +
      'SSH. The hosts fetch the package from the server, so they must reach it. Doing it again does no harm.',
    examples: [
      "drover agents install -t 'rack=7' --as root",
      'drover agents install -t all --to 1.4.0 --concurrency 200',
    ],
  })
    .requiredOption('-t, --target <expression>', 'as of a run')
    .option('--to <version>', 'the newest that the server has, unless given')
    .option('--as <account>', 'account that is root, or becomes it; else the one that each host has')
    .option('--zone <zone>', 'of the workers that the agents will link to', 'default')
    .option('-c, --concurrency <n>', 'hosts at once', '50')
    .option('-d, --detach', 'print the id of the run and return')
    .action(install);
  command(agents, 'uninstall', {
    summary: 'take agents off hosts, by a run of the installer',
    description:
      'Take agents off hosts by a run of the installer, over SSH. Refused where scripts run, unless forced: then ' +
      'they run on with nobody watching. Journal and output stay on the host until --purge.',
    examples: ["drover agents uninstall -t 'rack=7' --as root"],
  })
    .requiredOption('-t, --target <expression>', 'as of a run')
    .option('--as <account>', 'account that is root, or becomes it; else the one that each host has')
    .option('--force', 'also where scripts run')
    .option('--purge', 'with identity, journal and output')
    .option('-c, --concurrency <n>', 'hosts at once', '50')
    .option('-d, --detach', 'print the id of the run and return')
    .action(uninstall);
  command(agents, 'upgrade', {
    summary: 'bring agents to another version, batch by batch',
    description:
      'Bring agents to another version, batch by batch: a batch begins when the one before it is well. An agent ' +
      'that does not come up under the new version goes back to the one it had, by itself. Scripts run on ' +
      'meanwhile.',
    examples: [
      "drover agents upgrade -t 'zone=a'",
      'drover agents upgrade -t all --to 1.2.0 --batch 100 --max-failed 3',
    ],
  })
    .requiredOption('-t, --target <expression>', 'as of a run')
    .option('--to <version>', 'the newest that the server has, unless given')
    .option('--batch <n>', 'agents at once', '50')
    .option('--max-failed <n>', 'more that fail end it', '0')
    .option('--wait <duration>', 'longest for one agent', '10m')
    .option('-d, --detach', 'do not follow it')
    .action(upgrade);
  const upgrades = group(agents, 'upgrades', 'upgrades of agents');
  withUtc(command(upgrades, 'list', { summary: 'list upgrades', examples: ['drover agents upgrades list'] }))
    .option('-n, --limit <n>', 'how many', '20')
    .action(async (flags: AnswerFlags & { limit: string }) => {
      const faults = new Faults();
      const limit = number(faults, '--limit', flags.limit, { least: 1, most: 1_000 }) ?? 20;
      faults.end();
      const found = dataOf(await openSession().client.GET('/api/v1/upgrades', { params: { query: { limit } } }));
      await answer(flags, found, () =>
        listText(flags, found.items, [
          ['ID', (one) => one.id],
          ['TO', (one) => one.version],
          ['STATE', (one) => one.state],
          ['BEGUN', (one) => timeText(one.createdAt, flags.utc === true)],
          ['ENDED', (one) => timeText(one.finishedAt, flags.utc === true), 'wide'],
          ['BY', (one) => one.createdBy],
          ['TARGETS', (one) => cutText(plainText(one.targets), TARGETS_COLUMNS), 'wide'],
          ['AGENTS', countsText],
        ]),
      );
    });
  command(upgrades, 'show', {
    summary: 'show how each agent of an upgrade stands',
    examples: ['drover agents upgrades show last', 'drover agents upgrades show 1f0c'],
  })
    .argument('<id>')
    .action(async (id: string, flags: AnswerFlags) => {
      const { client } = openSession();
      const upgradeId = await upgradeIdOf(client, id);
      const [one, items] = [await fetchUpgrade(client, upgradeId), await agentsOf(client, upgradeId)];
      await answer(
        flags,
        { upgrade: one, agents: items },
        () =>
          `${one.state}: ${countsText(one)}\n${table(
            ['HOST', 'STATE', 'FROM', 'CODE', 'DETAIL'],
            items.map((agent) => [
              agent.host,
              agent.state,
              agent.fromVersion ?? '',
              agent.code ?? agent.progress ?? '',
              agent.detail ?? '',
            ]),
          )}`,
      );
    });
  command(upgrades, 'watch', {
    summary: 'follow an upgrade to its end',
    examples: ['drover agents upgrades watch last'],
  })
    .argument('<id>')
    .action(async (id: string, flags: AnswerFlags) => {
      const { client } = openSession();
      await finish(client, await follow(client, await upgradeIdOf(client, id), flags), flags);
    });
  command(upgrades, 'cancel', { summary: 'order no further batch', examples: ['drover agents upgrades cancel last'] })
    .argument('<id>')
    .action(async (id: string, flags: AnswerFlags) => {
      const { client } = openSession();
      const upgradeId = await upgradeIdOf(client, id);
      const cancelled = dataOf(
        await client.POST('/api/v1/upgrades/{id}/cancel', { params: { path: { id: upgradeId } } }),
      );
      await answer(flags, cancelled, () => `cancelled ${upgradeId}; what is ordered ends`);
    });
  command(agents, 'packages', {
    summary: 'list the versions of the agent that the server has',
    description:
      'List the versions of the agent that the server has, and what is wrong with those that it cannot hand out: ' +
      'a manifest that was passed over, a file that is missing or damaged.',
    examples: ['drover agents packages'],
  }).action(async (flags: AnswerFlags) => {
    const found = dataOf(await openSession().client.GET('/api/v1/agent-packages'));
    await answer(flags, found, () =>
      listText(
        flags,
        found.items.flatMap(({ version, packages, problem }): PackageRow[] => [
          ...(problem === undefined ? [] : [{ version, problem: `the manifest was passed over: ${problem}` }]),
          ...packages.map((entry) => ({ version, entry, problem: entry.problem })),
        ]),
        [
          ['VERSION', ({ version }) => version],
          ['FOR', ({ entry }) => entry && `${entry.os}-${entry.arch}`],
          ['MiB', ({ entry }) => entry && (entry.fileSize / 1_048_576).toFixed(1)],
          ['BYTES', ({ entry }) => entry && String(entry.fileSize), 'wide'],
          ['SHA-256', ({ entry }) => entry?.sha256],
          ['PROBLEM', ({ problem }) => problem],
        ],
      ),
    );
  });
}

interface InstallerFlags extends AnswerFlags {
  readonly target: string;
  readonly as?: string;
  readonly concurrency: string;
  readonly detach?: boolean;
}

async function install(flags: InstallerFlags & { readonly to?: string; readonly zone: string }): Promise<void> {
  const session = openSession();
  const body = { ...installerBody(flags), zone: flags.zone, ...given({ version: flags.to }) };
  const run = await withPackages(session, flags.to, async () =>
    dataOf(await session.client.POST('/api/v1/agents/install', { body })),
  );
  await followInstaller(session, run, flags);
}

async function uninstall(
  flags: InstallerFlags & { readonly force?: boolean; readonly purge?: boolean },
): Promise<void> {
  const session = openSession();
  const body = { ...installerBody(flags), force: flags.force === true, purge: flags.purge === true };
  await followInstaller(session, dataOf(await session.client.POST('/api/v1/agents/uninstall', { body })), flags);
}

function installerBody(flags: InstallerFlags): { targets: string; concurrency: number; account?: string } {
  const faults = new Faults();
  const concurrency =
    number(faults, '--concurrency', flags.concurrency, { least: 1, most: limits.upgradeBatchMax }) ??
    limits.agentInstallsDefault;
  faults.end();
  return { targets: flags.target, concurrency, ...given({ account: flags.as }) };
}

async function followInstaller(session: Session, run: Schemas['Run'], flags: InstallerFlags): Promise<void> {
  if (flags.detach) return answer(flags, { run }, () => run.id);
  process.exitCode = await followToEnd(session, run, flags);
}

async function upgrade(flags: UpgradeFlags): Promise<void> {
  const faults = new Faults();
  const body = {
    targets: flags.target,
    batch: number(faults, '--batch', flags.batch, { least: 1, most: limits.upgradeBatchMax }) ?? 50,
    maxFailed: number(faults, '--max-failed', flags.maxFailed, { most: limits.targetsPerRunMax }) ?? 0,
    wait: duration(faults, '--wait', flags.wait, limits.upgradeWaitMsMax) ?? '10m',
    ...given({ version: flags.to }),
  };
  faults.end();
  const session = openSession();
  const { client } = session;
  const begun = await withPackages(session, flags.to, async () =>
    dataOf(await client.POST('/api/v1/upgrades', { body })),
  );
  if (flags.detach) return answer(flags, begun, () => begun.id);
  await finish(client, await follow(client, begun.id, flags), flags);
}

function upgradeIdOf(client: DroverClient, text: string): Promise<string> {
  const upgrades = () =>
    allPages((cursor) =>
      client.GET('/api/v1/upgrades', { params: { query: { limit: 100, ...given({ cursor }) } } }).then(dataOf),
    );
  return chosenId(text, {
    noun: 'an upgrade',
    list: 'agents upgrades list',
    ...choiceFrom(upgrades, () => callerOf(client)),
  });
}

async function fetchUpgrade(client: DroverClient, id: string) {
  return dataOf(await client.GET('/api/v1/upgrades/{id}', { params: { path: { id } } }));
}

async function agentsOf(client: DroverClient, id: string) {
  return Array.fromAsync(
    allPages((cursor) =>
      client
        .GET('/api/v1/upgrades/{id}/agents', {
          params: { path: { id }, query: { limit: 1_000, ...given({ cursor }) } },
        })
        .then(dataOf),
    ),
  );
}

async function follow(client: DroverClient, id: string, { json }: AnswerFlags): Promise<Upgrade> {
  const leave = (): void => {
    process.stderr.write(`\nThe upgrade goes on: drover agents upgrades watch ${id} (or cancel ${id})\n`);
    process.exit(EXIT.failed);
  };
  for (const signal of LEAVING) process.once(signal, leave);
  for (let last = ''; ; await pause(systemClock, LOOK_MS)) {
    const upgrade = await fetchUpgrade(client, id);
    const text = `${upgrade.version}: ${countsText(upgrade)}`;
    if (!json && text !== last) process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
    last = text;
    if (upgrade.finishedAt === undefined) continue;
    for (const signal of LEAVING) process.off(signal, leave);
    if (!json && process.stderr.isTTY) process.stderr.write('\n');
    return upgrade;
  }
}

/** Exit code 0 when every agent has the version that can be given it. */
async function finish(client: DroverClient, ended: Upgrade, flags: AnswerFlags): Promise<void> {
  const items = await agentsOf(client, ended.id);
  const others = items.filter((agent) => agent.state !== 'succeeded');
  // Of one that succeeded only hosts are skipped whose agent is no package, or that have none: nothing failed there.
  const failed = others.filter((agent) => agent.state !== 'skipped');
  if (flags.json) await answer(flags, { upgrade: ended, agents: items }, () => '');
  else {
    if (others.length > 0)
      await out(
        `${table(
          ['HOST', 'STATE', 'CODE', 'DETAIL'],
          others
            .slice(0, FAILED_SHOWN_MAX)
            .map((agent) => [agent.host, agent.state, agent.code ?? '', agent.detail ?? '']),
        )}\n`,
      );
    if (others.length > FAILED_SHOWN_MAX)
      await out(`and ${others.length - FAILED_SHOWN_MAX} more: drover agents upgrades show ${ended.id}\n`);
    await out(`upgrade ${ended.state}: ${countsText(ended)}\n`);
  }
  process.exitCode = failed.length === 0 && ended.state === 'succeeded' ? EXIT.succeeded : EXIT.failed;
}

function countsText(upgrade: Upgrade): string {
  return Object.entries(upgrade.counts)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state.replace('_', ' ')}`)
    .join(', ');
}
