/**
 * `drover agents list|show|revoke|keep|join-token|upgrade`: who may hold a link, in which state they are, what they
 * join with, which version they have.
 */
import { allPages, dataOf, DroverApiError, type DroverClient, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { callerOf, choiceFrom, chosenId } from '../chosen-id.ts';
import { duration, Faults, many, number, pairs } from '../input.ts';
import { mebibytes, table, timeText } from '../render.ts';
import { openSession, type Session } from '../servers/session.ts';
import { plainText } from '../text-width.ts';
import { addUpgradeCommands } from './upgrade-commands.ts';

type Agent = Schemas['Agent'];
const AGENT_STATES = ['linked', 'unlinked', 'uninstalled', 'revoked'] as const;
interface ListFlags extends AnswerFlags {
  readonly state?: string;
  readonly problems?: boolean;
}
interface JoinTokenFlags extends AnswerFlags {
  readonly role: 'agent' | 'worker';
  readonly uses: string;
  readonly lifetime: string;
  readonly zone: string;
  readonly label?: readonly string[];
  readonly host?: string;
}

export function addAgentsCommands(program: Command): void {
  const agents = group(program, 'agents', 'agents: their state, revoking them, the tokens they join with');
  withUtc(
    command(agents, 'list', {
      summary: 'list agents and their state',
      examples: ['drover agents list', 'drover agents list --state unlinked', 'drover agents list --json'],
    }),
  )
    .addOption(new Option('--state <state>', 'only those').choices(AGENT_STATES))
    .option('--problems', 'only those that flap, lag, are skewed, low on space or copied')
    .action(list);
  withUtc(command(agents, 'show', { summary: 'show the state of one agent', examples: ['drover agents show web-7'] }))
    .argument('<agent>', 'name of its host, or id')
    .action(async (name: string, flags: AnswerFlags) => {
      const agent = await findAgent(openSession(), name);
      await answer(flags, agent, () => table(['', ''], rowsOf(agent, flags)).trimStart());
    });
  command(agents, 'revoke', {
    summary: 'cut an agent off for good',
    description:
      'Cut an agent off for good: its link is closed and its certificate is worth nothing any more. What runs on ' +
      'its host runs on, and is told as lost.',
    examples: ['drover agents revoke web-7'],
  })
    .argument('<agent>', 'name of its host, or id')
    .action(async (name: string, flags: AnswerFlags) => {
      const session = openSession();
      const { id } = await findAgent(session, name);
      const agent = dataOf(await session.client.POST('/api/v1/agents/{id}/revoke', { params: { path: { id } } }));
      await answer(flags, agent, () => `revoked the agent of ${plainText(agent.host)}`);
    });
  command(agents, 'keep', {
    summary: 'decide which of two copies of an agent is the right one',
    description:
      'When the data folder of an agent is in use twice, or was put back from a backup, neither of the two is ' +
      'given work. `drover agents show` says which starts show themselves; this decides for one of them, and the ' +
      'other is never let in again.',
    examples: ['drover agents keep web-7 0193a1b2-0000-7000-8000-000000000001'],
  })
    .argument('<agent>', 'name of its host, or id')
    .argument('<instance>', 'one of the two that `drover agents show` tells of')
    .action(async (name: string, instance: string, flags: AnswerFlags) => {
      const session = openSession();
      const { id } = await findAgent(session, name);
      const kept = dataOf(
        await session.client.POST('/api/v1/agents/{id}/keep', { params: { path: { id } }, body: { instance } }),
      );
      await answer(
        flags,
        kept,
        () => `${plainText(kept.host)} goes on with ${instance}; the other is not let in again.`,
      );
    });
  addJoinTokens(agents);
  addUpgradeCommands(agents);
}

function addJoinTokens(agents: Command): void {
  const tokens = group(agents, 'join-token', 'make, list and revoke tokens to join with');
  withUtc(
    command(tokens, 'create', {
      summary: 'make a join token and print it',
      examples: [
        'drover agents join-token create --label zone=a',
        'drover agents join-token create --uses 50 --lifetime 2h',
        'drover agents join-token create --host web-1',
        'drover agents join-token create --role worker --zone eu',
      ],
    }),
  )
    .addOption(new Option('--role <role>', 'what may join with it').choices(['agent', 'worker']).default('agent'))
    .option('--uses <n>', 'how many may join with it', '1')
    .option('--lifetime <duration>', 'how long it is good', '1h')
    .option('--zone <zone>', 'zone of the worker, or of the workers that the agent links to', 'default')
    .option('--label <k=v>', 'label of the hosts that join with it, whatever they say (repeatable)', many)
    .option('--host <host>', 'made for this host: whoever joins with it becomes its agent, in its zone')
    .action(createJoinToken);
  withUtc(command(tokens, 'list', { summary: 'list join tokens', examples: ['drover agents join-token list'] })).action(
    async (flags: AnswerFlags) => {
      const page = dataOf(await openSession().client.GET('/api/v1/join-tokens'));
      await answer(flags, page, () =>
        listText(flags, page.items, [
          ['ID', (token) => token.id],
          ['ROLE', (token) => token.role],
          ['ZONE', (token) => token.zone],
          ['USES LEFT', (token) => String(token.usesLeft)],
          ['EXPIRES', (token) => timeText(token.expiresAt, flags.utc === true)],
          ['MADE', (token) => timeText(token.createdAt, flags.utc === true), 'wide'],
          ['FOR HOST', (token) => token.hostId, 'wide'],
          ['BY', (token) => token.createdBy],
          [
            'LABELS',
            (token) =>
              Object.entries(token.labels)
                .map((pair) => pair.join('='))
                .join(' '),
            'wide',
          ],
        ]),
      );
    },
  );
  command(tokens, 'revoke', {
    summary: 'revoke a join token',
    description: 'Revoke a join token: nobody joins with it any more. Who has joined stays.',
    examples: ['drover agents join-token revoke last', 'drover agents join-token revoke 7b1e'],
  })
    .argument('<id>')
    .action(async (id: string, flags: AnswerFlags) => {
      const { client } = openSession();
      const tokenId = await joinTokenIdOf(client, id);
      await client.DELETE('/api/v1/join-tokens/{id}', { params: { path: { id: tokenId } } });
      await answer(flags, { revoked: tokenId }, () => `revoked ${tokenId}`);
    });
}

function joinTokenIdOf(client: DroverClient, text: string): Promise<string> {
  async function* tokens() {
    const { items } = dataOf(await client.GET('/api/v1/join-tokens'));
    yield* [...items].sort((one, other) => (one.createdAt > other.createdAt ? -1 : 1));
  }
  return chosenId(text, {
    noun: 'a join token',
    list: 'agents join-token list',
    ...choiceFrom(tokens, () => callerOf(client)),
  });
}

function agentsOf(session: Session): AsyncGenerator<Agent> {
  return allPages((cursor) =>
    session.client
      .GET('/api/v1/agents', { params: { query: { limit: limits.pageSizeMax, ...given({ cursor }) } } })
      .then(dataOf),
  );
}

async function findAgent(session: Session, name: string): Promise<Agent> {
  let found: Agent | undefined;
  for await (const agent of agentsOf(session)) {
    if (agent.id === name) return agent;
    // A host that joined anew has a revoked agent too; the one in force is meant.
    if (agent.host === name && (!found || found.state !== 'active')) found = agent;
  }
  if (!found)
    throw new DroverApiError(404, {
      code: 'host-not-found',
      detail: `There is no agent ${name}, and no host of that name with one. See: drover agents list`,
    });
  return found;
}

async function list(flags: ListFlags): Promise<void> {
  const items: Agent[] = [];
  for await (const agent of agentsOf(openSession()))
    if ((flags.state === undefined || stateOf(agent) === flags.state) && (!flags.problems || agent.problems.length > 0))
      items.push(agent);
  await answer(flags, { items }, () =>
    listText(flags, items, [
      ['HOST', (agent) => agent.host],
      ['STATE', stateOf],
      ['VERSION', (agent) => agent.version],
      ['RUNNING', (agent) => String(agent.load?.running ?? '')],
      ['LOAD', (agent) => agent.load?.loadAverage.toFixed(2)],
      ['FREE MEMORY', (agent) => mebibytes(agent.load?.freeMemoryBytes)],
      ['FREE FOR OUTPUT', (agent) => mebibytes(agent.load?.freeSpoolBytes), 'wide'],
      ['UNREPORTED', (agent) => String(agent.load?.unreported ?? ''), 'wide'],
      ['PROBLEMS', (agent) => agent.problems.join(' ')],
      ['CERTIFICATE UNTIL', (agent) => timeText(agent.certificateExpiresAt, flags.utc === true)],
      ['JOINED', (agent) => timeText(agent.joinedAt, flags.utc === true), 'wide'],
      ['ID', (agent) => agent.id],
    ]),
  );
}

/** One word for what a person wants to know first. */
function stateOf(agent: Agent): (typeof AGENT_STATES)[number] {
  if (agent.state !== 'active') return 'revoked';
  if (agent.linked) return 'linked';
  return agent.uninstalledAt === undefined ? 'unlinked' : 'uninstalled';
}

function rowsOf(agent: Agent, flags: AnswerFlags): string[][] {
  return [
    ['host', agent.host],
    ['state', stateOf(agent)],
    ['version', agent.version ?? 'not known'],
    ['certificate', `until ${timeText(agent.certificateExpiresAt, flags.utc === true)}`],
    ['joined', timeText(agent.joinedAt, flags.utc === true)],
    ...loadRows(agent, flags),
    ...(agent.copies ?? []).map(({ instance, start, worker, seenAt }) => [
      'copy',
      `${instance}, start ${start}, seen ${timeText(seenAt, flags.utc === true)} at worker ${worker}`,
    ]),
    ['id', agent.id],
    ['host id', agent.hostId],
  ];
}

function loadRows({ load, links, problems }: Agent, flags: AnswerFlags): string[][] {
  const rows = [
    ['links', `${links} in the last ten minutes`],
    ['problems', problems.join(', ') || 'none'],
  ];
  if (!load) return rows;
  const said =
    `${load.running} running, ${load.unreported} to be reported, load ${load.loadAverage.toFixed(2)}, ` +
    `${mebibytes(load.rssBytes)} used by the agent, ${mebibytes(load.freeMemoryBytes) || 'unknown'} of memory and ` +
    `${mebibytes(load.freeSpoolBytes)} for output free`;
  return [...rows, ['load', said], ['told', timeText(load.at, flags.utc === true)]];
}

async function createJoinToken(flags: JoinTokenFlags): Promise<void> {
  const faults = new Faults();
  const body = {
    role: flags.role,
    uses: number(faults, '--uses', flags.uses, { least: 1, most: limits.joinTokenUsesMax }) ?? 1,
    lifetime: duration(faults, '--lifetime', flags.lifetime, limits.apiTokenMsMax) ?? '1h',
    zone: flags.zone,
    labels: pairs(faults, '--label', flags.label ?? []),
    ...given({ host: flags.host }),
  };
  faults.end();
  const created = dataOf(await openSession().client.POST('/api/v1/join-tokens', { body }));
  await answer(flags, created, () => created.token);
}
