/** `drover hosts keys list|accept|remove|import`: the keys that hosts are known by. */
import { dataOf } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

export function addHostsKeys(hosts: Command): void {
  const keys = group(hosts, 'keys', 'the keys that hosts are known by');
  withUtc(
    command(keys, 'list', {
      summary: 'list the keys of a host',
      description:
        'List the keys that a host is known by, and those that it offered since. An offered key is not believed: ' +
        'nobody logs in to a host that shows it until it is accepted.',
      examples: ['drover hosts keys list web-1'],
    }),
  )
    .argument('<host>', 'name or id')
    .action(list);
  command(keys, 'accept', {
    summary: 'believe a key that a host offered',
    description:
      'Believe a key that a host offered, after you have compared its fingerprint with the host itself ' +
      '(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). Known keys of the same kind go. Audited.',
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
      'Forget a key of a host. A host that is left without keys is trusted anew when it is next connected to, ' +
      'unless its policy is strict. Audited.',
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
      'Take the keys of all hosts that a known_hosts file tells of, by name or address with their ports; hashed ' +
      'names are understood. They are believed from then on, beside the keys that were known before. Lines of ' +
      'other hosts are left out; lines that are no keys are told, and the others taken.',
    examples: ['drover hosts keys import', 'drover hosts keys import /etc/ssh/ssh_known_hosts --dry-run'],
  })
    .argument('[file]', 'default: ~/.ssh/known_hosts')
    .option('--dry-run', 'show what would be taken, and take nothing')
    .action(async (file: string | undefined, flags: AnswerFlags & { readonly dryRun?: boolean }) =>
      (await import('./known-hosts-import.ts')).importKnownHosts(file, flags),
    );
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
