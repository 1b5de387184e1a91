/**
 * What variables a script starts with, by policy:
 *  - `clean`: the same few everywhere, whoever started the agent;
 *  - `login`: what a login shell of the account has, its profiles read;
 *  - `agent`: what the agent itself has, and nothing of its own workings.
 * Variables, parameters and secrets that were given win in all three, as do ours. Pure.
 */
import { HELD } from '../../domain/run/process-strings.ts';
import type { ExecutionOrder } from '../../ledger/engine.ts';

export interface EnvironmentContext {
  readonly attemptId: string;
  readonly hostName: string;
  readonly hostId: string;
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

/**
 * Its arguments: the folder, the names, the command. Goes back to its folder, gives the variables that were given their
 * values again, whatever the profiles made of them, and becomes the command.
 */
export const AFTER_LOGIN = `[ -z "\${ZSH_VERSION-}" ] || emulate sh
cd "$1" 2>/dev/null
for n in $2; do eval "$n=\\$${HELD}$n; export $n; unset ${HELD}$n"; done
shift 2
exec "$@"`;

export function environmentOf(order: ExecutionOrder, context: EnvironmentContext): Record<string, string> {
  const { account } = context;
  const own = { HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: account.shell };
  const given = givenVariables(order, context);
  if (order.environment === 'agent') {
    const agents = Object.entries(context.agentEnvironment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !AGENT_ONLY.test(entry[0]),
    );
    return { PATH, LANG: 'C.UTF-8', ...Object.fromEntries(agents), ...own, ...given };
  }
  const held =
    order.environment === 'login'
      ? Object.fromEntries(
          Object.entries(given)
            .filter(([name]) => NAME.test(name))
            .map(([name, value]) => [`${HELD}${name}`, value]),
        )
      : {};
  return { PATH, LANG: 'C.UTF-8', ...own, ...given, ...held };
}

function givenVariables(order: ExecutionOrder, context: EnvironmentContext): Record<string, string> {
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
    DROVER_HOST: context.hostName,
    DROVER_HOST_ID: context.hostId,
  };
}

/** The command as the account's login shell begins it. Values are never in the arguments, only names. */
export function underLogin(
  argv: readonly string[],
  cwd: string,
  order: ExecutionOrder,
  context: EnvironmentContext,
): string[] {
  const { shell } = context.account;
  const names = Object.keys(givenVariables(order, context)).filter((name) => NAME.test(name));
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
