/**
 * From what was asked to the line that the program evaluates: environment, interpreter, working directory, as shell text.
 * The line travels on standard input, so nothing of it is ever in an argument vector; it is one line because the far shell
 * reads it byte by byte. What is large or holds a NUL travels after it, as it is. Pure.
 *
 * What `check` and `begin` make of the environment they make in the leader, a fork of the shell that takes orders: nothing of it
 * is there for the next one.
 */
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import { HELD } from '../../../domain/run/process-strings.ts';
import { lengthFaults, scriptText } from '../../../domain/work/script.ts';
import { AFTER_LOGIN, AGENT_ONLY, PATH, SH_LIKE } from '../../process/environment.ts';
import { interpreterOf, type ProgramOrigin } from '../../../domain/run/interpreter.ts';
import { isRefusal, type Refusal } from '../../process/plan.ts';
import type { RemoteOrder } from './remote-run.ts';

/** Longer texts are cheaper read by a helper than byte by byte. */
const INLINE_BYTES_MAX = 4_096;
/** Some shells hold these as their own and end at the attempt to set them. */
const RESERVED = new Set(['PPID', 'UID', 'EUID', 'SHELLOPTS', 'BASHOPTS', 'BASH_VERSINFO', 'BASH_ENV', 'ENV']);
/** How the program came there is no matter of the script. */
const OURS = new Set(['SUDO_COMMAND', 'LC_ALL']);
/** Where output values are told: only the host knows its path. */
const VALUES = 'DROVER_OUTPUT';
/** Kept from the session, because they say who we are there. */
const OWN = new Set(['HOME', 'USER', 'LOGNAME', 'SHELL']);

export interface OrderText {
  /** Definitions that hold until they are made anew: a shell that has had the same in the same place need not be told again. */
  readonly parts: readonly string[];
  /** What follows them on the line. */
  readonly call: string;
  /** Sent one by one, each when it is asked for. */
  readonly blobs: readonly Uint8Array[];
}

export interface OrderContext {
  readonly nonce: string;
  readonly procRoot: string;
  /** Name of the folder of the shell that is told. */
  readonly folder: string;
  /** Until when it may begin, in 1/100 s since the host booted. */
  readonly validUntil: number;
  /** Names of the session's environment. */
  readonly inherited: readonly string[];
}

export function orderText(order: RemoteOrder, context: OrderContext): OrderText | Refusal {
  const { spec } = order;
  const { work } = spec;
  const env = environmentOf(order, context.inherited);
  const fault = faultOf(order, env);
  if (fault) return { refused: 'bad-input', detail: fault };
  const blobs: Uint8Array[] = [];
  const stored = [store(scriptText(work), '$b.x', blobs), store(work.stdin, '$b.n', blobs)].filter(
    (text) => text !== '',
  );
  const command = commandOf(order);
  if (isRefusal(command)) return command;
  const own = ownEnvironment(order);
  const login = spec.environment === 'login' ? underLogin(order) : undefined;
  const parts = [
    `A=${quote(order.attempt)}; V=${context.validUntil};`,
    `N=${context.nonce}; R=${quote(context.procRoot)}; F=${context.folder};`,
    `T=${Math.ceil(spec.timeoutMs / 10)}; K=${Math.ceil(spec.killAfterMs / 10)}; C=${limits.sshSpoolBytesMax};`,
    `store() { ${stored.length > 0 ? stored.join(' && ') : ':'}; };`,
    `check() { ${swept(order, context.inherited)} ` +
      `PATH=${env.PATH === undefined ? `"\${O:-${PATH}}"` : quote(env.PATH)}; ${login?.check ?? ''} ` +
      `${folder(work.cwd)} ${command.check} };`,
    `begin() { umask 022; unset OLDPWD; ${command.begin} ${login?.begin ?? ''} export PATH ${VALUES}="$b.v"; ` +
      `${exported(Object.entries(env).filter(([name]) => !(name in own) && name !== VALUES))}; own; ${login?.hold ?? ''} exec "$@"; };`,
    `own() { ${exported(Object.entries(own))}; };`,
  ];
  return { parts, call: 'start', blobs };
}

