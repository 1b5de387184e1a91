/** `drover hosts keys import`: the keys of a known_hosts file, for the hosts that are on record. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { allPages, dataOf, type Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import {
  knownHostNames,
  matchesKnownHost,
  parseKnownHosts,
  type KnownHostLine,
} from '../../domain/inventory/known-hosts.ts';
import { answer, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { note } from '../out.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';
import { readText } from './import/read-text.ts';

type Host = Schemas['Host'];

/** In one request: with several large keys each, they stay well within what a request may hold. */
const HOSTS_AT_ONCE = 200;
/** Each hashed line costs a digest for each host; more than this takes minutes. */
const COMPARISONS_MAX = 20_000_000;

/** A file that is something else is understood from its first lines. */
const REMARKS_SHOWN = 100;

export async function importKnownHosts(
  file: string | undefined,
  flags: AnswerFlags & { readonly dryRun?: boolean },
): Promise<void> {
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
          .GET('/api/v1/hosts', { params: { query: { limit: limits.pageSizeMax, ...given({ cursor }) } } })
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
