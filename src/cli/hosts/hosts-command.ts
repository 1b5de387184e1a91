/** `drover hosts list|show|label|remove`; what is about reaching hosts without an agent has files of its own. */
import { dataOf, DroverApiError, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { addHostsEdit } from './hosts-edit-command.ts';
import { addHostsImport } from './hosts-import-command.ts';
import { addHostsKeys } from './hosts-keys-command.ts';
import { addHostsTwins } from './hosts-twins-command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { choicesOf, choicesOption, Faults, Inputs, pairs } from '../input.ts';
import { note } from '../out.ts';
import { timeText } from '../render.ts';
import { dialledText } from './dialled-text.ts';
import { openSession } from '../servers/session.ts';
import { hostsMatching, hostsMaxOf, targetsOf, withTargets, type TargetFlags } from '../targets.ts';
import { plainText } from '../text-width.ts';

type Host = Schemas['Host'];
interface ListFlags extends AnswerFlags, TargetFlags {
  readonly linked?: boolean;
  readonly unlinked?: boolean;
  readonly state?: string;
  readonly down?: boolean;
}

const HOST_STATES = ['linked', 'lost', 'never', 'ssh', 'unreached', 'none'] as const;
const DOWN: readonly (typeof HOST_STATES)[number][] = ['lost', 'never', 'unreached', 'none'];

export function addHostsCommands(program: Command): void {
  const hosts = group(program, 'hosts', 'list, show, add, import, change and remove hosts');
  withTargets(
    withUtc(
      command(hosts, 'list', {
        summary: 'list hosts',
        description:
          'List hosts by name, with their state: linked (its agent is), lost (its agent was), never (its agent ' +
          'never was), ssh (no agent; reached over SSH when work comes), unreached (the same, and the last ' +
          'connection of a run or of drover hosts test failed), none (no agent and no address).',
        examples: [
          'drover hosts list',
          "drover hosts list -t 'role=web and not web-9' --limit 5",
          'drover hosts list --down',
          'drover hosts list --state lost,never -o name',
        ],
      }),
    ),
  )
    .addOption(choicesOption('--state <states>', HOST_STATES))
    .option(
      '--down',
      `only what is not there, as far as is known: the states ${DOWN.slice(0, -1).join(', ')} and ${DOWN.at(-1)}`,
    )
    .option('--linked', 'only those whose agent is linked')
    .option('--unlinked', 'only those whose agent is not')
    .action(list);
  withUtc(command(hosts, 'show', { summary: 'show a host and its facts', examples: ['drover hosts show web-7'] }))
    .argument('<host>', 'name or id')
    .action(show);
  withTargets(
    command(hosts, 'label', {
      summary: 'set labels (NAME=VALUE) and take them off (NAME-)',
      description:
        'Set labels (NAME=VALUE) and take them off (NAME-), of one host or, with -t or --hosts-file, of all that ' +
        'match. Of several hosts each is changed by itself: those that were refused are told, the others are ' +
        'changed.',
      examples: [
        'drover hosts label web-7 zone=a role=front',
        'drover hosts label web-7 canary-',
        "drover hosts label -t 'web-[1-9]' role=web",
      ],
    }),
  )
    .argument('<words...>', 'host (name or id; none with -t), then NAME=VALUE sets, NAME- takes off')
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
  const states = choicesOf(faults, '--state', HOST_STATES, flags.state) ?? (flags.down ? DOWN : undefined);
  if (flags.state !== undefined && flags.down) faults.add('Give --state or --down, not both.');
  const targets = await targetsOf(faults, new Inputs(faults), flags);
  const most = hostsMaxOf(faults, flags);
  faults.end();
  const items = (await hostsMatching(openSession(), { targets }))
    .filter(
      (host) =>
        (states === undefined || states.includes(stateOf(host))) &&
        (!flags.linked || host.linked) &&
        (!flags.unlinked || !host.linked),
    )
    .slice(0, most);
  await answer(flags, { items }, () =>
    listText(flags, items, [
      ['NAME', (host) => host.name],
      ['STATE', stateOf],
      [
        'REACHED BY',
        (host) => `${reachText(host, flags)}${host.twinOf === undefined ? '' : `, twin of ${host.twinOf}: no work`}`,
      ],
      ['OS', (host) => String(host.facts.distribution ?? host.facts.os ?? '')],
      ['ADDRESS', (host) => dialledText(host) ?? addressesOf(host)[0]],
      ['LAST SSH', (host) => contactText(host, flags), 'wide'],
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
    const { name: joinedAs, labels: _, ...facts } = host.facts;
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
      ['last ssh', contactText(host, flags)],
      ['jump host', host.jumpHost ?? ''],
      ['account', host.account ?? (host.accountId === undefined ? '' : `${host.accountId}, which has been removed`)],
      ['host keys', host.hostKeyPolicy ?? ''],
      ['algorithms', factText(host.algorithms)],
      ['worker', host.workerId ?? ''],
      [
        'agent',
        host.agentUninstalledAt === undefined
          ? (host.agentId ?? '')
          : `uninstalled ${timeText(host.agentUninstalledAt, flags.utc === true)}`,
      ],
      ['known since', timeText(host.createdAt, flags.utc === true)],
      ['labels', labelsText(host.labels)],
      // The agent goes on telling what it joined with; name and labels are what the record says.
      ['joined as', joinedAs === host.name ? '' : factText(joinedAs)],
      ...Object.entries(facts).map(([fact, value]) => [fact, factText(value)]),
    ] as [string, string][];
    const widest = Math.max(...rows.map(([title]) => title.length));
    return rows
      .filter(([, value]) => value !== '')
      .map(([title, value]) => `${plainText(title).padEnd(widest)}  ${plainText(value)}`)
      .join('\n');
  });
}

/** What a person wants to know first: can it be reached now. */
function stateOf(host: Host): (typeof HOST_STATES)[number] {
  if (host.linked) return 'linked';
  if (host.agentId === undefined && host.address !== undefined)
    return host.sshContact?.code === undefined ? 'ssh' : 'unreached';
  if (host.agentId === undefined) return 'none';
  return host.linkChangedAt === undefined ? 'never' : 'lost';
}

async function label(words: readonly string[], flags: AnswerFlags & TargetFlags): Promise<void> {
  const faults = new Faults();
  const targets = await targetsOf(faults, new Inputs(faults), flags);
  const most = hostsMaxOf(faults, flags);
  const [named, texts] =
    targets === undefined && flags.hostsFile === undefined ? [words[0], words.slice(1)] : [undefined, words];
  if (texts.length === 0) faults.add('Say which labels: NAME=VALUE sets, NAME- takes off.');
  const remove = texts.filter((text) => text.endsWith('-') && !text.includes('='));
  const set = pairs(
    faults,
    'A label',
    texts.filter((text) => !remove.includes(text)),
  );
  faults.end();
  const session = openSession();
  const body = { set, remove: remove.map((text) => text.slice(0, -1)) };
  const change = async (host: string): Promise<Host> =>
    dataOf(await session.client.PATCH('/api/v1/hosts/{host}/labels', { params: { path: { host } }, body }));
  const labelled = (host: Host): string =>
    `${plainText(host.name)}: ${plainText(labelsText(host.labels)) || 'no labels'}`;
  if (named !== undefined) {
    const changed = await change(named);
    return answer(flags, changed, () => labelled(changed));
  }
  const items: Host[] = [];
  for (const { id, name } of await hostsMatching(session, { targets, most })) {
    try {
      items.push(await change(id));
    } catch (error) {
      // Refused for this host; the server's absence is that of all.
      if (!(error instanceof DroverApiError)) throw error;
      note(`drover: ${plainText(name)}: ${error.detail} (${error.code})`);
      process.exitCode = EXIT.failed;
    }
  }
  await answer(flags, { items }, () => items.map(labelled).join('\n') || 'no host matches');
}

/** By its agent while that is linked, over SSH when it has an address; else since when nothing reaches it. */
function reachText(host: Host, flags: AnswerFlags): string {
  const away =
    host.agentId === undefined || host.linked
      ? ''
      : `agent away${host.linkChangedAt ? ` since ${timeText(host.linkChangedAt, flags.utc === true)}` : ', never linked'}`;
  return [...host.reachableBy, ...(away === '' ? [] : [away])].join(', ') || 'nothing';
}

/** Nobody holds a link to a host over SSH: how the last connection went is what is known. */
function contactText({ address, sshContact }: Host, flags: AnswerFlags): string {
  if (address === undefined || sshContact === undefined) return '';
  return `${sshContact.code ?? 'reached'} ${timeText(sshContact.at, flags.utc === true)}`;
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
