/** `drover accounts list|show|create|edit|remove|explain|rotate-keys`. */
import { dataOf, type Schemas } from '@drover/sdk';
import { Option, type Command } from 'commander';
import { CredentialWords, readSecret } from './account-credentials.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { UsageError } from '../exit.ts';
import { Faults, Inputs } from '../input.ts';
import { note } from '../out.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { plainText } from '../text-width.ts';

type Account = Schemas['Account'];
interface SettingFlags extends AnswerFlags {
  readonly name?: string;
  readonly scope?: string;
  readonly user?: string;
  readonly become?: 'direct' | 'sudo' | 'su';
  readonly becomeUser?: string;
  readonly becomePassword?: string;
  readonly environment?: 'clean' | 'login' | 'agent';
  readonly default?: boolean;
  readonly priority?: string;
  readonly credentials?: boolean;
}

export function addAccountsCommands(program: Command): void {
  const accounts = group(program, 'accounts', 'as whom work runs on hosts, and with which credentials');
  withUtc(command(accounts, 'list', { summary: 'list accounts', examples: ['drover accounts list'] })).action(list);
  withUtc(
    command(accounts, 'show', {
      summary: 'show an account',
      description: 'Show an account: its settings, and of its credentials what is no secret.',
      examples: ['drover accounts show dba'],
    }),
  )
    .argument('<account>', 'name or id')
    .action(show);
  addCreate(accounts);
  addEdit(accounts);
  command(accounts, 'remove', {
    summary: 'remove an account and its secrets',
    description:
      'Remove an account and its secrets. Refused while hosts name it as their own, unless forced; then work on ' +
      'those hosts is refused until they have another.',
    examples: ['drover accounts remove dba'],
  })
    .argument('<account>', 'name or id')
    .option('--force', 'also while hosts name it')
    .action(async (account: string, flags: AnswerFlags & { readonly force?: boolean }) => {
      await openSession().client.DELETE('/api/v1/accounts/{account}', {
        params: { path: { account }, query: { force: flags.force ? 'true' : 'false' } },
      });
      await answer(flags, { removed: account }, () => `removed ${account}`);
    });
  command(accounts, 'explain', {
    summary: 'tell which account a run would take on a host, and why',
    examples: ['drover accounts explain db-1', 'drover accounts explain db-1 --as dba'],
  })
    .argument('<host>', 'name or id')
    .option('--as <account>', 'account that the run asks for')
    .action(explain);
  command(accounts, 'rotate-keys', {
    summary: 're-encrypt all stored secrets under the newest master key',
    description:
      'Re-encrypt all stored secrets under the newest master key of the server, beside all other work. It may be ' +
      'stopped and repeated at any time.',
    examples: ['drover accounts rotate-keys'],
  }).action(rotateKeys);
}

const SCOPE = 'hosts that it may be used on: all, names, globs, label=value, joined by and, or, not, ( )';

function withSettings(target: Command): Command {
  return target
    .addOption(
      new Option('--become <way>', 'how the login user becomes the one that works (default: direct)').choices([
        'direct',
        'sudo',
        'su',
      ]),
    )
    .option('--become-user <user>', 'whom to become (default: root)')
    .option(
      '--become-password <source>',
      "for sudo the login user's (default: that of the login), for su the other user's; from @FILE, @- (standard " +
        'input), env:VARIABLE or ask',
    )
    .addOption(
      new Option('--environment <policy>', 'variables that scripts start with (default: clean)').choices([
        'clean',
        'login',
        'agent',
      ]),
    )
    .option('--priority <n>', 'of several default accounts the highest is taken (default: 0)')
    .option('--default', 'take it for hosts of its scope that have no account of their own');
}

function addCreate(accounts: Command): void {
  const words = new CredentialWords();
  const create = withSettings(
    command(accounts, 'create', {
      summary: 'make an account',
      description:
        'Make an account. Credentials are tried in the order in which they are written here. They are checked, ' +
        'sealed, and never shown again.',
      examples: [
        "drover accounts create web --scope 'web-*' --user deploy --key ~/.ssh/deploy",
        'drover accounts create dba --scope role=db --user ops --key ops.key --passphrase ask --become sudo --become-user postgres',
        'drover accounts create root --scope all --user root --password @root.txt --default --priority -1',
      ],
    })
      .argument('<name>')
      .requiredOption('--scope <expression>', SCOPE)
      .requiredOption('--user <user>', 'who logs in'),
  );
  words
    .addTo(create)
    .action(async (name: string, flags: SettingFlags & { readonly scope: string; readonly user: string }) => {
      const faults = new Faults();
      const inputs = new Inputs(faults);
      const credentials = await words.read(faults, inputs);
      const body = {
        name,
        scope: flags.scope,
        loginUser: flags.user,
        credentials,
        ...(await settings(flags, faults, inputs)),
      } as Schemas['AccountCreate'];
      faults.end();
      const account = dataOf(await openSession().client.POST('/api/v1/accounts', { body }));
      noteWithoutCredential(account);
      await answer(flags, account, () => accountText(account, true));
    });
}

