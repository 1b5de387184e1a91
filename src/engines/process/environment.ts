/**
 * What variables a script starts with, by policy:
 *  - `clean`: the same few everywhere, whoever started the agent;
 *  - `login`: what a login shell of the account has, its profiles read;
 *  - `agent`: what the agent itself has, and nothing of its own workings.
 * Variables, parameters and secrets that were given win in all three, as do ours. Pure.
 *
 * Where root becomes another user, nothing of this is in the environment of a process of root's: a loader, a shell, PAM would read it
 * there (`LD_PRELOAD`, `BASH_ENV`, `PATH`, …), and who may write to what it names would be root. All of it waits under names of ours, and
 * is given its own names by a shell of the user.
 */
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { HELD } from '../../domain/run/process-strings.ts';
import type { ScriptOrder } from '../../ledger/engine.ts';

export interface EnvironmentContext {
  readonly attemptId: string;
  /** Of the file in which the script tells its output values. */
  readonly valuesPath: string;
  /** Of the host that it is done to; absent where it is done to none. */
  readonly hostName?: string;
  readonly hostId?: string;
  /** Who it runs as. */
  readonly account: { readonly name: string; readonly home: string; readonly shell: string };
  readonly agentEnvironment: Readonly<Record<string, string | undefined>>;
}

/** What is looked through where nothing else is said. */
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Node's and a service manager's channels to the agent, and what it was told itself: no script may speak there. */
export const AGENT_ONLY = new RegExp(
  [
    '^(DROVER_|NODE_(CHANNEL_|UNIQUE_ID)|NOTIFY_SOCKET$|LISTEN_(FDS|PID|FDNAMES)$|WATCHDOG_(USEC|PID)$',
    '|MAINPID$|INVOCATION_ID$|JOURNAL_STREAM$)',
  ].join(''),
);
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Shells that read `-l -c` as sh does; for others, and for those that let nobody in, it is sh itself. */
export const SH_LIKE = ['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh'];

/** A value too long to be held under a longer name is held in two parts. No given name begins with a digit, so this is nobody else's. */
const SECOND = `${HELD}2`;

/**
 * Its arguments: the folder, the names, the command. Goes back to its folder, gives the variables that were given their
 * values again, whatever the profiles made of them, and becomes the command. (HELD is written out: with it in the place of each it
 * could not be read. What the shells count with has a name that is none of those that are held.)
 */
export const AFTER_LOGIN = String.raw`[ -z "${'$'}{ZSH_VERSION-}" ] || emulate sh
cd "$1" 2>/dev/null
for __drover_ in $2; do eval "$__drover_=\$__drover_$__drover_; export $__drover_; unset __drover_$__drover_"; done
shift 2
exec "$@"`;

/**
 * Begun as the user by what became the user. Its arguments: the folder; something, where that must be entered; the names, and after a
 * dash those of which the held value is to stay, for the login shell; the command. A name that bash keeps for itself is given by `env`
 * (of GNU), which is told the name of what it is to give, so that no value is ever among arguments. OPTIND and PWD are the shell's own,
 * here as without it.
 */
export const AS_USER = String.raw`cd -P -- "$1" 2>/dev/null || [ -z "$2" ] || {
echo "drover: the folder $1 cannot be entered any more" >&2
exit 126
}
unset OLDPWD
__drover_0= __drover_1= __drover_3=
for __drover_ in $3; do
case $__drover_ in
-) __drover_0=kept; continue;;
OPTIND|PWD) [ -n "$__drover_0" ] || unset "__drover_$__drover_"; continue;;
UID|EUID|PPID|SHELLOPTS|BASHOPTS|BASH_VERSINFO)
if [ -n "$BASH_VERSION" ]; then
__drover_1="$__drover_1 -u __drover_$__drover_" __drover_3="$__drover_3 $__drover_=\${__drover_$__drover_}"
continue
fi
esac
eval "$__drover_=\$__drover_$__drover_\$__drover_2$__drover_; export $__drover_"
[ -n "$__drover_0" ] || unset "__drover_$__drover_" "__drover_2$__drover_"
done
shift 3
[ -z "$__drover_1" ] || ! /usr/bin/env -S "A=b /bin/true" 2>/dev/null || set -- /usr/bin/env -S "$__drover_1 $__drover_3" "$@"
exec "$@"`;