/**
 * What the session has and the script does not get: all of it, so that the same script behaves alike whoever logged in;
 * for `agent` our own workings alone.
 */
function swept({ spec, become }: RemoteOrder, inherited: readonly string[]): string {
  const isKept = (name: string): boolean =>
    OWN.has(name) ||
    (RESERVED.has(name) && !name.endsWith('ENV')) ||
    (spec.environment === 'agent' && !AGENT_ONLY.test(name) && !OURS.has(name));
  const unset = `unset LC_ALL ${inherited.filter((name) => !isKept(name)).join(' ')};`;
  // Under sudo and su the locale is ours: they are asked to speak English.
  return spec.environment === 'agent' && become.kind === 'direct'
    ? `${unset} [ -z "$Q" ] || export LC_ALL="$Q";`
    : unset;
}

/**
 * As agents do it (environment.ts): the user's shell reads its profiles, gives what was given its values again, and
 * becomes the command.
 */
function underLogin(order: RemoteOrder): { check: string; begin: string; hold: string } {
  const names = [...Object.keys(givenVariables(order)).filter((name) => name !== VALUES), VALUES];
  return {
    check: `e=/bin/sh; case $SHELL in ${SH_LIKE.map((name) => `/*/${name}`).join('|')}) [ -x "$SHELL" ] && e=$SHELL;; esac;`,
    begin: `set -- "$e" -l -c ${quote(AFTER_LOGIN)} drover-login "$PWD" ${quote(names.join(' '))} "$@";`,
    hold: `export ${names.map((name) => `${HELD}${name}="$${name}"`).join(' ')};`,
  };
}

function exported(variables: readonly (readonly [name: string, value: string])[]): string {
  return `export ${variables.map(([name, value]) => `${name}=${OWN.has(name) && value === '' ? `"$${name}"` : quote(value)}`).join(' ')}`;
}

/** What a program needs that finds an attempt again. */
export function basics(attempt: string, context: Pick<OrderContext, 'nonce' | 'procRoot'>): string {
  return `A=${quote(attempt)}; N=${context.nonce}; R=${quote(context.procRoot)};`;
}

/** Any text as one word of a POSIX shell, on one line; `n` holds the line feed. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`).replaceAll('\n', `'"$n"'`)}'`;
}

function faultOf(order: RemoteOrder, env: Readonly<Record<string, string>>): string | undefined {
  const { work } = order.spec;
  const words = [...(work.program.form === 'argv' ? work.program.argv : []), ...work.args];
  if ([...words, work.cwd ?? '', work.lang ?? '', ...Object.entries(env).flat()].some((text) => text.includes('\0')))
    return 'An argument or a variable contains a NUL character, which no process can be given.';
  const long = lengthFaults(work, order.spec)[0];
  if (long) return long.detail;
  const odd = Object.keys(env).find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.has(name));
  return odd === undefined
    ? undefined
    : `The variable ${JSON.stringify(odd)} cannot be set over SSH: the shell there does not take the name.`;
}

/** As agents do it (environment.ts); an empty value of an own name stands for what the session has, and so does a missing PATH. */
function environmentOf(order: RemoteOrder, inherited: readonly string[]): Record<string, string> {
  const { spec, become } = order;
  const user = become.kind === 'direct' ? '' : become.user;
  const isAgent = spec.environment === 'agent';
  return {
    ...given({ PATH: isAgent ? undefined : PATH }),
    HOME: '',
    USER: user,
    LOGNAME: user,
    SHELL: '',
    ...given({ LANG: isAgent && inherited.includes('LANG') ? undefined : 'C.UTF-8' }),
    ...givenVariables(order),
  };
}

/** What wins in all policies, whatever a session or a profile has. */
function givenVariables(order: RemoteOrder): Record<string, string> {
  const { spec } = order;
  const params = Object.fromEntries(
    Object.entries(spec.work.params).map(([name, value]) => [`DROVER_PARAM_${name}`, value]),
  );
  return {
    ...spec.work.env,
    ...params,
    ...spec.secrets,
    DROVER_HOST: order.hostName,
    DROVER_HOST_ID: order.hostId,
    ...ownEnvironment(order),
  };
}

/** What the next order on the same host has otherwise. */
function ownEnvironment({ spec, attempt }: RemoteOrder): Record<string, string> {
  return {
    DROVER_RUN_ID: spec.runId,
    DROVER_RUN_NAME: spec.runName,
    DROVER_ATTEMPT_ID: attempt,
    DROVER_ATTEMPT: attempt.split('.').at(-1)!,
  };
}

function store(bytes: Uint8Array | undefined, file: string, blobs: Uint8Array[]): string {
  if (!bytes) return '';
  if (bytes.length <= INLINE_BYTES_MAX && isInline(bytes))
    return `printf %s ${quote(Buffer.from(bytes).toString('utf8'))} >"${file}"`;
  blobs.push(bytes);
  // `head` gets nothing but this to read; a connection that is cut in the middle leaves the file short.
  return `say B && head -c ${bytes.length} >"${file}" && [ $(wc -c <"${file}") -eq ${bytes.length} ]`;
}

/** Round trip through UTF-8, and no NUL: what a shell variable can hold. */
function isInline(bytes: Uint8Array): boolean {
  return !bytes.includes(0) && Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes);
}

function folder(cwd: string | undefined): string {
  if (cwd === undefined) return 'cd "$HOME" 2>/dev/null || cd /;';
  return `cd -- ${quote(cwd)} 2>/dev/null || no directory-missing ${quote(cwd)};`;
}

/** `check` refuses what is not there; `begin` sets the argument vector. */
function commandOf({ spec }: RemoteOrder): { check: string; begin: string } | Refusal {
  const isLogin = spec.environment === 'login';
  const { program, args, lang } = spec.work;
  if (program.form === 'argv') {
    const [name = '', ...rest] = program.argv;
    return found('command', [name], words([...rest, ...args]), isLogin);
  }
  const choice = interpreterOf(program.text, lang);
  if (isRefusal(choice)) return choice;
  return found(choice.origin, choice.programs, `${words(choice.args)} "$b.x" ${words(args)}`, isLogin);
}

function words(list: readonly string[]): string {
  return list.map(quote).join(' ');
}

/**
 * The first of the programs that exists becomes `w`. A name with a slash is a path from the root, as agents take it. A login shell
 * alone knows its own path: what is nowhere else may well be there.
 */
function found(
  origin: ProgramOrigin,
  programs: readonly string[],
  rest: string,
  isLogin: boolean,
): { check: string; begin: string } {
  const candidates = programs.map((program) =>
    program.includes('/') && !program.startsWith('/') ? `/${program}` : program,
  );
  const bare = candidates.filter((program) => program !== '' && !program.includes('/'));
  // Not by `command -v`, which finds what only a shell has: its own words, and our functions.
  const test = 'case $x in */*) [ -f "$x" ] && [ -x "$x" ];; ?*) onpath "$x";; *) false;; esac';
  const lack = 'case $x in /*) if [ -d "$x" ]; then v=folder; elif [ -e "$x" ]; then v=locked; fi;; esac';
  const last = isLogin ? bare[0] : undefined;
  // On one line, as a refusal is told.
  const names = quote(programs.join(' or ').replace(/\s+/g, ' ').slice(0, 1_000));
  const where = bare.length > 0 ? ' "(looked in $PATH)"' : '';
  const check =
    `v=absent; w=${last === undefined ? '' : quote(last)}; for x in ${words(candidates)}; do if ${test}; then ` +
    `w=$x; break; fi; ${lack}; done; [ -n "$w" ] || no interpreter-missing ${origin} $v ${names}${where};`;
  return { check, begin: `set -- "$w" ${rest};` };
}
