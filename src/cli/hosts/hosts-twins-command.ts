/** `drover hosts twins`: hosts that look like another, and deciding which machine they are. */
import { allPages, dataOf } from '@drover/sdk';
import type { Command } from 'commander';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { answer, command, listText, withUtc, type AnswerFlags } from '../command.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

export function addHostsTwins(hosts: Command): void {
  const twins = withUtc(
    command(hosts, 'twins', {
      summary: 'list hosts that joined with the machine id of another, and decide which machine they are',
      description:
        'List hosts that joined with the machine id of another and without its key: clones, or the same machine ' +
        'that lost its data folder. They get no work until somebody decides.',
      examples: [
        'drover hosts twins',
        'drover hosts twins accept web-1-twin-3f9a01     # another machine',
        'drover hosts twins replace web-1-twin-3f9a01    # the same machine',
      ],
    }),
  ).action(list);
  command(twins, 'accept', {
    summary: 'take a twin as the machine of its own that it is',
    examples: ['drover hosts twins accept web-1-twin-3f9a01'],
  })
    .argument('<host>', 'name or id of the twin')
    .action(async (host: string, _flags: unknown, self: Command) => {
      const accepted = dataOf(
        await openSession().client.POST('/api/v1/hosts/{host}/twin/accept', { params: { path: { host } } }),
      );
      await answer(self.optsWithGlobals(), accepted, () => `${plainText(accepted.name)} gets work as any other host.`);
    });
  command(twins, 'replace', {
    summary: 'let a twin take the place of the host that it is',
    description:
      'Let a twin take the place of the host that it is, with its name, labels, address, account and host keys. ' +
      'The former host is removed and its agent revoked. Records of past runs stay.',
    examples: ['drover hosts twins replace web-1-twin-3f9a01'],
  })
    .argument('<host>', 'name or id of the twin')
    .action(async (host: string, _flags: unknown, self: Command) => {
      const replaced = dataOf(
        await openSession().client.POST('/api/v1/hosts/{host}/twin/replace', { params: { path: { host } } }),
      );
      await answer(
        self.optsWithGlobals(),
        replaced,
        () => `${plainText(replaced.name)} is this machine now; the former one is removed.`,
      );
    });
}

async function list(flags: AnswerFlags): Promise<void> {
  const { client } = openSession();
  const items = await Array.fromAsync(
    allPages((cursor) =>
      client
        .GET('/api/v1/hosts', {
          params: { query: { limit: limits.pageSizeMax, twins: 'true', ...given({ cursor }) } },
        })
        .then(dataOf),
    ),
  );
  await answer(flags, { items }, () =>
    listText(flags, items, [
      ['NAME', (host) => host.name],
      ['TWIN OF', (host) => host.twinOf],
      ['LINKED', (host) => (host.linked ? 'yes' : 'no')],
      ['JOINED', (host) => timeText(host.createdAt, flags.utc === true)],
      ['ADDRESSES', (host) => (Array.isArray(host.facts.addresses) ? host.facts.addresses.map(String).join(' ') : '')],
      ['ZONE', (host) => host.zone, 'wide'],
      ['AGENT', (host) => host.agentId, 'wide'],
      ['ID', (host) => host.id, 'wide'],
    ]),
  );
}