/** What the script is to have. Under login its shell is told the given values twice, once where no profile changes them. */
export function environmentOf(order: ScriptOrder, context: EnvironmentContext): Record<string, string> {
  const variables = variablesOf(order, context);
  return order.environment === 'login'
    ? { ...variables, ...heldOf(nameable(givenVariables(order, context))) }
    : variables;
}

/**
 * What root has until it has become the user, who is given `environmentOf` by `asUser`: the mark by which processes of the attempt are
 * found, and all of it under names that mean nothing to anybody. Names that no shell can give are left out, but for those that
 * the agent, which is root, has itself.
 */
export function rootsEnvironment(order: ScriptOrder, context: EnvironmentContext): Record<string, string> {
  const variables = Object.entries(variablesOf(order, context));
  const agents = order.environment === 'agent' ? context.agentEnvironment : {};
  return {
    PATH,
    DROVER_ATTEMPT_ID: context.attemptId,
    ...Object.fromEntries(variables.filter(([name, value]) => !NAME.test(name) && agents[name] === value)),
    ...heldOf(nameable(Object.fromEntries(variables))),
  };
}

function variablesOf(order: ScriptOrder, context: EnvironmentContext): Record<string, string> {
  const { account } = context;
  const own = { HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: account.shell };
  const given = givenVariables(order, context);
  if (order.environment !== 'agent') return { PATH, LANG: 'C.UTF-8', ...own, ...given };
  const agents = Object.entries(context.agentEnvironment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !AGENT_ONLY.test(entry[0]),
  );
  return { PATH, LANG: 'C.UTF-8', ...Object.fromEntries(agents), ...own, ...given };
}

function nameable(variables: Readonly<Record<string, string>>): [name: string, value: string][] {
  return Object.entries(variables).filter(([name]) => NAME.test(name));
}

function heldOf(variables: readonly (readonly [name: string, value: string])[]): Record<string, string> {
  const held: Record<string, string> = {};
  for (const [name, value] of variables) {
    const isLong = Buffer.byteLength(`${HELD}${name}=${value}`) + 1 > limits.argumentStringBytesMax;
    const at = isLong ? middleOf(value) : value.length;
    held[`${HELD}${name}`] = value.slice(0, at);
    if (isLong) held[`${SECOND}${name}`] = value.slice(at);
  }
  return held;
}

/** Between two characters. */
function middleOf(text: string): number {
  const at = text.length >> 1;
  return /[\uDC00-\uDFFF]/.test(text[at] ?? '') ? at + 1 : at;
}

function givenVariables(order: ScriptOrder, context: EnvironmentContext): Record<string, string> {
  const params = Object.fromEntries(
    Object.entries(order.work.params).map(([name, value]) => [`DROVER_PARAM_${name}`, value]),
  );
  return {
    ...order.work.env,
    ...params,
    ...order.secrets,
    DROVER_RUN_ID: order.runId,
    DROVER_RUN_NAME: order.runName,
    DROVER_ATTEMPT_ID: context.attemptId,
    DROVER_ATTEMPT: context.attemptId.split('.').at(-1)!,
    ...given({ DROVER_HOST: context.hostName, DROVER_HOST_ID: context.hostId, DROVER_ITEM: order.item }),
    DROVER_OUTPUT: context.valuesPath,
  };
}

/** The command as the user that root has become begins it. `isGiven`: the folder is one that was asked for. */
export function asUser(
  argv: readonly string[],
  folder: { readonly path: string; readonly isGiven: boolean },
  order: ScriptOrder,
  context: EnvironmentContext,
): string[] {
  const names = nameable(variablesOf(order, context)).map(([name]) => name);
  const kept = order.environment === 'login' ? nameable(givenVariables(order, context)).map(([name]) => name) : [];
  const others = names.filter((name) => !kept.includes(name));
  const isGiven = folder.isGiven ? 'given' : '';
  return ['/bin/sh', '-c', AS_USER, 'drover-user', folder.path, isGiven, [...others, '-', ...kept].join(' '), ...argv];
}

/** The command as the account's login shell begins it. Values are never in the arguments, only names. */
export function underLogin(
  argv: readonly string[],
  cwd: string,
  order: ScriptOrder,
  context: EnvironmentContext,
): string[] {
  const { shell } = context.account;
  const names = nameable(givenVariables(order, context)).map(([name]) => name);
  return [
    SH_LIKE.includes(shell.split('/').at(-1)!) ? shell : '/bin/sh',
    '-l',
    '-c',
    AFTER_LOGIN,
    'drover-login',
    cwd,
    names.join(' '),
    ...argv,
  ];
}