function addEdit(accounts: Command): void {
  const words = new CredentialWords();
  const edit = withSettings(
    command(accounts, 'edit', {
      summary: 'change an account',
      description:
        'Change an account; what is not given stays. Where any credential is given, those given are all that it ' +
        'has afterwards: --keep NAME keeps one of the present ones in its place in the order.',
      examples: [
        "drover accounts edit web --scope 'web-* and not web-9'",
        'drover accounts edit dba --key new.key --keep password',
        'drover accounts edit dba --no-default',
      ],
    })
      .argument('<account>', 'name or id')
      .option('--name <name>', 'give it another name')
      .option('--scope <expression>', SCOPE)
      .option('--user <user>', 'who logs in')
      .option('--no-default', 'take it only where it is asked for')
      .option('--no-become-password', 'take its password for sudo or su away')
      .option('--no-credentials', 'take all its credentials away'),
  );
  words
    .addTo(edit, [['--keep <name>', 'keep this credential (repeatable)']])
    .action(async (name: string, flags: SettingFlags, self: Command) => {
      const faults = new Faults();
      const inputs = new Inputs(faults);
      const { client } = openSession();
      const present = dataOf(await client.GET('/api/v1/accounts/{account}', { params: { path: { account: name } } }));
      const credentials = await words.read(faults, inputs, present.credentials);
      if (flags.credentials === false && !words.isEmpty) faults.add('Give credentials or --no-credentials, not both.');
      // A negatable option is true when nothing is said of it.
      const isSaid = (option: string): boolean => self.getOptionValueSource(option) === 'cli';
      const body = {
        ...(await settings(
          {
            ...flags,
            default: isSaid('default') ? flags.default : undefined,
            becomePassword: isSaid('becomePassword') ? flags.becomePassword : undefined,
          } as SettingFlags,
          faults,
          inputs,
          present,
        )),
        ...given({
          name: flags.name,
          scope: flags.scope,
          loginUser: flags.user,
          credentials: flags.credentials === false || !words.isEmpty ? credentials : undefined,
        }),
      };
      faults.end();
      if (Object.keys(body).length === 0) throw new UsageError('Nothing was given to change.');
      const account = dataOf(
        await client.PATCH('/api/v1/accounts/{account}', { params: { path: { account: present.id } }, body }),
      );
      noteWithoutCredential(account);
      await answer(flags, account, () => accountText(account, true));
    });
}

/** It may be meant so, for its credentials may come later, and a host's agent needs none. */
function noteWithoutCredential({ name, credentials }: Account): void {
  if (credentials.length === 0)
    note(
      `${plainText(name)} has no credential: nobody can log in with it over SSH. Give it one: drover accounts edit ` +
        `${plainText(name)} --key FILE (or --password @FILE).`,
    );
}

/** What both commands can say; only what was said. */
async function settings(
  flags: SettingFlags,
  faults: Faults,
  inputs: Inputs,
  present?: Account,
): Promise<Partial<Schemas['AccountChange']>> {
  const { becomePassword } = flags as { becomePassword?: string | false };
  const password =
    becomePassword === undefined
      ? undefined
      : becomePassword === false
        ? null
        : await readSecret('--become-password', becomePassword, faults, inputs);
  const isBecome = flags.become !== undefined || flags.becomeUser !== undefined || password !== undefined;
  const kind = flags.become ?? (present?.become.kind as 'direct' | undefined) ?? 'direct';
  if (kind === 'direct' && (flags.becomeUser !== undefined || typeof password === 'string'))
    faults.add('--become-user and --become-password go with --become sudo or su.');
  const user = flags.becomeUser ?? (kind === present?.become.kind ? present?.become.user : undefined);
  if (
    flags.priority !== undefined &&
    !(/^-?\d{1,4}$/.test(flags.priority) && Math.abs(Number(flags.priority)) <= 1_000)
  )
    faults.add(`--priority wants a whole number from -1000 to 1000, not ${JSON.stringify(flags.priority)}.`);
  const become = { kind, ...given({ user: kind === 'direct' ? undefined : user, password }) };
  return given({
    become: isBecome ? become : undefined,
    environment: flags.environment,
    isDefault: flags.default,
    priority: flags.priority === undefined ? undefined : Number(flags.priority),
  });
}

