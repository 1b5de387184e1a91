/** `drover channels list|show|add|edit|test|remove`: by which people are told of runs. */
import { dataOf, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { formatDurationMs } from '../../base/duration.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { Faults, Inputs, number } from '../input.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';
import { readEndpoint, withEndpoint, type EndpointFlags } from './endpoint-flags.ts';

type Channel = Schemas['Channel'];
interface SettingFlags extends AnswerFlags, EndpointFlags {
  readonly name?: string;
  readonly lang?: 'en' | 'zh';
  readonly perMinute?: string;
  readonly window?: string;
}

export function addChannelsCommands(program: Command): void {
  const channels = group(program, 'channels', 'mail, webhooks and chats by which people are told of runs');
  withUtc(command(channels, 'list', { summary: 'list channels', examples: ['drover channels list'] })).action(list);
  withUtc(
    command(channels, 'show', {
      summary: 'show a channel',
      description: 'Show a channel: what of it is no secret.',
      examples: ['drover channels show ops'],
    }),
  )
    .argument('<channel>', 'name or id')
    .action(show);
  withSettings(
    command(channels, 'add', {
      summary: 'make a channel',
      description: 'Make a channel. Where it leads is sealed, and never shown again.',
      examples: [
        'drover channels add ops --kind webhook --url https://hooks.example.com/drover --secret @secret.txt',
        'drover channels add chat --kind slack --url env:SLACK_URL',
        'drover channels add web --kind mail --server mail.example.com:587 --from drover@example.com --to web@example.com',
        'drover channels add oncall --kind dingtalk --url @url.txt --secret @secret.txt --lang zh',
      ],
    }),
  )
    .argument('<name>')
    .action(add);
  withSettings(
    command(channels, 'edit', {
      summary: 'change a channel',
      description:
        'Change a channel; what is not given stays. Where it leads is said whole, with its secret, so that no ' +
        'secret goes to another place.',
      examples: ['drover channels edit ops --lang zh', 'drover channels edit chat --kind slack --url @url.txt'],
    }),
  )
    .argument('<channel>', 'name or id')
    .option('--name <name>', 'another name')
    .action(edit);
  command(channels, 'test', {
    summary: 'send one message now',
    description: 'Send one message by a channel now, and tell what the far end said. Ends with 1 if it was not taken.',
    examples: ['drover channels test ops'],
  })
    .argument('<channel>', 'name or id')
    .action(test);
  command(channels, 'remove', {
    summary: 'remove a channel',
    description:
      'Remove a channel: nobody is told by it any more. Refused while rules or published jobs name it, unless ' +
      'forced; then the rules go too.',
    examples: ['drover channels remove ops'],
  })
    .argument('<channel>', 'name or id')
    .option('--force', 'also while rules or jobs name it')
    .action(async (channel: string, flags: AnswerFlags & { readonly force?: boolean }) => {
      await openSession().client.DELETE('/api/v1/channels/{channel}', {
        params: { path: { channel }, query: { force: flags.force ? 'true' : 'false' } },
      });
      await answer(flags, { removed: channel }, () => `removed ${plainText(channel)}`);
    });
}

function withSettings(target: Command): Command {
  return withEndpoint(target)
    .addOption(new Option('--lang <lang>', 'language of what is said there (default: en)').choices(['en', 'zh']))
    .option('--per-minute <n>', 'messages in a minute at most; where more are due, they become one (default: 20)')
    .option('--window <duration>', 'notices of one job or command so close together share a message (default: 1m)');
}

async function list(flags: AnswerFlags & { readonly utc?: boolean }): Promise<void> {
  const page = dataOf(await openSession().client.GET('/api/v1/channels'));
  await answer(flags, page, () =>
    listText(flags, page.items, [
      ['NAME', (channel) => channel.name],
      ['KIND', (channel) => channel.kind],
      ['LANG', (channel) => channel.lang],
      ['LEADS TO', leadsText],
      ['CHANGED', (channel) => timeText(channel.changedAt, flags.utc === true), 'wide'],
      ['ID', (channel) => channel.id, 'wide'],
    ]),
  );
}

async function show(channel: string, flags: AnswerFlags): Promise<void> {
  const found = dataOf(await openSession().client.GET('/api/v1/channels/{channel}', { params: { path: { channel } } }));
  await answer(flags, found, () => channelText(found, flags.utc === true));
}

async function add(name: string, flags: SettingFlags): Promise<void> {
  const faults = new Faults();
  const endpoint = await readEndpoint(flags, faults, new Inputs(faults));
  if (!endpoint) faults.add('Say where it leads: --kind with what belongs to it.');
  const settings = settingsOf(flags, faults);
  faults.end();
  const body = { name, endpoint: endpoint!, ...settings } as Schemas['ChannelCreate'];
  const channel = dataOf(await openSession().client.POST('/api/v1/channels', { body }));
  await answer(flags, channel, () => channelText(channel, flags.utc === true));
}

async function edit(name: string, flags: SettingFlags): Promise<void> {
  const faults = new Faults();
  const endpoint = await readEndpoint(flags, faults, new Inputs(faults));
  const settings = settingsOf(flags, faults);
  faults.end();
  const body = given({ name: flags.name, endpoint, ...settings }) as Schemas['ChannelChange'];
  if (Object.keys(body).length === 0)
    throw new UsageError('Say what to change: --name, --lang, or --kind with its own.');
  const channel = dataOf(
    await openSession().client.PATCH('/api/v1/channels/{channel}', { params: { path: { channel: name } }, body }),
  );
  await answer(flags, channel, () => channelText(channel, flags.utc === true));
}

/** Of a duration the server says what is wrong. */
function settingsOf({ lang, perMinute, window }: SettingFlags, faults: Faults): Partial<Schemas['ChannelChange']> {
  return given({ lang, perMinute: number(faults, '--per-minute', perMinute, { least: 1 }), window });
}

async function test(channel: string, flags: AnswerFlags): Promise<void> {
  const tested = dataOf(
    await openSession().client.POST('/api/v1/channels/{channel}/test', { params: { path: { channel } } }),
  );
  if (!tested.taken) process.exitCode = EXIT.failed;
  const said = tested.answer === undefined ? '' : ` It said: ${plainText(tested.answer)}`;
  await answer(
    flags,
    tested,
    () =>
      tested.taken
        ? `The far end of ${plainText(channel)} has taken the message.${said}`
        : `not taken (${tested.code}): ${plainText(tested.detail ?? '')}${said}`,
    (one) => one.channel,
  );
}

function channelText(channel: Channel, utc: boolean): string {
  const rows: readonly (readonly [string, string])[] = [
    ['name', channel.name],
    ['id', channel.id],
    ['kind', channel.kind],
    ['language', channel.lang],
    ['leads to', leadsText(channel)],
    ['at most', `${channel.perMinute} messages in a minute`],
    ['window', formatDurationMs(channel.windowMs)],
    ['changed', timeText(channel.changedAt, utc)],
    ['made by', channel.createdBy],
  ];
  return rows.map(([title, value]) => `${title.padEnd(8)}  ${plainText(value)}`).join('\n');
}

/** Whatever a kind shows of it, in one line. */
function leadsText({ leads }: Channel): string {
  const { to, ...more } = leads;
  const others = Object.entries(more).map(([name, value]) => `${name}=${String(value)}`);
  return plainText([String(to ?? ''), ...others].filter(Boolean).join(' '));
}
