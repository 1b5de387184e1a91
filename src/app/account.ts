/**
 * Accounts: as whom work runs on hosts, and with which credentials. Secrets go in here and come out for a connection
 * (`accountOpen`), never towards people: records, audit and errors hold names, users and fingerprints.
 */
import { EVERYTHING } from '../domain/access/access-node.ts';
import { DroverError, type InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type AccountId, type RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { accountChooser, type AccountChoice, type AccountHost } from '../domain/access/account-choice.ts';
import { parseTarget } from '../domain/target/expression.ts';
import { openEnvelope } from '../pki/envelope.ts';
import type { SshBecome, SshCredential } from '../protocol/link/ssh-access.ts';
import type { AccountRecord, AccountSettings, EnvironmentPolicy } from '../store/contract/account.ts';
import type { Actor } from '../store/contract/audit.ts';
import {
  BECOME_SECRET,
  checkCredentials,
  passwordFault,
  sealSecret,
  secretPurpose,
  type CredentialInput,
  type CredentialSecret,
} from './account-credential.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';

export interface AccountInput {
  readonly name: string;
  readonly scope: string;
  readonly loginUser: string;
  /** Password absent: kept while kind and user stay as they are; null: taken away. */
  readonly become: {
    readonly kind: 'direct' | 'sudo' | 'su';
    readonly user?: string | undefined;
    readonly password?: string | null | undefined;
  };
  readonly environment: EnvironmentPolicy;
  readonly isDefault: boolean;
  readonly priority: number;
  readonly credentials: readonly CredentialInput[];
}

export async function accountCreate(ctx: AppContext, caller: Caller, input: AccountInput): Promise<AccountRecord> {
  assertCan(caller, 'access.account.create');
  const id = newId<'account'>();
  const { settings, secrets } = await settle(ctx, id, input, undefined);
  const answer = await ctx.store.accountCreate(
    id,
    settings,
    secrets,
    auditOf(caller, 'access.account.create', `account/${settings.name}`, auditDetail(id, settings)),
  );
  if (answer.kind === 'name-taken') throw nameTaken(settings.name);
  if (answer.kind !== 'created')
    throw new DroverError('too-many-accounts', {
      detail: `There are ${limits.accountsMax} accounts, as many as there may be. Remove those that nobody uses.`,
    });
  return answer.account;
}

/** What is not given stays. */
export async function accountChange(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  change: { readonly [K in keyof AccountInput]?: AccountInput[K] | undefined },
): Promise<AccountRecord> {
  assertCan(caller, 'access.account.edit');
  const present = await accountFetch(ctx, idOrName);
  const given = Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined),
  ) as Partial<AccountInput>;
  const { settings, secrets, keep } = await settle(ctx, present.id, { ...inputOf(present), ...given }, present);
  const answer = await ctx.store.accountReplace(
    present.id,
    present.version,
    settings,
    secrets,
    keep,
    auditOf(caller, 'access.account.edit', `account/${present.name}`, {
      ...auditDetail(present.id, settings),
      changed: Object.keys(given),
      newSecrets: secrets.length,
    }),
  );
  switch (answer.kind) {
    case 'replaced':
      return answer.account;
    case 'name-taken':
      throw nameTaken(settings.name);
    case 'changed':
      throw new DroverError('account-changed', {
        detail: `Somebody else changed ${present.name} meanwhile. Look at it again, then repeat.`,
      });
    case 'not-found':
      throw notFound(idOrName);
  }
}

export async function accountRemove(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  isForced: boolean,
): Promise<void> {
  assertCan(caller, 'access.account.remove');
  const account = await accountFetch(ctx, idOrName);
  const answer = await ctx.store.accountRemove(
    account.id,
    isForced,
    auditOf(caller, 'access.account.remove', `account/${account.name}`, { id: account.id, forced: isForced }),
  );
  if (answer.kind === 'not-found') throw notFound(idOrName);
  if (answer.kind !== 'in-use') return;
  const more = answer.hostCount > answer.hosts.length ? ` and ${answer.hostCount - answer.hosts.length} more` : '';
  throw new DroverError('account-in-use', {
    detail:
      `${account.name} is the account of ${answer.hosts.join(', ')}${more}. Give them another first, or remove it ` +
      'by force: then work on them is refused until they have another.',
  });
}

/** By name. */
export function accountList(ctx: Pick<AppContext, 'store'>, caller: Caller): Promise<readonly AccountRecord[]> {
  return ctx.store.accountList(scopeOf(caller, 'access.account.view'));
}

