/** `drover hosts keys list|accept|remove|import`: the keys that hosts are known by. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { allPages, dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import {
  knownHostNames,
  matchesKnownHost,
  parseKnownHosts,
  type KnownHostLine,
} from '../../domain/inventory/known-hosts.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { readText } from './import/read-text.ts';
import { note } from '../out.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Host = Schemas['Host'];

const PAGE = 1_000;
/** In one request: with several large keys each, they stay well within what a request may hold. */
const HOSTS_AT_ONCE = 200;
/** Each hashed line costs a digest for each host; more than this takes minutes. */
const COMPARISONS_MAX = 20_000_000;

export function addHostsKeys(hosts: Command): void {
  const keys = group(hosts, 'keys', 'the keys that hosts are known by');
  withUtc(
    command(keys, 'list', {
      summary: 'list the keys of a host',
      description:
        'List the keys that a host is known by, and those that it offered since. An offered key is not believed: nobody logs in to a host that shows it until it is accepted.',
      examples: ['drover hosts keys list web-1'],
    }),
  )
    .argument('<host>', 'name or id')
    .action(list);
  command(keys, 'accept', {
    summary: 'believe a key that a host offered',
    description:
      'Believe a key that a host offered, after you have compared its fingerprint with the host itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). Known keys of the same kind go. Audited.',
    examples: ['drover hosts keys accept web-1 SHA256:uNiVztksCsDhcc0u9e8BrzXVk'],
  })
    .argument('<host>', 'name or id')
    .argument('<fingerprint>', 'or a beginning of it')
    .action(async (host: string, fingerprint: string, flags: AnswerFlags) => {
      const key = dataOf(
        await openSession().client.POST('/api/v1/hosts/{host}/keys/{fingerprint}/accept', {
          params: { path: { host, fingerprint } },
        }),
      );
      await answer(flags, key, () => plainText(`${host} is known by ${key.fingerprint} (${key.algorithm})`));
    });
  command(keys, 'remove', {
    summary: 'forget a key of a host',
    description:
      'Forget a key of a host. A host that is left without keys is trusted anew when it is next connected to, unless its policy is strict. Audited.',
    examples: ['drover hosts keys remove web-1 SHA256:uNiVztksCsDhcc0u9e8BrzXVk'],
  })
    .argument('<host>', 'name or id')
    .argument('<fingerprint>', 'or a beginning of it')
    .action(async (host: string, fingerprint: string, flags: AnswerFlags) => {
      await openSession().client.DELETE('/api/v1/hosts/{host}/keys/{fingerprint}', {
        params: { path: { host, fingerprint } },
      });
      await answer(flags, { removed: fingerprint, host }, () => plainText(`removed ${fingerprint} of ${host}`));
    });
  command(keys, 'import', {
    summary: 'take keys from a known_hosts file',
    description:
      'Take the keys of all hosts that a known_hosts file tells of, by name or address with their ports; hashed names are understood. They are believed from then on, beside the keys that were known before. Lines of other hosts are left out; lines that are no keys are told, and the others taken.',
    examples: ['drover hosts keys import', 'drover hosts keys import /etc/ssh/ssh_known_hosts --dry-run'],
  })
    .argument('[file]', 'default: ~/.ssh/known_hosts')
    .option('--dry-run', 'show what would be taken, and take nothing')
    .action(importKeys);
}

async function list(host: string, flags: AnswerFlags): Promise<void> {
  const page = dataOf(await openSession().client.GET('/api/v1/hosts/{host}/keys', { params: { path: { host } } }));
  await answer(flags, page, () =>
    page.items.length === 0
      ? `${plainText(host)} has no keys yet`
      : listText(flags, page.items, [
          ['STATE', (key) => key.state],
          ['KIND', (key) => key.algorithm],
          ['FINGERPRINT', (key) => key.fingerprint],
          ['BY', (key) => `${key.origin}, ${key.changedBy}`],
          ['SINCE', (key) => timeText(key.changedAt, flags.utc === true)],
          ['FIRST SEEN', (key) => timeText(key.firstSeenAt, flags.utc === true), 'wide'],
          ['KEY', (key) => key.key, 'wide'],
        ]),
  );
}

/** A file that is something else is understood from its first lines. */
const REMARKS_SHOWN = 100;

async function importKeys(file: string | undefined, flags: AnswerFlags & { readonly dryRun?: boolean }): Promise<void> {
  const path = file ?? join(homedir(), '.ssh', 'known_hosts');
  const { lines, remarks } = parseKnownHosts(path, readText(path));
  for (const { line, detail } of remarks.slice(0, REMARKS_SHOWN))
    note(`drover: note: ${plainText(`${path}:${line}: ${detail}`)}`);
  if (lines.length === 0) throw new UsageError(`${path} holds no key that can be taken.`);
  const { client } = openSession();
  const hosts = (
    await Array.fromAsync(
      allPages((cursor) =>
        client
          .GET('/api/v1/hosts', { params: { query: { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } } })
          .then(dataOf),
      ),
    )
  ).filter((host) => host.address !== undefined);
  if (hosts.length * lines.length > COMPARISONS_MAX)
    throw new UsageError(
      `${hosts.length} hosts and ${lines.length} lines are too many to compare at once. Part the file.`,
    );
  const found = keysOfHosts(hosts, lines);
  const result = {
    dryRun: flags.dryRun === true,
    hosts: found.length,
    added: 0,
    keys: found.map(({ host, keys }) => ({ host, keys: keys.length })),
  };
  for (let at = 0; at < found.length && !flags.dryRun; at += HOSTS_AT_ONCE)
    result.added += dataOf(
      await client.POST('/api/v1/host-keys/import', { body: { hosts: found.slice(at, at + HOSTS_AT_ONCE) } }),
    ).added;
  await answer(
    flags,
    result,
    () =>
      flags.dryRun
        ? [
            ...found.map(({ host, keys }) =>
              plainText(`${host}: ${keys.length === 1 ? '1 key' : `${keys.length} keys`}`),
            ),
            `would be taken for ${found.length} hosts`,
          ].join('\n')
        : `${result.added} new keys for ${found.length} hosts`,
    ({ keys }) => keys.map(({ host }) => host).join('\n'),
  );
}

function keysOfHosts(hosts: readonly Host[], lines: readonly KnownHostLine[]): { host: string; keys: string[] }[] {
  return hosts.flatMap((host) => {
    const names = knownHostNames(host);
    const keys = [...new Set(lines.filter((line) => matchesKnownHost(line, names)).map((line) => line.key))];
    return keys.length === 0 ? [] : [{ host: host.name, keys }];
  });
}
