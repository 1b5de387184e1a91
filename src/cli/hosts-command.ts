/** `drover hosts list|show|label|remove`; what is about reaching hosts without an agent has files of its own. */
import { allPages, dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, group, listText, withUtc, type AnswerFlags } from './command.ts';
import { addHostsEdit } from './hosts-edit-command.ts';
import { addHostsImport } from './hosts-import-command.ts';
import { addHostsKeys } from './hosts-keys-command.ts';
import { addHostsTwins } from './hosts-twins-command.ts';
import { Faults, pairs } from './input.ts';
import { timeText } from './render.ts';
import { openSession } from './session.ts';
import { plainText } from './text-width.ts';

type Host = Schemas['Host'];
interface ListFlags extends AnswerFlags {
  readonly linked?: boolean;
  readonly unlinked?: boolean;
}

const PAGE = 1_000;

export function addHostsCommands(program: Command): void {
  const hosts = group(program, 'hosts', 'list, show, add, import, change and remove hosts');
  withUtc(
    command(hosts, 'list', {
      summary: 'list hosts',
      examples: ['drover hosts list', 'drover hosts list --unlinked', 'drover hosts list --json'],
    }),
  )
    .option('--linked', 'only those on line')
    .option('--unlinked', 'only those off line')
    .action(list);
  withUtc(command(hosts, 'show', { summary: 'show a host and its facts', examples: ['drover hosts show web-7'] }))
    .argument('<host>', 'name or id')
    .action(show);
  command(hosts, 'label', {
    summary: 'set labels (NAME=VALUE) and take them off (NAME-)',
    examples: ['drover hosts label web-7 zone=a role=front', 'drover hosts label web-7 canary-'],
  })
    .argument('<host>', 'name or id')
    .argument('<labels...>', 'NAME=VALUE sets, NAME- takes off')
    .action(label);
  command(hosts, 'remove', {
    summary: 'remove a host and revoke its agent',
    description:
      'Remove a host and revoke its agent. Records of past runs stay. The agent of a host that comes back has to join anew.',
    examples: ['drover hosts remove web-7'],
  })
    .argument('<host>', 'name or id')
    .action(async (host: string, flags: AnswerFlags) => {
      await openSession().client.DELETE('/api/v1/hosts/{host}', { params: { path: { host } } });
      await answer(flags, { removed: host }, () => `removed ${host}`);
    });
  addHostsEdit(hosts);
  addHostsImport(hosts);
  addHostsKeys(hosts);
  addHostsTwins(hosts);
}

async function list(flags: ListFlags): Promise<void> {
  const faults = new Faults();
  if (flags.linked && flags.unlinked)
    faults.add('Give --linked or --unlinked, not both; without them all hosts are listed.');
  faults.end();
  const { client } = openSession();
  const linked = flags.linked ? { linked: 'true' as const } : flags.unlinked ? { linked: 'false' as const } : {};
  const items = await Array.fromAsync(
    allPages((cursor) =>
      client
        .GET('/api/v1/hosts', {
          params: { query: { limit: PAGE, ...linked, ...(cursor === undefined ? {} : { cursor }) } },
        })
        .then(dataOf),
    ),
  );
  await answer(flags, { items }, () =>
    listText(flags, items, [
      ['NAME', (host) => host.name],
      ['REACHED BY', (host) => reachText(host, flags)],
      ['OS', (host) => String(host.facts.distribution ?? host.facts.os ?? '')],
      ['ADDRESS', (host) => host.address ?? addressesOf(host)[0]],
      ['ZONE', (host) => host.zone, 'wide'],
      ['ACCOUNT', (host) => host.account, 'wide'],
      ['KNOWN SINCE', (host) => timeText(host.createdAt, flags.utc === true), 'wide'],
      ['ID', (host) => host.id, 'wide'],
      ['LABELS', (host) => labelsText(host.labels)],
    ]),
  );
}

async function show(name: string, flags: AnswerFlags): Promise<void> {
  const host = dataOf(await openSession().client.GET('/api/v1/hosts/{host}', { params: { path: { host: name } } }));
  await answer(flags, host, () => {
    const rows = [
      ['name', host.name],
      ['id', host.id],
      ['reached by', reachText(host, flags)],
      [
        'twin of',
        host.twinOf === undefined ? '' : `${host.twinOf}: no work until somebody decides (drover hosts twins)`,
      ],
      ['zone', host.zone],
      ['address', sshText(host)],
      ['jump host', host.jumpHost ?? ''],
      ['account', host.account ?? (host.accountId === undefined ? '' : `${host.accountId}, which has been removed`)],
      ['host keys', host.hostKeyPolicy ?? ''],
      ['algorithms', factText(host.algorithms)],
      ['worker', host.workerId ?? ''],
      ['agent', host.agentId ?? ''],
      ['known since', timeText(host.createdAt, flags.utc === true)],
      ['labels', labelsText(host.labels)],
      ...Object.entries(host.facts).map(([fact, value]) => [fact, factText(value)]),
    ] as [string, string][];
    const widest = Math.max(...rows.map(([title]) => title.length));
    return rows
      .filter(([, value]) => value !== '')
      .map(([title, value]) => `${plainText(title).padEnd(widest)}  ${plainText(value)}`)
      .join('\n');
  });
}

async function label(host: string, texts: readonly string[], flags: AnswerFlags): Promise<void> {
  const faults = new Faults();
  const remove = texts.filter((text) => text.endsWith('-') && !text.includes('='));
  const set = pairs(
    faults,
    'A label',
    texts.filter((text) => !remove.includes(text)),
  );
  faults.end();
  const changed = dataOf(
    await openSession().client.PATCH('/api/v1/hosts/{host}/labels', {
      params: { path: { host } },
      body: { set, remove: remove.map((text) => text.slice(0, -1)) },
    }),
  );
  await answer(
    flags,
    changed,
    () => `${plainText(changed.name)}: ${plainText(labelsText(changed.labels)) || 'no labels'}`,
  );
}

/** By its agent while that is linked, over SSH when it has an address; else since when nothing reaches it. */
function reachText(host: Host, flags: AnswerFlags): string {
  const away =
    host.agentId === undefined || host.linked
      ? ''
      : `agent away${host.linkChangedAt ? ` since ${timeText(host.linkChangedAt, flags.utc === true)}` : ', never linked'}`;
  return [...host.reachableBy, ...(away === '' ? [] : [away])].join(', ') || 'nothing';
}

function sshText(host: Host): string {
  return host.address === undefined ? '' : `${host.address} port ${host.port}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function addressesOf(host: Host): readonly string[] {
  return Array.isArray(host.facts.addresses) ? host.facts.addresses.map(String) : [];
}

function factText(value: unknown): string {
  if (Array.isArray(value)) return value.map(factText).join(', ');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, inner]) => `${name}=${factText(inner)}`)
      .join(' ');
  return String(value ?? '');
}