export function accountShow(ctx: Pick<AppContext, 'store'>, caller: Caller, idOrName: string): Promise<AccountRecord> {
  assertCan(caller, 'access.account.view');
  return accountFetch(ctx, idOrName);
}

/** For other verbs, which ask for their own permission. Throws `account-not-found`. */
export async function accountFetch(ctx: Pick<AppContext, 'store'>, idOrName: string): Promise<AccountRecord> {
  const account = await ctx.store.accountFetch(idOrName);
  if (!account) throw notFound(idOrName);
  return account;
}

/** Why this account: the choice for a host by name or id, as a run would make it. */
export async function accountExplain(
  ctx: AppContext,
  caller: Caller,
  hostIdOrName: string,
  asked: string | undefined,
): Promise<AccountChoice<AccountRecord>> {
  assertCan(caller, 'access.account.view');
  const host = await hostFetch(ctx, hostIdOrName);
  const accountId = await ctx.store.accountOfHost(host.id);
  const choice = accountChooser(await ctx.store.accountList(EVERYTHING))(
    { name: host.name, labels: host.labels, ...given({ accountId }) },
    asked,
  );
  // Only an account that the run asks for counts on both ways.
  return choice.kind === 'refused' || asked !== undefined || host.agentId === undefined
    ? choice
    : {
        ...choice,
        why:
          `${choice.why} So it is over SSH; its agent, while it is linked, runs scripts as the agent's own user ` +
          'unless the run names an account.',
      };
}

/** For the hosts of a run: the accounts are read once. */
export async function accountChoices(
  ctx: Pick<AppContext, 'store'>,
): Promise<(host: AccountHost, asked?: string) => AccountChoice<AccountRecord>> {
  return accountChooser(await ctx.store.accountList(EVERYTHING));
}

/** Who works on hosts as this account. */
export function accountUser({ become, loginUser }: Pick<AccountRecord, 'become' | 'loginUser'>): string {
  return become.kind === 'direct' ? loginUser : become.user;
}

/** A run uses these accounts: one audit entry for each, however many hosts it has and however often this is called. */
export async function accountUse(
  ctx: Pick<AppContext, 'store'>,
  actor: Actor,
  runId: RunId,
  accounts: readonly { readonly id: AccountId; readonly name: string }[],
): Promise<void> {
  if (accounts.length === 0) return;
  await ctx.store.accountUsed(
    runId,
    accounts.map(({ id, name }) => ({
      accountId: id,
      audit: { actor, action: 'access.account.use', target: `account/${name}`, detail: { id, run: runId } },
    })),
  );
}

export interface OpenedAccount {
  readonly account: AccountRecord;
  readonly user: string;
  readonly become: SshBecome;
  readonly credentials: SshCredential[];
}

/** In clear, for a connection that is opened now: to be held in memory only, and not longer than the connection. */
export async function accountOpen(ctx: Pick<AppContext, 'store' | 'sealer'>, id: AccountId): Promise<OpenedAccount> {
  const account = await accountFetch(ctx, id);
  const secrets = new Map<string, CredentialSecret>();
  for (const sealed of await ctx.store.accountSecrets(id)) {
    try {
      secrets.set(
        sealed.id,
        JSON.parse(openEnvelope(ctx.sealer, secretPurpose(id, sealed.id), sealed).toString()) as CredentialSecret,
      );
    } catch (error) {
      throw new DroverError('secret-unreadable', {
        detail:
          `A secret of the account ${account.name} does not open under the master keys of this server. Give it the ` +
          'key that sealed it, or store the secret again.',
        context: { accountId: id, keyId: sealed.keyId },
        cause: error,
      });
    }
  }
  const credentials = account.credentials.map(({ id: credentialId, kind, name, facts }): SshCredential => {
    const secret = secrets.get(credentialId);
    if (kind === 'agent') return { kind, name, socket: facts.socket! };
    // Account and secrets are read one after the other: what was replaced in between is read again by the caller's next try.
    if (!secret)
      throw new DroverError('account-changed', {
        detail: `The account ${account.name} was changed at this moment. Try again.`,
      });
    return kind === 'key'
      ? {
          kind,
          name,
          privateKey: secret.privateKey!,
          ...given({ passphrase: secret.passphrase, certificate: secret.certificate }),
        }
      : { kind, name, password: secret.password! };
  });
  return {
    account,
    user: account.loginUser,
    become: becomeOf(account, secrets.get(BECOME_SECRET)?.password, credentials),
    credentials,
  };
}

