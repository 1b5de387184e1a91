/** `drover hosts add|edit|join-token`: hosts that are reached over SSH, and the token that makes an agent one of them. */
import { dataOf, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { limits } from '../../base/limits.ts';
import { addressFault } from '../../domain/inventory/address.ts';
import { HOST_KEY_POLICIES, type HostKeyPolicy } from '../../domain/inventory/host-key-policy.ts';
import { answer, command, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { duration, Faults, many, number, pairs } from '../input.ts';
import { table } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Host = Schemas['Host'];
interface SettingFlags extends AnswerFlags {
  readonly address?: string;
  readonly port?: string;
  readonly zone?: string;
  readonly label: readonly string[];
  readonly account?: string;
  readonly jumpHost?: string;
  readonly hostKeyPolicy?: HostKeyPolicy;
  readonly ciphers?: string;
  readonly kex?: string;
  readonly macs?: string;
  readonly hostKeyAlgorithms?: string;
}

const CLEARABLE = {
  address: 'address',
  account: 'account',
  'jump-host': 'jumpHost',
  algorithms: 'algorithms',
} as const;

export function addHostsEdit(hosts: Command): void {
  withSettings(
    command(hosts, 'add', {
      summary: 'add a host that is reached over SSH',
      description: 'Add a host that is reached over SSH, without an agent on it. Nothing is connected to yet.',
      examples: [
        'drover hosts add web-1 --address 10.0.0.11 --account ops --label role=web',
        'drover hosts add db-1.example.org --port 2222 --jump-host bastion',
      ],
    }),
  )
    .argument('<name>')
    .action(add);
  withSettings(
    command(hosts, 'edit', {
      summary: 'change how a host is reached, its account or its name',
      description:
        'Change how a host is reached, its account or its name. What is not given stays. The host stays the same ' +
        'one: runs and keys of before belong to it. Scripts are told the name that their run has for it (DROVER_HOST).',
      examples: [
        'drover hosts edit web-1 --address 10.0.0.12',
        'drover hosts edit web-1 --name web-01',
        'drover hosts edit web-1 --clear jump-host --clear account',
      ],
    }),
  )
    .argument('<host>', 'name or id')
    .option('--name <name>', 'another name')
    .option('--clear <setting>', `take it away: ${Object.keys(CLEARABLE).join(', ')} (repeatable)`, many, [])
    .action(edit);
  command(hosts, 'test', {
    summary: 'try the way to a host over SSH, step by step',
    description:
      'Try the way to a host over SSH, step by step, from the worker that a run would take. Exit code 0 when every step passes.',
    examples: ['drover hosts test web-1', 'drover hosts test web-1 --as root'],
  })
    .argument('<host>', 'name or id')
    .option('--as <account>', 'account to log in as; else the one that a run would take')
    .action(test);
  command(hosts, 'join-token', {
    summary: 'make a token for an agent that is to become this host',
    description:
      'Make a join token for one agent, which becomes this host whatever its machine is called. Refused at the ' +
      "join while another machine's agent holds the host.",
    examples: [
      'drover hosts join-token web-1',
      'ssh web-1 sudo drover agent --join "$(drover hosts join-token web-1)"',
    ],
  })
    .argument('<host>', 'name or id')
    .option('--lifetime <duration>', 'how long it is good', '1h')
    .action(joinToken);
}

function withSettings(target: Command): Command {
  return target
    .option(
      '--address <address>',
      'name, IPv4 or IPv6 address; a host that is added has its name as address unless said',
    )
    .option('--port <port>', 'port of sshd (default: 22)')
    .option('--zone <zone>', 'zone whose workers reach it (default: default)')
    .option('--label <k=v>', 'label (repeatable)', many, [])
    .option('--account <account>', 'account for work on it, else a default account of its scope is taken')
    .option('--jump-host <host>', "host to jump through; chains by that host's own")
    .addOption(
      new Option(
        '--host-key-policy <policy>',
        'strict: only keys that are known; first-use: the first one seen is recorded (default)',
      ).choices(HOST_KEY_POLICIES),
    )
    .option('--ciphers <list>', 'the only ones to offer, by comma')
    .option('--kex <list>', 'key exchanges, the same way')
    .option('--macs <list>', 'MACs, the same way')
    .option('--host-key-algorithms <list>', 'kinds of host keys, the same way');
}

/** What both commands say alike; faults of the command line come together with each other. */
function settingsOf(flags: SettingFlags, faults: Faults): Omit<Schemas['HostImportEntry'], 'name'> {
  const port = number(faults, '--port', flags.port, { least: 1, most: 65_535 });
  const labels = pairs(faults, '--label', flags.label);
  const lists = { cipher: flags.ciphers, kex: flags.kex, hmac: flags.macs, serverHostKey: flags.hostKeyAlgorithms };
  const algorithms = Object.fromEntries(
    Object.entries(lists).flatMap(([kind, list]) =>
      list === undefined ? [] : [[kind, list.split(',').map((name) => name.trim())]],
    ),
  ) as Schemas['HostAlgorithms'];
  const address = flags.address === undefined ? undefined : addressFault(flags.address);
  if (address !== undefined) faults.add(`--address: ${address}.`);
  return given({
    address: flags.address,
    port,
    zone: flags.zone,
    labels: flags.label.length === 0 ? undefined : labels,
    account: flags.account,
    jumpHost: flags.jumpHost,
    hostKeyPolicy: flags.hostKeyPolicy,
    algorithms: Object.keys(algorithms).length === 0 ? undefined : algorithms,
  });
}

async function add(name: string, flags: SettingFlags): Promise<void> {
  const faults = new Faults();
  const settings = settingsOf(flags, faults);
  if (flags.address === undefined && addressFault(name) !== undefined)
    faults.add(`Nothing can be dialled by the name ${name}: say with --address at which address the host is.`);
  faults.end();
  const host = dataOf(await openSession().client.POST('/api/v1/hosts', { body: { address: name, ...settings, name } }));
  await answer(flags, host, () => `added ${reachText(host)}`);
}

async function edit(
  name: string,
  flags: SettingFlags & { readonly name?: string; readonly clear: readonly string[] },
): Promise<void> {
  const faults = new Faults();
  const settings = settingsOf(flags, faults);
  for (const setting of flags.clear)
    if (!Object.hasOwn(CLEARABLE, setting))
      faults.add(`--clear takes ${Object.keys(CLEARABLE).join(', ')}, not ${JSON.stringify(setting)}.`);
  const cleared = Object.fromEntries(
    Object.entries(CLEARABLE).flatMap(([setting, field]) => (flags.clear.includes(setting) ? [[field, null]] : [])),
  );
  for (const [setting, field] of Object.entries(CLEARABLE))
    if (field in cleared && field in settings) faults.add(`${setting} is given and cleared; do one of both.`);
  const body = { ...settings, ...cleared, ...given({ name: flags.name }) };
  // A word that --clear does not know is a fault of its own: it was meant to change something.
  if (Object.keys(body).length === 0 && flags.clear.length === 0)
    faults.add('Say what to change. See: drover hosts edit --help');
  faults.end();
  const host = dataOf(
    await openSession().client.PATCH('/api/v1/hosts/{host}', { params: { path: { host: name } }, body }),
  );
  await answer(flags, host, () => `changed ${reachText(host)}`);
}

async function test(host: string, flags: AnswerFlags & { readonly as?: string }): Promise<void> {
  const tested = dataOf(
    await openSession().client.POST('/api/v1/hosts/{host}/test', {
      params: { path: { host } },
      body: flags.as === undefined ? {} : { account: flags.as },
    }),
  );
  await answer(flags, tested, () =>
    table(
      ['STEP', 'RESULT', 'CODE', 'DETAIL'],
      tested.steps.map(({ step, result, code, detail }) => [step, result, code ?? '', plainText(detail ?? '')]),
    ),
  );
  if (!tested.reachable) process.exitCode = EXIT.failed;
}

async function joinToken(host: string, flags: AnswerFlags & { readonly lifetime: string }): Promise<void> {
  const faults = new Faults();
  const lifetime = duration(faults, '--lifetime', flags.lifetime, limits.apiTokenMsMax);
  faults.end();
  const created = dataOf(
    await openSession().client.POST('/api/v1/join-tokens', {
      body: { role: 'agent', uses: 1, zone: 'default', labels: {}, host, lifetime: lifetime! },
    }),
  );
  await answer(flags, created, () => created.token);
}

function reachText(host: Host): string {
  const ssh =
    host.address === undefined
      ? 'not reached over SSH'
      : `${host.address}${host.port === 22 ? '' : ` port ${host.port}`}` +
        `${host.jumpHost === undefined ? '' : ` through ${host.jumpHost}`}` +
        `${host.account === undefined ? '' : ` as ${host.account}`}`;
  return plainText(`${host.name}: ${ssh}`);
}
