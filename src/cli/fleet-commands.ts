/** `drover hosts|agents|workers|tokens`, `login`, `logout`, `whoami`, `audit`. */
import { allPages, createClient, dataOf } from '@drover/sdk';
import type { Command } from 'commander';
import { UsageError } from './exit.ts';
import { table } from './render.ts';
import { number, pairs } from './run-command.ts';
import { forgetCredentials, openSession, storeCredentials } from './session.ts';
import { addUpgradeCommands } from './upgrade-commands.ts';

type Json = { json?: boolean };

function show(json: boolean | undefined, document: unknown, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(document) : text()}\n`);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : `${Math.round(bytes / 1024 / 1024)} MiB`;
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(' ');
}

export function addFleetCommands(program: Command): void {
  addHosts(program);
  addAgents(program);
  addAccess(program);
}

function addHosts(program: Command): void {
  const hosts = program.command('hosts').summary('list, show, label and remove hosts');
  hosts.command('list').summary('list hosts').option('--linked', 'only those on line').option('--unlinked', 'only those off line').option('-j, --json').action(async (flags: Json & { linked?: boolean; unlinked?: boolean }) => {
    const { client } = openSession();
    const linked = flags.linked ? { linked: 'true' as const } : flags.unlinked ? { linked: 'false' as const } : {};
    const items = await Array.fromAsync(allPages((cursor) => client.GET('/api/v1/hosts', { params: { query: { limit: 1_000, ...linked, ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf)));
    show(flags.json, { items }, () => table(['NAME', 'LINKED', 'OS', 'ADDRESS', 'LABELS'], items.map((host) => [host.name, host.linked ? 'yes' : `no${host.linkChangedAt ? ` since ${host.linkChangedAt.slice(0, 19)}` : ''}`, String(host.facts.distribution ?? host.facts.os ?? ''), String((host.facts.addresses as string[] | undefined)?.[0] ?? ''), labelsText(host.labels)])));
  });
  hosts.command('show').summary('show a host and its facts').argument('<host>').option('-j, --json').action(async (host: string, flags: Json) => {
    const found = dataOf(await openSession().client.GET('/api/v1/hosts/{host}', { params: { path: { host } } }));
    show(flags.json, found, () => JSON.stringify(found, null, 2));
  });
  hosts.command('label').summary('set labels (k=v) and remove them (k-)').argument('<host>').argument('<labels...>').option('-j, --json').action(async (host: string, texts: string[], flags: Json) => {
    const remove = texts.filter((text) => text.endsWith('-') && !text.includes('='));
    const body = { set: pairs('label', texts.filter((text) => !remove.includes(text))), remove: remove.map((text) => text.slice(0, -1)) };
    const changed = dataOf(await openSession().client.PATCH('/api/v1/hosts/{host}/labels', { params: { path: { host } }, body }));
    show(flags.json, changed, () => `${changed.name}: ${labelsText(changed.labels)}`);
  });
  hosts.command('remove').summary('remove a host and revoke its agent').argument('<host>').action(async (host: string) => {
    await openSession().client.DELETE('/api/v1/hosts/{host}', { params: { path: { host } } });
    process.stdout.write(`removed ${host}\n`);
  });
}

function addAgents(program: Command): void {
  const agents = program.command('agents').summary('agents and the tokens they join with');
  agents.command('list').summary('list agents').option('--problems', 'only those that flap, lag, are skewed or low on space').option('-j, --json').action(async (flags: Json & { problems?: boolean }) => {
    const { client } = openSession();
    const items = await Array.fromAsync(allPages((cursor) => client.GET('/api/v1/agents', { params: { query: { limit: 1_000, ...(flags.problems ? { problems: 'true' as const } : {}), ...(cursor === undefined ? {} : { cursor }) } } }).then(dataOf)));
    show(flags.json, { items }, () => table(['ID', 'HOST', 'STATE', 'LINKED', 'VERSION', 'RUNNING', 'LOAD', 'FREE MEMORY', 'PROBLEMS'], items.map((agent) => [agent.id, agent.host, agent.state, agent.linked ? 'yes' : 'no', agent.version ?? '', String(agent.load?.running ?? ''), agent.load?.loadAverage.toFixed(2) ?? '', mebibytes(agent.load?.freeMemoryBytes), agent.problems.join(' ')])));
  });
  agents.command('show').summary('show an agent, its load and what is wrong with it').argument('<host or id>').option('-j, --json').action(async (which: string, flags: Json) => {
    const { client } = openSession();
    const id = UUID.test(which) ? which : dataOf(await client.GET('/api/v1/hosts/{host}', { params: { path: { host: which } } })).agentId;
    if (id === undefined) throw new UsageError(`${which} has no agent.`);
    const agent = dataOf(await client.GET('/api/v1/agents/{id}', { params: { path: { id } } }));
    show(flags.json, agent, () => JSON.stringify(agent, null, 2));
  });
  agents.command('revoke').summary('cut an agent off for good').argument('<id>').option('-j, --json').action(async (id: string, flags: Json) => {
    const agent = dataOf(await openSession().client.POST('/api/v1/agents/{id}/revoke', { params: { path: { id } } }));
    show(flags.json, agent, () => `revoked the agent of ${agent.host}`);
  });
  addUpgradeCommands(agents);
  const tokens = agents.command('join-token').summary('tokens to join with');
  tokens.command('create').summary('make a join token').option('--role <role>', 'agent or worker', 'agent').option('--uses <n>', 'how many may join with it', '1').option('--lifetime <duration>', 'how long it is good', '1h').option('--zone <zone>', 'zone of a worker', 'default').option('--label <k=v>', 'label of the hosts (repeatable)', (value: string, all: string[]) => [...all, value], []).option('-j, --json')
    .action(async (flags: Json & { role: string; uses: string; lifetime: string; zone: string; label: string[] }) => {
      if (flags.role !== 'agent' && flags.role !== 'worker') throw new UsageError('--role is agent or worker.');
      const created = dataOf(await openSession().client.POST('/api/v1/join-tokens', { body: { role: flags.role, uses: number('--uses', flags.uses) ?? 1, lifetime: flags.lifetime, zone: flags.zone, labels: pairs('--label', flags.label) } }));
      show(flags.json, created, () => created.token);
    });
  tokens.command('list').summary('list join tokens').option('-j, --json').action(async (flags: Json) => {
    const page = dataOf(await openSession().client.GET('/api/v1/join-tokens'));
    show(flags.json, page, () => table(['ID', 'ROLE', 'USES LEFT', 'EXPIRES', 'BY'], page.items.map((token) => [token.id, token.role, String(token.usesLeft), token.expiresAt.slice(0, 19), token.createdBy])));
  });
  tokens.command('revoke').summary('revoke a join token').argument('<id>').action(async (id: string) => {
    await openSession().client.DELETE('/api/v1/join-tokens/{id}', { params: { path: { id } } });
    process.stdout.write(`revoked ${id}\n`);
  });
  program.command('workers').summary('workers').command('list').summary('list workers').option('-j, --json').action(async (flags: Json) => {
    const page = dataOf(await openSession().client.GET('/api/v1/workers'));
    show(flags.json, page, () => table(['NAME', 'ZONE', 'LINKED', 'AGENTS', 'QUEUED', 'ADDRESS'], page.items.map((worker) => [worker.name, worker.zone, worker.linked ? 'yes' : 'no', String(worker.agents ?? ''), String(worker.queued ?? ''), worker.agentAddress])));
  });
}

function addAccess(program: Command): void {
  const tokens = program.command('tokens').summary('API tokens');
  tokens.command('create').summary('make an API token').requiredOption('--name <text>', 'who or what it is for').requiredOption('--role <role>', 'viewer, operator or admin').option('--lifetime <duration>', 'how long it is good', '90d').option('-j, --json').action(async (flags: Json & { name: string; role: string; lifetime: string }) => {
    const created = dataOf(await openSession().client.POST('/api/v1/tokens', { body: { name: flags.name, role: flags.role as 'viewer', lifetime: flags.lifetime } }));
    show(flags.json, created, () => created.token);
  });
  tokens.command('list').summary('list API tokens').option('-j, --json').action(async (flags: Json) => {
    const page = dataOf(await openSession().client.GET('/api/v1/tokens'));
    show(flags.json, page, () => table(['ID', 'NAME', 'ROLE', 'EXPIRES', 'REVOKED'], page.items.map((token) => [token.id, token.name, token.role, token.expiresAt.slice(0, 19), token.revokedAt?.slice(0, 19) ?? ''])));
  });
  tokens.command('revoke').summary('revoke an API token').argument('<id>').action(async (id: string) => {
    await openSession().client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } });
    process.stdout.write(`revoked ${id}\n`);
  });
  program.command('login').summary('remember a server and a token').argument('<url>').option('--token <token>', 'else DROVER_TOKEN, else asked for').action(async (url: string, flags: { token?: string }) => {
    const token = flags.token ?? process.env.DROVER_TOKEN ?? (await askToken());
    const self = dataOf(await createClient({ baseUrl: url, token }).GET('/api/v1/self'));
    process.stdout.write(`logged in to ${url} as ${self.name} (${self.role}); stored in ${storeCredentials({ url, token })}\n`);
  });
  program.command('logout').summary('forget the stored token').action(() => forgetCredentials());
  program.command('whoami').summary('who am I, and what may I do').option('-j, --json').action(async (flags: Json) => {
    const self = dataOf(await openSession().client.GET('/api/v1/self'));
    show(flags.json, self, () => `${self.name} (${self.role}), until ${self.expiresAt}\n${self.permissions.join('\n')}`);
  });
  program.command('audit').summary('read the audit trail').option('-n, --limit <n>', 'how many', '50').option('--action <action>').option('-j, --json').action(async (flags: Json & { limit: string; action?: string }) => {
    const page = dataOf(await openSession().client.GET('/api/v1/audit', { params: { query: { limit: number('--limit', flags.limit) ?? 50, ...(flags.action ? { action: flags.action } : {}) } } }));
    show(flags.json, page, () => table(['SEQ', 'AT', 'BY', 'ACTION', 'TARGET'], page.items.map((entry) => [String(entry.seq), entry.at.slice(0, 19), entry.actor, entry.action, entry.target])));
  });
}

async function askToken(): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const token = await terminal.question('Token: ');
  terminal.close();
  if (token.trim() === '') throw new UsageError('No token was given.');
  return token.trim();
}
