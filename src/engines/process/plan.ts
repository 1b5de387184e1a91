/**
 * From what was asked to what is executed: argument vector and environment. Pure, but for the look-up of programs that it is
 * given. Refusals are values: the attempt ends as refused, with a code and a sentence that helps.
 */
import {
  isWindowsFault,
  powershellEncoded,
  powershellInvocation,
  powershellScript,
  windowsCommand,
  windowsLanguage,
} from './windows-command.ts';
import type { ErrorCode } from '../../base/errors.ts';
import {
  interpreterOf,
  programLackDetail,
  type ProgramLack,
  type ProgramOrigin,
} from '../../domain/run/interpreter.ts';
import { lengthFaults } from '../../domain/work/script.ts';
import type { ScriptOrder } from '../../ledger/engine.ts';
import { asUser, environmentOf, PATH, rootsEnvironment, underLogin, type EnvironmentContext } from './environment.ts';

export interface Refusal {
  readonly refused: ErrorCode;
  readonly detail: string;
}
/** `argv` for Windows: the program, and its whole line as CreateProcess takes it (windows-command.ts). */
export interface ProcessPlan {
  readonly argv: readonly string[];
  /**
   * Present where root becomes the account: ends with 0 where that may enter the working folder. What the plan begins is root's then:
   * it stays out of that folder, which the account enters itself.
   */
  readonly enter?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

export interface PlanContext extends EnvironmentContext {
  readonly scriptPath: string;
  /** Who it runs as, and who the agent is. */
  readonly account: Account;
  readonly agentUid: number;
  readonly agentUser: string;
  /** Absolute path of a program on the given PATH, or undefined. */
  findProgram(name: string, path: string): string | undefined;
  /** Why a path is no program. */
  lackOf(name: string): ProgramLack;
  /** How commands are written there; posix unless said. */
  readonly family?: 'posix' | 'windows';
}

export function isRefusal(plan: object): plan is Refusal {
  return 'refused' in plan;
}

export function planProcess(order: ScriptOrder, context: PlanContext): ProcessPlan | Refusal {
  const { work } = order;
  const env = environmentOf(order, context);
  const cwd = work.cwd ?? context.account.home;
  const words = [...(work.program.form === 'argv' ? work.program.argv : []), ...work.args];
  const nul = [...words, ...Object.entries(env).flat()].some((text) => text.includes('\0'));
  if (nul)
    return {
      refused: 'bad-input',
      detail: 'An argument or a variable contains a NUL character, which no process can be given.',
    };
  const long = lengthFaults(work, order)[0];
  if (long) return { refused: 'bad-input', detail: long.detail };
  if (context.family === 'windows') return planWindows(order, context, env);
  const command = commandLine(order, context, env.PATH!);
  if (isRefusal(command)) return command;
  const argv = order.environment === 'login' ? underLogin(command.argv, cwd, order, context) : command.argv;
  if (context.account.uid === context.agentUid) return { argv, env, cwd };
  const become = wayToBecome(context);
  if (isRefusal(become)) return become;
  return {
    argv: [...become.argv, ...asUser(argv, { path: cwd, isGiven: work.cwd !== undefined }, order, context)],
    enter: [...become.argv, '/bin/sh', '-c', 'cd -- "$1"', 'sh', cwd],
    env: rootsEnvironment(order, context),
    cwd,
  };
}

function commandLine(order: ScriptOrder, context: PlanContext, path: string): { argv: string[] } | Refusal {
  const { program, args, lang } = order.work;
  if (program.form === 'argv') {
    const [name = '', ...rest] = program.argv;
    const found = locate([name], order, context, path);
    return found === undefined ? lacking('command', [name], context, path) : { argv: [found, ...rest, ...args] };
  }
  const choice = interpreterOf(program.text, lang);
  if (isRefusal(choice)) return choice;
  const found = locate(choice.programs, order, context, path);
  return found === undefined
    ? lacking(choice.origin, choice.programs, context, path)
    : { argv: [found, ...choice.args, context.scriptPath, ...args] };
}

/**
 * The first that is there, by the name that was given: that is its `$0`, over SSH too. A login shell alone knows its own path: what is
 * nowhere else may well be there.
 */
function locate(
  programs: readonly string[],
  order: ScriptOrder,
  context: PlanContext,
  path: string,
): string | undefined {
  for (const program of programs) {
    const found = context.findProgram(program, path);
    // The shell that begins it would take a dash for an option.
    if (found !== undefined) return isBare(program) && !program.startsWith('-') ? program : found;
  }
  return order.environment === 'login' ? programs.find(isBare) : undefined;
}

function isBare(program: string): boolean {
  return program !== '' && !program.includes('/');
}

function lacking(origin: ProgramOrigin, programs: readonly string[], context: PlanContext, path: string): Refusal {
  const lack = programs.map((program) => context.lackOf(program)).find((why) => why !== 'absent') ?? 'absent';
  const where = programs.some(isBare) ? path : undefined;
  return { refused: 'interpreter-missing', detail: programLackDetail(origin, lack, programs.join(' or '), where) };
}

/** Which program takes what, on Windows. Another account wants a token of its own there, which a command line cannot give. */
function planWindows(order: ScriptOrder, context: PlanContext, env: Record<string, string>): ProcessPlan | Refusal {
  const { args, lang, cwd } = order.work;
  const argv = order.work.program.form === 'argv' ? order.work.program.argv : undefined;
  if (order.user !== undefined && order.user !== context.account.name)
    return { refused: 'user-not-permitted', detail: 'On Windows scripts run as the account of the agent.' };
  const find = (...names: string[]): string | undefined =>
    names.map((name) => context.findProgram(name, env.PATH!)).find((path) => path !== undefined);
  const language = windowsLanguage(lang);
  const wanted =
    argv && !(lang && language === 'powershell')
      ? [argv[0] ?? '']
      : language === 'powershell'
        ? ['pwsh.exe', 'powershell.exe']
        : language === 'cmd'
          ? ['cmd.exe']
          : [lang!];
  const program = find(...wanted);
  const cmd = find('cmd.exe') ?? 'cmd.exe';
  if (program === undefined) return lacking(argv ? 'command' : 'lang', wanted, context, env.PATH!);
  const command = argv
    ? language === 'powershell' && lang
      ? powershellEncoded(program, powershellInvocation([...argv, ...args]))
      : windowsCommand(program, [...argv.slice(1), ...args], cmd)
    : language === 'powershell'
      ? powershellScript(program, context.scriptPath, args)
      : language === 'cmd'
        ? windowsCommand(context.scriptPath, args, program)
        : windowsCommand(program, [context.scriptPath, ...args], cmd);
  return isWindowsFault(command)
    ? { refused: 'bad-input', detail: command.fault }
    : { argv: [command.program, command.line], env, cwd: cwd ?? context.account.home };
}

/**
 * What comes before a command of another account, with its supplementary groups. setpriv replaces itself by the program; runuser stays
 * in between. They begin as root, so they are looked for where root's programs are, and never on the PATH that the run gives its script.
 */
function wayToBecome(context: PlanContext): { argv: string[] } | Refusal {
  const { account, agentUid, agentUser } = context;
  if (agentUid !== 0)
    return {
      refused: 'user-not-permitted',
      detail:
        `The agent runs as ${agentUser}, so it cannot become ${account.name}. Run the agent as root (drover up: --agents-as root), ` +
        'or run as its own user.',
    };
  const setpriv = context.findProgram('setpriv', PATH);
  if (setpriv) return { argv: [setpriv, `--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups', '--'] };
  const runuser = context.findProgram('runuser', PATH);
  if (runuser) return { argv: [runuser, '-u', account.name, '--'] };
  return {
    refused: 'interpreter-missing',
    detail: 'Becoming another user needs setpriv or runuser (package util-linux) on the host.',
  };
}
