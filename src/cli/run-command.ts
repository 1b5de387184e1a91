/** `drover run`. */
import { readFileSync } from 'node:fs';
import { dataOf, type Run, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { limits } from '../base/limits.ts';
import { EXIT, UsageError } from './exit.ts';
import { exitCodeOf, followRun, jsonDocument, printFolded } from './follow.ts';
import { createPaint, type Paint } from './render.ts';
import { openSession, type Session } from './session.ts';

interface RunFlags {
  target: string; script?: string; lang?: string; arg: string[]; env: string[]; param: string[]; secret: string[]; as?: string; cwd?: string; timeout?: string; killAfter?: string; startDeadline?: string; lostAfter?: string;
  concurrency?: string; maxFailed?: string; retries?: string; name?: string; reason?: string; stdin?: string; detach?: boolean; json?: boolean; yes?: boolean; live?: boolean;
}

const many = (value: string, all: string[]): string[] => [...all, value];

export function addRunCommand(program: Command): void {
  program.command('run').summary('run a script or command on hosts').description('Run a script or command on hosts, follow it, and show the folded result.')
    .option('-t, --target <expression>', 'all, names, globs, label=value, joined by and, or, not, ( )', 'all')
    .option('-s, --script <file>', 'script to run; - reads it from standard input')
    .option('-l, --lang <lang>', 'sh, bash, python, perl, node, powershell, or any program (default: #!, else sh)')
    .option('-a, --arg <text>', 'argument to the script (repeatable)', many, [])
    .option('-e, --env <k=v>', 'environment variable (repeatable)', many, [])
    .option('-p, --param <k=v>', 'parameter, seen as DROVER_PARAM_K and kept with the run (repeatable)', many, [])
    .option('--secret <k=@file>', 'secret from a file, or k=env:NAME; an environment variable there, masked everywhere (repeatable)', many, [])
    .option('--as <user>', 'account on the hosts').option('--cwd <dir>', 'working directory on the hosts').option('--stdin <file>', 'file given to standard input')
    .option('--timeout <duration>', 'end the script after this, such as 30s or 5m (default 1h)').option('--kill-after <duration>', 'from TERM to KILL (default 10s)')
    .option('--start-deadline <duration>', 'a host that is off until then is not started (default 2m)').option('--lost-after <duration>', 'out of reach longer than this is lost (default 2m)')
    .option('-c, --concurrency <n>', 'executions at once').option('--max-failed <n|n%>', 'start no more once more than this failed').option('--retries <n>', 'further attempts when the script fails')
    .option('--name <text>', 'name of the run').option('--reason <text>', 'why; kept in the audit trail')
    .option('-d, --detach', 'print the id and return').option('-j, --json', 'one document at the end').option('-y, --yes', `do not ask before more than ${limits.confirmTargetsOver} hosts`).option('--live', 'show output as it comes')
    .argument('[command...]', 'command and arguments, after --')
    .addHelpText('after', '\nExamples:\n  drover run -t \'web-*\' -- uptime\n  drover run -t \'zone=a and not db-*\' --script fix.sh --max-failed 5%\n  drover run -t all --lang python --script check.py --secret TOKEN=@token.txt --json')
    .action(async (command: string[], flags: RunFlags) => {
      process.exitCode = await runCommand(command, flags);
    });
}

async function runCommand(command: string[], flags: RunFlags): Promise<number> {
  const body = requestOf(command, flags);
  const session = openSession();
  await confirmTargets(session, flags);
  const run = dataOf(await session.client.POST('/api/v1/runs', { params: { query: { output: flags.live === true ? 'true' : 'false' } }, body }));
  if (flags.detach) {
    process.stdout.write(flags.json ? `${JSON.stringify({ run })}\n` : `${run.id}\n`);
    return EXIT.succeeded;
  }
  return followToEnd(session, run, flags);
}

export async function followToEnd(session: Session, run: Run, flags: { json?: boolean; live?: boolean }): Promise<number> {
  const paint = createPaint(process.stdout.isTTY === true && !process.env.NO_COLOR);
  const ended = await followRun(run, { session, paint, json: flags.json === true, isTerminal: process.stderr.isTTY === true, live: flags.live === true });
  if (!ended) return EXIT.succeeded;
  await printResult(session, ended, paint, flags.json === true);
  return exitCodeOf(ended);
}

export async function printResult(session: Session, run: Run, paint: Paint, json: boolean): Promise<void> {
  if (json) process.stdout.write(`${JSON.stringify(await jsonDocument(session, run))}\n`);
  else await printFolded(session, run, paint);
}

/** `all` on a fleet is asked about first; without a terminal it must be said. */
async function confirmTargets(session: Session, flags: RunFlags): Promise<void> {
  if (flags.yes || !/\ball\b/i.test(flags.target)) return;
  const { hostCount } = dataOf(await session.client.POST('/api/v1/runs/preview', { body: { targets: flags.target } }));
  if (hostCount <= limits.confirmTargetsOver) return;
  if (!process.stdin.isTTY || flags.json) throw new UsageError(`${flags.target} matches ${hostCount} hosts. Say --yes if that is meant.`);
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${flags.target} matches ${hostCount} hosts. Run on all of them? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('Nothing was run.');
}

function requestOf(command: string[], flags: RunFlags): Schemas['RunCreate'] {
  if (flags.script === undefined && command.length === 0) throw new UsageError('Say what to run: --script FILE, or -- COMMAND …');
  if (flags.script !== undefined && command.length > 0) throw new UsageError('Give either --script FILE or -- COMMAND, not both. Arguments to a script are given with --arg.');
  return {
    targets: flags.target, args: flags.arg, env: pairs('--env', flags.env), params: pairs('--param', flags.param), secrets: secrets(flags.secret),
    ...(flags.script === undefined ? { command } : { scriptBase64: readInput(flags.script).toString('base64') }),
    ...(flags.script === undefined || flags.name !== undefined ? {} : { name: flags.script === '-' ? 'script' : flags.script.split('/').at(-1)! }), ...given('name', flags.name), ...given('reason', flags.reason),
    ...given('lang', flags.lang), ...given('user', flags.as), ...given('cwd', flags.cwd), ...given('stdin', flags.stdin === undefined ? undefined : readInput(flags.stdin).toString()),
    ...given('timeout', flags.timeout), ...given('killAfter', flags.killAfter), ...given('startDeadline', flags.startDeadline), ...given('lostAfter', flags.lostAfter), ...given('maxFailed', flags.maxFailed),
    ...given('concurrency', number('--concurrency', flags.concurrency)), ...given('retries', number('--retries', flags.retries)),
  } as Schemas['RunCreate'];
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
  }
}

export function pairs(flag: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} wants NAME=VALUE, not ${JSON.stringify(text)}.`);
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

/** Never from the command line itself, where everybody on the machine could read it. */
function secrets(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs('--secret', texts)).map(([name, source]) => {
    if (source.startsWith('@')) return [name, readInput(source.slice(1)).toString().replace(/\r?\n$/, '')];
    const value = source.startsWith('env:') ? process.env[source.slice(4)] : undefined;
    if (value === undefined) throw new UsageError(`--secret ${name} wants ${name}=@FILE or ${name}=env:VARIABLE (of a variable that is set), so that the value never stands on a command line.`);
    return [name, value];
  }));
}

export function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag} wants a whole number, not ${JSON.stringify(text)}.`);
  return Number(text);
}