/** sudo asks for the login user's own password, so that of the login will do where no other is given; su asks for the other user's. */
function becomeOf(
  { become }: AccountRecord,
  own: string | undefined,
  credentials: readonly SshCredential[],
): SshBecome {
  if (become.kind === 'direct') return { kind: 'direct' };
  const login =
    become.kind === 'sudo' ? credentials.find((credential) => credential.kind === 'password')?.password : undefined;
  const password = own ?? login;
  return { kind: become.kind, user: become.user, ...given({ password }) };
}

// — input to settings —

function inputOf(account: AccountRecord): AccountInput {
  return {
    ...account,
    become: account.become,
    credentials: account.credentials.map(({ id }) => ({ kind: 'keep', id })),
  };
}

interface Settled {
  readonly settings: AccountSettings;
  readonly secrets: ReturnType<typeof sealSecret>[];
  readonly keep: string[];
}

/** All faults at once; nothing is sealed while there is one. */
async function settle(
  ctx: AppContext,
  id: AccountId,
  input: AccountInput,
  present: AccountRecord | undefined,
): Promise<Settled> {
  const checked = await checkCredentials(input.credentials, present?.credentials ?? [], ctx.clock.nowMs());
  const faults = [...settingFaults(input), ...checked.faults];
  if (faults.length > 0)
    throw new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
      detail: faults.map(({ detail }) => detail).join(' '),
      faults,
    });
  const { kind, user, password } = input.become;
  const become: AccountSettings['become'] = kind === 'direct' ? { kind } : { kind, user: user ?? 'root' };
  const isSame =
    present?.become.kind === kind &&
    present.become.kind !== 'direct' &&
    become.kind !== 'direct' &&
    present.become.user === become.user;
  const keepsPassword = password === undefined && isSame && present.hasBecomePassword;
  const secrets = [
    ...checked.secrets,
    ...(typeof password === 'string' ? [{ id: BECOME_SECRET, secret: { password } }] : []),
  ];
  return {
    settings: {
      name: input.name,
      scope: input.scope,
      loginUser: input.loginUser,
      become,
      hasBecomePassword: typeof password === 'string' || keepsPassword,
      environment: input.environment,
      isDefault: input.isDefault,
      priority: input.priority,
      credentials: checked.records,
    },
    secrets: secrets.map(({ id: secretId, secret }) => sealSecret(ctx.sealer, id, secretId, secret)),
    keep: [
      ...checked.records.map((record) => record.id),
      ...(keepsPassword || typeof password === 'string' ? [BECOME_SECRET] : []),
    ],
  };
}

/** As getpwnam takes it, with a domain's backslash; a leading dash would be an option of some program. */
const USER = /^[^-:/\s\0][^:/\s\0]{0,255}$/;

function settingFaults(input: AccountInput): InputFault[] {
  const faults: InputFault[] = [];
  const fault = (pointer: string, code: InputFault['code'], detail: string): void =>
    void faults.push({ pointer, code, detail });
  const scope = parseTarget(input.scope);
  if (!scope.ok)
    fault('#/scope', 'bad-target', `The scope is not valid at column ${scope.fault.column}: ${scope.fault.detail}.`);
  if (!USER.test(input.loginUser)) fault('#/loginUser', 'bad-input', 'The login user is not a user name.');
  const { kind, user, password } = input.become;
  if (kind === 'direct') {
    if (user !== undefined && user !== input.loginUser)
      fault(
        '#/become/user',
        'bad-input',
        'Nobody is become by direct login. Leave the user out, or become it by sudo or su.',
      );
    if (typeof password === 'string')
      fault('#/become/password', 'bad-input', 'A direct login has no password for becoming somebody.');
  } else {
    if (user !== undefined && !USER.test(user))
      fault('#/become/user', 'bad-input', 'The user to become is not a user name.');
    const why = typeof password === 'string' ? passwordFault(password) : undefined;
    if (why !== undefined) fault('#/become/password', 'bad-credential', why);
  }
  return faults;
}

function auditDetail(
  id: AccountId,
  { scope, loginUser, become, environment, isDefault, priority, credentials }: AccountSettings,
): Record<string, unknown> {
  return {
    id,
    scope,
    loginUser,
    become,
    environment,
    isDefault,
    priority,
    credentials: credentials.map(({ kind, name, facts }) => ({ kind, name, ...facts })),
  };
}

function nameTaken(name: string): DroverError {
  return new DroverError('account-name-taken', {
    detail: `There is an account ${name} already.`,
    faults: [{ pointer: '#/name', code: 'account-name-taken', detail: `There is an account ${name} already.` }],
  });
}

function notFound(idOrName: string): DroverError {
  return new DroverError('account-not-found', {
    detail: `There is no account ${idOrName}. See: drover accounts list.`,
  });
}
