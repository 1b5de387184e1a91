/**
 * Where a channel leads, on a command line. What may be a secret never stands there itself: SOURCE is `@FILE`, `@-`,
 * `env:VARIABLE` or `ask`.
 */
import type { Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { given } from '../../base/given.ts';
import { noticeLimits } from '../../base/notice-limits.ts';
import { readSecret } from '../accounts/account-credentials.ts';
import { many, number, type Faults, type Inputs } from '../input.ts';

type Endpoint = Schemas['ChannelEndpoint'];
type Kind = Endpoint['kind'];
const TLS = ['starttls', 'tls', 'none'] as const;

export interface EndpointFlags {
  readonly kind?: Kind;
  readonly url?: string;
  readonly secret?: string;
  readonly authorities?: string;
  readonly server?: string;
  readonly tls?: (typeof TLS)[number];
  readonly user?: string;
  readonly password?: string;
  readonly from?: string;
  readonly to?: readonly string[];
}
type EndpointFlag = Exclude<keyof EndpointFlags, 'kind'>;

/** Each kind takes its own, and no others. */
const OWN: Readonly<Record<Kind, readonly EndpointFlag[]>> = {
  webhook: ['url', 'secret', 'authorities'],
  slack: ['url'],
  dingtalk: ['url', 'secret'],
  wecom: ['url'],
  feishu: ['url', 'secret'],
  mail: ['server', 'tls', 'user', 'password', 'from', 'to', 'authorities'],
};
const KINDS = Object.keys(OWN) as Kind[];
const FLAGS = [...new Set(Object.values(OWN).flat())];

const SOURCE = 'from @FILE, @- (standard input), env:VARIABLE or ask';

export function withEndpoint(target: Command): Command {
  return target
    .addOption(new Option('--kind <kind>', 'kind of the channel').choices(KINDS))
    .option('--url <source>', `where it leads, ${SOURCE}; of a webhook also the URL itself`)
    .option('--secret <source>', `what a receiver knows us by, or a robot's own, ${SOURCE}`)
    .option('--authorities <file>', 'certificates in PEM of who vouches for the far end (webhook, mail)')
    .option('--server <host:port>', 'mail server, such as mail.example.com:587')
    .addOption(
      new Option('--tls <how>', 'how the mail server is spoken to (default: tls on port 465, else starttls)').choices(
        TLS,
      ),
    )
    .option('--user <name>', 'who logs in to the mail server')
    .option('--password <source>', `with which password, ${SOURCE}`)
    .option('--from <address>', 'who the mail is from')
    .option('--to <address>', 'whom it goes to (repeatable)', many);
}

/** Undefined where nothing is said of it. */
export async function readEndpoint(
  flags: EndpointFlags,
  faults: Faults,
  inputs: Inputs,
): Promise<Endpoint | undefined> {
  const { kind } = flags;
  for (const flag of FLAGS) {
    if (flags[flag] === undefined) continue;
    if (kind === undefined) faults.add(`--${flag} goes with --kind: where a channel leads is said whole.`);
    else if (!OWN[kind].includes(flag)) faults.add(`--${flag} is not for ${kind}, which takes ${flagsText(kind)}.`);
  }
  if (kind === undefined) return undefined;
  if (kind === 'mail') return mailEndpoint(flags, faults, inputs);
  const url = await readUrl(flags, faults, inputs);
  const secret = flags.secret === undefined ? undefined : await readSecret('--secret', flags.secret, faults, inputs);
  switch (kind) {
    case 'webhook':
      if (flags.secret === undefined) faults.add('A webhook needs --secret: by it the receiver knows that it is us.');
      return { kind, url, secret: secret ?? '', ...given({ authorities: readAuthorities(flags, inputs) }) };
    case 'dingtalk':
    case 'feishu':
      return { kind, url, ...given({ secret }) };
    default:
      return { kind, url };
  }
}

function flagsText(kind: Kind): string {
  return OWN[kind].map((flag) => `--${flag}`).join(', ');
}

/** The URL of a robot is what it is known by; that of a webhook may stand in clear. */
async function readUrl({ kind, url }: EndpointFlags, faults: Faults, inputs: Inputs): Promise<string> {
  if (url === undefined) {
    faults.add(`--kind ${kind} needs --url.`);
    return '';
  }
  if (kind === 'webhook' && /^https?:/.test(url)) return url;
  return (await readSecret('--url', url, faults, inputs)) ?? '';
}

function readAuthorities({ authorities }: EndpointFlags, inputs: Inputs): string | undefined {
  if (authorities === undefined) return undefined;
  return inputs.text('--authorities', authorities, noticeLimits.channelAuthoritiesBytesMax);
}

async function mailEndpoint(flags: EndpointFlags, faults: Faults, inputs: Inputs): Promise<Endpoint> {
  const { server = '', user, from = '', to = [] } = flags;
  for (const flag of ['server', 'from', 'to'] as const)
    if (flags[flag] === undefined) faults.add(`--kind mail needs --${flag}.`);
  const at = server.lastIndexOf(':');
  const port = server === '' ? undefined : number(faults, '--server', server.slice(at + 1), { least: 1, most: 65_535 });
  const password =
    flags.password === undefined ? undefined : await readSecret('--password', flags.password, faults, inputs);
  return {
    kind: 'mail',
    host: server.slice(0, Math.max(0, at)).replace(/^\[|\]$/g, ''),
    port: port ?? 0,
    tls: flags.tls ?? (port === 465 ? 'tls' : 'starttls'),
    from,
    to: [...to],
    ...given({ user, password, authorities: readAuthorities(flags, inputs) }),
  };
}
