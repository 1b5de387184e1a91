/** `drover agents list|show|revoke|join-token`: who may hold a link, in which state they are, and what they join with. */
import { allPages, dataOf, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { answer, command, group, withUtc, type AnswerFlags } from './command.ts';
import { UsageError } from './exit.ts';
import { duration, Faults, many, number, pairs } from './input.ts';
import { table, timeText } from './render.ts';
import { openSession, type Session } from './session.ts';
import { plainText } from './text-width.ts';

type Agent = Schemas['Agent'];
interface ListFlags extends AnswerFlags { readonly state?: string }
interface JoinTokenFlags extends AnswerFlags { readonly role: 'agent' | 'worker'; readonly uses: string; readonly lifetime: string; readonly zone: string; readonly label: readonly string[] }

const PAGE = 1_000;

export function addAgentsCommands(program: Command): void {
  const agents = group(program, 'agents', 'agents: their state, revoking them, the tokens they join with');
  withUtc(command(agents, 'list', { summary: 'list agents and their state', examples: ['drover agents list', 'drover agents list --state unlinked', 'drover agents list --json'] }))
    .addOption(new Option('--state <state>', 'only those').choices(['linked', 'unlinked', 'revoked'])).action(list);
  withUtc(command(agents, 'show', { summary: 'show the state of one agent', examples: ['drover agents show web-7'] })).argument('<agent>', 'name of its host, or id').action(async (name: string, flags: AnswerFlags) => {
    const agent = await findAgent(openSession(), name);
    await answer(flags, agent, () => table(['', ''], rowsOf(agent, flags)).trimStart());
  });
  command(agents, 'revoke', { summary: 'cut an agent off for good', description: 'Cut an agent off for good: its link is closed and its certificate is worth nothing any more. What runs on its host runs on, and is told as lost.', examples: ['drover agents revoke web-7'] }).argument('<agent>', 'name of its host, or id').action(async (name: string, flags: AnswerFlags) => {
    const session = openSession();
    const { id } = await findAgent(session, name);
    const agent = dataOf(await session.client.POST('/api/v1/agents/{id}/revoke', { params: { path: { id } } }));
    await answer(flags, agent, () => `revoked the agent of ${plainText(agent.host)}`);
  });
  addJoinTokens(agents);
}

function addJoinTokens(agents: Command): void {
  const tokens = group(agents, 'join-token', 'make, list and revoke tokens to join with');
  withUtc(command(tokens, 'create', { summary: 'make a join token and print it', examples: ['drover agents join-token create --label zone=a', 'drover agents join-token create --uses 50 --lifetime 2h', 'drover agents join-token create --role worker --zone eu'] }))
    .addOption(new Option('--role <role>', 'what may join with it').choices(['agent', 'worker']).default('agent')).option('--uses <n>', 'how many may join with it', '1').option('--lifetime <duration>', 'how long it is good', '1h').option('--zone <zone>', 'zone of a worker', 'default').option('--label <k=v>', 'label of the hosts that join with it (repeatable)', many, []).action(createJoinToken);
  withUtc(command(tokens, 'list', { summary: 'list join tokens', examples: ['drover agents join-token list'] })).action(async (flags: AnswerFlags) => {
    const page = dataOf(await openSession().client.GET('/api/v1/join-tokens'));
    await answer(flags, page, () => table(['ID', 'ROLE', 'ZONE', 'USES LEFT', 'EXPIRES', 'BY'], page.items.map((token) => [token.id, token.role, token.zone, String(token.usesLeft), timeText(token.expiresAt, flags.utc === true), token.createdBy])));
  });
  command(tokens, 'revoke', { summary: 'revoke a join token', description: 'Revoke a join token: nobody joins with it any more. Who has joined stays.', examples: ['drover agents join-token revoke ID'] }).argument('<id>').action(async (id: string, flags: AnswerFlags) => {
    await openSession().client.DELETE('/api/v1/join-tokens/{id}', { params: { path: { id } } });
    await answer(flags, { revoked: id }, () => `revoked ${id}`);
  });
}

function agentsOf(session: Session): AsyncGenerator<Agent> {
  return allPages((cursor) => session.client.GET('/api/v1/agents', { params: { query: { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf));
}

async function findAgent(session: Session, name: string): Promise<Agent> {
  let found: Agent | undefined;
  for await (const agent of agentsOf(session)) {
    if (agent.id === name) return agent;
    // A host that joined anew has a revoked agent too; the one in force is meant.
    if (agent.host === name && (!found || found.state !== 'active')) found = agent;
  }
  if (!found) throw new UsageError(`There is no agent ${name}, and no host of that name with one. See: drover agents list`);
  return found;
}

async function list(flags: ListFlags): Promise<void> {
  const items: Agent[] = [];
  for await (const agent of agentsOf(openSession())) if (flags.state === undefined || stateOf(agent) === flags.state) items.push(agent);
  await answer(flags, { items }, () => table(['HOST', 'STATE', 'VERSION', 'CERTIFICATE UNTIL', 'JOINED', 'ID'], items.map((agent) => [agent.host, stateOf(agent), agent.version ?? '', timeText(agent.certificateExpiresAt, flags.utc === true), timeText(agent.joinedAt, flags.utc === true), agent.id])));
}

/** One word for what a person wants to know first. */
function stateOf(agent: Agent): 'linked' | 'unlinked' | 'revoked' {
  if (agent.state !== 'active') return 'revoked';
  return agent.linked ? 'linked' : 'unlinked';
}

function rowsOf(agent: Agent, flags: AnswerFlags): string[][] {
  return [['host', agent.host], ['state', stateOf(agent)], ['version', agent.version ?? 'not known'], ['certificate', `until ${timeText(agent.certificateExpiresAt, flags.utc === true)}`], ['joined', timeText(agent.joinedAt, flags.utc === true)], ['id', agent.id], ['host id', agent.hostId]];
}

async function createJoinToken(flags: JoinTokenFlags): Promise<void> {
  const faults = new Faults();
  const body = { role: flags.role, uses: number(faults, '--uses', flags.uses) ?? 1, lifetime: duration(faults, '--lifetime', flags.lifetime) ?? '1h', zone: flags.zone, labels: pairs(faults, '--label', flags.label) };
  faults.end();
  const created = dataOf(await openSession().client.POST('/api/v1/join-tokens', { body }));
  await answer(flags, created, () => created.token);
}
