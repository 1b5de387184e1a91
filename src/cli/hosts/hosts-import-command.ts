/**
 * `drover hosts import`: an inventory of another tool, or of Drover's own, as hosts. Faults of the file and of the
 * server come all at once, each with its file and line.
 */
import { dataOf, DroverApiError, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { INVENTORY_FORMATS, type InventoryFormat } from '../../domain/inventory/format.ts';
import type { HostDraft, InventoryFault } from '../../domain/inventory/host-draft.ts';
import { answer, command, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { Faults, many, pairs } from '../input.ts';
import { note } from '../out.ts';
import { dialledText } from './dialled-text.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Entry = Schemas['HostImportEntry'];
type Imported = Schemas['HostImported'];
interface ImportFlags extends AnswerFlags {
  readonly format?: InventoryFormat;
  readonly dryRun?: boolean;
  readonly account?: string;
  readonly accountFor: readonly string[];
  readonly zone?: string;
  readonly label: readonly string[];
  readonly labelVariable: readonly string[];
}

/** A file with a fault on every line is understood from its first ones. */
const FAULTS_SHOWN = 100;
const CHANGES_SHOWN = 1_000;

export function addHostsImport(hosts: Command): void {
  command(hosts, 'import', {
    summary: 'add and change hosts from an inventory',
    description:
      'Add and change hosts from a file: CSV, YAML, an Ansible inventory (INI, YAML, or a folder with group_vars ' +
      'and host_vars), or an ssh_config. All of it is taken, or none. Hosts that exist get what the file says of ' +
      'them and keep the rest, so importing a file again changes nothing.',
    examples: [
      'drover hosts import servers.csv --dry-run',
      'drover hosts import inventory/ --account-for deploy=web --account ops',
      'drover hosts import ~/.ssh/config --label from=laptop',
      'generate | drover hosts import - --format csv',
    ],
  })
    .argument('<path>', 'file or folder; - is standard input')
    .addOption(new Option('--format <format>', 'what it is; else its name tells').choices(INVENTORY_FORMATS))
    .option('--dry-run', 'show what would happen, and change nothing')
    .option('--account <account>', 'for hosts that the file gives none')
    .option(
      '--account-for <user=account>',
      'account of the hosts that the file says are logged in to as this user (repeatable)',
      many,
      [],
    )
    .option('--zone <zone>', 'for hosts that the file gives none')
    .option('--label <k=v>', 'label for all hosts of the file (repeatable)', many, [])
    .option('--label-variable <name>', 'variable of an Ansible inventory to take as a label (repeatable)', many, [])
    .action(importHosts);
}

async function importHosts(path: string, flags: ImportFlags): Promise<void> {
  const faults = new Faults();
  const labels = pairs(faults, '--label', flags.label);
  const accounts = pairs(faults, '--account-for', flags.accountFor);
  faults.end();
  const { readInventory } = await import('./import/read-inventory.ts');
  const inventory = readInventory(path, flags.format, { labelVariables: flags.labelVariable });
  for (const remark of inventory.remarks.slice(0, FAULTS_SHOWN)) note(`drover: note: ${lineText(remark)}`);
  if (inventory.faults.length > 0) {
    const entries = inventory.hosts.map((draft) =>
      entryOf(draft, { labels, accounts, account: flags.account, zone: flags.zone }),
    );
    const all = [...inventory.faults, ...(await accountFaults(inventory.hosts, entries))].sort((a, b) =>
      a.file === b.file ? a.line - b.line : 0,
    );
    throw new UsageError(
      `Nothing was imported. ${countOf(all.length, 'thing is', 'things are')} wrong:${faultLines(all)}`,
    );
  }
  if (inventory.hosts.length === 0) throw new UsageError(`${path} names no hosts.`);
  if (inventory.hosts.length > limits.hostsPerImportMax)
    throw new UsageError(
      `${path} names ${inventory.hosts.length} hosts; ${limits.hostsPerImportMax} can be imported at once. Part the file.`,
    );
  tellUsers(inventory.hosts, accounts, flags.account);
  const entries = inventory.hosts.map((draft) =>
    entryOf(draft, { labels, accounts, account: flags.account, zone: flags.zone }),
  );
  const result = await send(inventory.hosts, entries, flags.dryRun === true);
  await answer(
    flags,
    result,
    () => resultText(result, new Map(entries.map((entry) => [entry.name, entry]))),
    ({ hosts }) => hosts.map(({ name }) => name).join('\n'),
  );
}

/** Accounts hold secrets, so none is made here; users without one are told, because work on those hosts may find none. */
function tellUsers(
  drafts: readonly HostDraft[],
  accounts: Readonly<Record<string, string>>,
  account: string | undefined,
): void {
  const named = new Set(drafts.map((draft) => draft.loginUser));
  for (const user of Object.keys(accounts))
    if (!named.has(user))
      note(
        `drover: note: --account-for ${plainText(user)} changes nothing: the file has no host that is logged in to as ${plainText(user)}`,
      );
  if (account !== undefined) return;
  const users = Map.groupBy(
    drafts.filter(
      (draft) =>
        draft.account === undefined && draft.loginUser !== undefined && !Object.hasOwn(accounts, draft.loginUser),
    ),
    (draft) => draft.loginUser!,
  );
  for (const [user, hosts] of users) {
    const files = [...new Set(hosts.flatMap((host) => host.identityFile ?? []))];
    note(
      `drover: note: ${countOf(hosts.length, 'host is', 'hosts are')} logged in to as ${plainText(user)}` +
        `${files.length > 0 ? ` (with ${plainText(files.slice(0, 3).join(', '))})` : ''}; say which account that ` +
        `is with --account-for ${plainText(user)}=ACCOUNT, or a default account of their scope is taken`,
    );
  }
}

function entryOf(
  draft: HostDraft,
  flags: {
    labels: Record<string, string>;
    accounts: Record<string, string>;
    account: string | undefined;
    zone: string | undefined;
  },
): Entry {
  const { name, address, port, jumpHost, hostKeyPolicy, algorithms } = draft;
  const account =
    draft.account ??
    (draft.loginUser !== undefined && Object.hasOwn(flags.accounts, draft.loginUser)
      ? flags.accounts[draft.loginUser]
      : flags.account);
  const zone = draft.zone ?? flags.zone;
  return {
    name,
    address,
    labels: { ...draft.labels, ...flags.labels },
    ...given({
      port,
      zone,
      account,
      jumpHost,
      hostKeyPolicy,
      algorithms:
        algorithms === undefined
          ? undefined
          : Object.fromEntries(Object.entries(algorithms).map(([kind, names]) => [kind, [...names]])),
    }),
  };
}

/**
 * What only the server knows of the rows that are right, to be told with the others: its accounts. What it says of jump hosts may be
 * for want of a row that is wrong itself. A server that is not there is no fault of the file.
 */
async function accountFaults(drafts: readonly HostDraft[], hosts: Entry[]): Promise<InventoryFault[]> {
  if (hosts.length === 0 || hosts.length > limits.hostsPerImportMax) return [];
  try {
    await openSession().client.POST('/api/v1/hosts/import', { body: { hosts, dryRun: true } });
    return [];
  } catch (error) {
    return error instanceof DroverApiError
      ? refusedLines(drafts, error).filter(({ pointer }) => pointer.endsWith('/account'))
      : [];
  }
}

function refusedLines(
  drafts: readonly HostDraft[],
  error: DroverApiError,
): (InventoryFault & { readonly pointer: string })[] {
  return error.errors.map(({ pointer, detail }) => {
    const draft = drafts[Number(/^#\/hosts\/(\d+)/.exec(pointer)?.[1] ?? Number.NaN)];
    return {
      ...(draft?.source ?? { file: pointer, line: 0 }),
      detail: draft ? `${draft.name}: ${detail}` : detail,
      pointer,
    };
  });
}

/** What the server refuses is told by the lines of the file, which is where it is put right. */
async function send(drafts: readonly HostDraft[], hosts: Entry[], dryRun: boolean): Promise<Imported> {
  try {
    return dataOf(await openSession().client.POST('/api/v1/hosts/import', { body: { hosts, dryRun } }));
  } catch (error) {
    if (!(error instanceof DroverApiError) || error.errors.length === 0) throw error;
    const lines = refusedLines(drafts, error);
    throw new DroverApiError(error.status, {
      code: error.code,
      detail: `Nothing was imported. ${countOf(lines.length, 'thing is', 'things are')} wrong:${faultLines(lines)}`,
      ...given({ requestId: error.requestId }),
    });
  }
}

function resultText(
  { dryRun, created, updated, unchanged, hosts }: Imported,
  entries: ReadonlyMap<string, Entry>,
): string {
  const changed = hosts.filter((host) => host.action !== 'unchanged');
  const lines = changed
    .slice(0, CHANGES_SHOWN)
    .map(
      (host) =>
        `${host.action === 'created' ? '+' : '~'} ${plainText(host.name)}` +
        `${host.action === 'created' ? plainText(wayText(entries.get(host.name))) : ''}` +
        `${host.changes.map((change) => `\n    ${plainText(change.field)}: ${valueText(change.from)} → ${valueText(change.to)}`).join('')}`,
    );
  if (changed.length > lines.length) lines.push(`… and ${changed.length - lines.length} more`);
  return [...lines, `${dryRun ? 'would be: ' : ''}${created} created, ${updated} updated, ${unchanged} unchanged`].join(
    '\n',
  );
}

/** Of a new host: where it is dialled, as whom, and by which way; what the file leaves out is not told. */
function wayText(entry: Entry | undefined): string {
  if (!entry) return '';
  const { address, port, account, jumpHost } = entry;
  const dialled = address === undefined ? undefined : dialledText({ address, ...given({ port }) });
  const parts = [dialled, account && `account ${account}`, jumpHost && `by way of ${jumpHost}`];
  const told = parts.filter((part) => part !== undefined && part !== '');
  return told.length === 0 ? '' : `  ${told.join(', ')}`;
}

function valueText(value: unknown): string {
  return value === undefined ? 'none' : plainText(typeof value === 'string' ? value : JSON.stringify(value));
}

function faultLines(faults: readonly InventoryFault[]): string {
  return `${faults
    .slice(0, FAULTS_SHOWN)
    .map((fault) => `\n  ${lineText(fault)}`)
    .join('')}${faults.length > FAULTS_SHOWN ? `\n  … and ${faults.length - FAULTS_SHOWN} more` : ''}`;
}

function lineText({ file, line, detail }: InventoryFault): string {
  return plainText(`${file === '-' ? 'standard input' : file}${line > 0 ? `:${line}` : ''}: ${detail}`);
}

function countOf(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`;
}