async function list(flags: AnswerFlags): Promise<void> {
  const page = dataOf(await openSession().client.GET('/api/v1/accounts'));
  await answer(flags, page, () =>
    listText(flags, page.items, [
      ['NAME', (account) => account.name],
      ['LOGIN', (account) => account.loginUser],
      ['BECOMES', becomeText],
      ['DEFAULT', (account) => (account.isDefault ? `yes (${account.priority})` : '')],
      ['CREDENTIALS', (account) => account.credentials.map(({ name }) => name).join(' ')],
      ['ENVIRONMENT', (account) => account.environment, 'wide'],
      ['CHANGED', (account) => timeText(account.changedAt, flags.utc === true), 'wide'],
      ['ID', (account) => account.id, 'wide'],
      ['SCOPE', (account) => account.scope],
    ]),
  );
}

async function show(name: string, flags: AnswerFlags): Promise<void> {
  const account = dataOf(
    await openSession().client.GET('/api/v1/accounts/{account}', { params: { path: { account: name } } }),
  );
  await answer(flags, account, () => accountText(account, flags.utc === true));
}

async function explain(host: string, flags: AnswerFlags & { readonly as?: string }): Promise<void> {
  const choice = dataOf(
    await openSession().client.GET('/api/v1/hosts/{host}/account', {
      params: { path: { host }, query: flags.as === undefined ? {} : { as: flags.as } },
    }),
  );
  if (choice.account === undefined) process.exitCode = EXIT.failed;
  await answer(flags, choice, () =>
    choice.account === undefined
      ? `none: ${plainText(choice.why)} (${choice.code})`
      : `${choice.account}: ${plainText(choice.why)}`,
  );
}

async function rotateKeys(flags: AnswerFlags): Promise<void> {
  const result = dataOf(await openSession().client.POST('/api/v1/keys/rotate'));
  if (result.unreadable > 0) process.exitCode = EXIT.failed;
  const moved =
    `${result.accountSecrets} credentials, ${result.runSecrets} runs' secrets, ${result.channels} channels and ` +
    `${result.systemSecrets} secrets of the system were re-encrypted`;
  await answer(flags, result, () =>
    result.unreadable === 0
      ? `everything is under master key ${result.keyId} now: ${moved}`
      : `${moved} under master key ${result.keyId}; ${result.unreadable} more open under none of the server's keys ` +
        'and were left as they are. Its log names them. Keep the old keys until that is settled.',
  );
}

function becomeText({ become }: Account): string {
  return become.kind === 'direct' ? '' : `${become.user} by ${become.kind}`;
}

function accountText(account: Account, utc: boolean): string {
  const rows = [
    ['name', account.name],
    ['id', account.id],
    ['scope', account.scope],
    ['login user', account.loginUser],
    ['becomes', `${becomeText(account)}${account.become.hasPassword ? ', with a password of its own' : ''}`],
    ['environment', account.environment],
    ['default', account.isDefault ? `yes, with priority ${account.priority}` : 'no'],
    ...account.credentials.map((credential, i) => [i === 0 ? 'credentials' : '', credentialText(credential, utc)]),
    ['changed', timeText(account.changedAt, utc)],
  ] as [string, string][];
  const widest = Math.max(...rows.map(([title]) => title.length));
  return rows
    .filter(([, value]) => value !== '')
    .map(([title, value]) => `${title.padEnd(widest)}  ${plainText(value)}`)
    .join('\n');
}

function credentialText(credential: Schemas['Credential'], utc: boolean): string {
  const certificate =
    credential.certificate === undefined
      ? undefined
      : `certificate ${credential.certificate} for ${credential.principals || 'anybody'}` +
        `${credential.certificateUntil === undefined ? '' : `, until ${timeText(credential.certificateUntil, utc)}`}`;
  return [
    credential.name === credential.kind ? credential.name : `${credential.name} (${credential.kind})`,
    credential.type,
    credential.fingerprint,
    certificate,
    credential.socket,
  ]
    .filter(Boolean)
    .join(' ');
}
