/**
 * The flags of `drover run` to the request for a run. Everything that can be known here is checked here, and told at once. The rules of a
 * flag are loaded when it is given.
 */
import type { Via } from '../../domain/placement/placement.ts';
import type { Priority } from '../../domain/placement/queue-pick.ts';
import type { Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { choice, duration, Faults, Inputs, number, pairs } from '../input.ts';
import type { RolloutFlags } from './rollout-flags.ts';
import { hostsMaxOf, targetsOf, type TargetFlags } from '../targets.ts';

export interface RunFlags extends TargetFlags, RolloutFlags {
  readonly script?: string;
  readonly lang?: string;
  readonly fixLineEnds?: boolean;
  readonly arg?: readonly string[];
  readonly env?: readonly string[];
  readonly param?: readonly string[];
  readonly secret?: readonly string[];
  readonly as?: string;
  readonly user?: string;
  readonly cwd?: string;
  readonly timeout?: string;
  readonly killAfter?: string;
  readonly startDeadline?: string;
  readonly lostAfter?: string;
  readonly concurrency?: string;
  readonly maxFailed?: string;
  readonly successExitCodes?: string;
  readonly retries?: string;
  readonly name?: string;
  readonly reason?: string;
  readonly stdin?: string;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly live?: boolean;
  readonly via?: string;
  readonly priority?: string;
  readonly dryRun?: boolean;
  /** True without an expression. */
  readonly onWorker?: string | true;
  readonly prefer?: string;
  readonly resources?: string;
  readonly strategy?: string;
}

export async function runRequest(command: readonly string[], flags: RunFlags): Promise<Schemas['RunCreate']> {
  const faults = new Faults();
  const inputs = new Inputs(faults);
  const worker = flags.onWorker === undefined ? undefined : await workerOf(faults, flags.onWorker);
  const targets =
    (await targetsOf(faults, inputs, flags)) ??
    (flags.hostsFile === undefined && flags.onWorker === undefined
      ? faults.add('Say where: -t EXPRESSION; -t all is every host. Or --on-worker, for a task without hosts.')
      : undefined);
  const work = await workOf(faults, inputs, command, flags);
  const [env, params, secrets] = [
    pairs(faults, '--env', flags.env ?? []),
    inputs.values('--param', flags.param ?? []),
    inputs.secrets(flags.secret ?? []),
  ];
  checkVariables(faults, { '--env': env, '--param': params, '--secret': secrets });
  const stdin = flags.stdin === undefined ? undefined : inputs.read('--stdin', flags.stdin, limits.stdinBytesMax);
  const successExitCodes = flags.successExitCodes === undefined ? undefined : await exitCodesOf(flags.successExitCodes);
  const request = {
    ...given({ targets: targets ?? undefined, worker, hostsMax: hostsMaxOf(faults, flags) }),
    ...work,
    args: [...(flags.arg ?? [])],
    env,
    params,
    secrets,
    ...given({
      name: flags.name,
      reason: flags.reason,
      lang: flags.lang,
      cwd: flags.cwd,
      account: flags.as,
      user: flags.user,
      stdinBase64: stdin?.toString('base64'),
      timeout: duration(faults, '--timeout', flags.timeout, limits.timeoutMsMax),
      killAfter: duration(faults, '--kill-after', flags.killAfter, limits.killAfterMsMax),
      startDeadline: duration(faults, '--start-deadline', flags.startDeadline, limits.startDeadlineMsMax),
      lostAfter: duration(faults, '--lost-after', flags.lostAfter, limits.startDeadlineMsMax),
      concurrency: number(faults, '--concurrency', flags.concurrency, { least: 1, most: limits.concurrencyMax }),
      retries: number(faults, '--retries', flags.retries, { most: limits.retriesMax }),
      successExitCodes,
      maxFailed: flags.maxFailed,
      ...(await rolloutOf(faults, flags)),
      prefer: flags.prefer,
      resources: flags.resources,
      strategy: flags.strategy,
      ...(await wayOf(faults, flags)),
    }),
  };
  if (flags.maxFailed !== undefined && !(await isFailureLimit(flags.maxFailed)))
    faults.add(
      `--max-failed wants a number of hosts from 0 to 999999999, or a share from 0% to 100%, not ${JSON.stringify(flags.maxFailed)}.`,
    );
  if (flags.successExitCodes !== undefined && successExitCodes === undefined)
    faults.add(
      `--success-exit-codes wants exit codes from 0 to ${limits.exitCodeMax} such as 0,3 (at most ` +
        `${limits.successExitCodesMax}), not ${JSON.stringify(flags.successExitCodes)}.`,
    );
  if (flags.onWorker !== undefined) await checkBesideWorker(faults, request);
  await checkOfWorker(faults, flags);
  if (flags.as !== undefined && flags.user !== undefined)
    faults.add('Give --as or --user, not both: an account says who works on the hosts.');
  if (flags.cwd !== undefined && !flags.cwd.startsWith('/'))
    faults.add(`--cwd wants an absolute path on the hosts, not ${JSON.stringify(flags.cwd)}.`);
  faults.end();
  return request as Schemas['RunCreate'];
}

/** Without an expression it is all of them. */
async function workerOf(faults: Faults, asked: string | true, flag = '--on-worker'): Promise<string> {
  const select = asked === true ? 'all' : asked;
  if (select.trim() === '') {
    faults.add(
      `${flag} ${JSON.stringify(select)} names no worker: say all, names or labels of workers, or leave the words out.`,
    );
    return select;
  }
  const { parseTarget } = await import('../../domain/target/expression.ts');
  const parsed = parseTarget(select);
  if (!parsed.ok)
    faults.add(
      `${flag} ${JSON.stringify(select)} is not valid at column ${parsed.fault.column}: ${parsed.fault.detail}.`,
    );
  return select;
}

/** The rules of a worker's choice are loaded where there is one. */
async function checkOfWorker(faults: Faults, flags: RunFlags): Promise<void> {
  const { onWorker, prefer, resources, strategy } = flags;
  const asked = Object.entries({ prefer, resources, strategy }).filter(([, value]) => value !== undefined);
  if (onWorker === undefined)
    for (const [name] of asked) faults.add(`--${name} is for tasks without hosts; it goes with --on-worker.`);
  if (prefer !== undefined) await workerOf(faults, prefer, '--prefer');
  if (resources !== undefined) {
    const { parseNeeds } = await import('../../domain/placement/needs.ts');
    const read = parseNeeds(resources);
    if (!read.ok) faults.add(`--resources: ${read.detail}.`);
  }
  if (strategy !== undefined) {
    const { STRATEGY_NAMES } = await import('../../domain/placement/plugins.ts');
    choice(faults, '--strategy', STRATEGY_NAMES, strategy);
  }
}

async function checkBesideWorker(
  faults: Faults,
  { targets, via, ...request }: { readonly targets?: string; readonly via?: string },
): Promise<void> {
  const { besideWorker } = await import('../../domain/policy/place-words.ts');
  const flagOf = (field: string): string =>
    ({ hostsMax: '--limit', account: '--as' })[field] ??
    `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (targets !== undefined) faults.add('Give either -t or --on-worker, not both.');
  if (via !== undefined) faults.add('--via is a way to hosts; it does not go with --on-worker.');
  for (const { field } of besideWorker(request, flagOf))
    faults.add(`${flagOf(field)} is for hosts; it does not go with --on-worker.`);
}

async function exitCodesOf(text: string): Promise<number[] | undefined> {
  const { parseExitCodes } = await import('../../domain/crew/outcome.ts');
  return parseExitCodes(text);
}

/** Its rules are loaded when any of it is asked for. */
async function rolloutOf(faults: Faults, flags: RunFlags): Promise<Partial<Schemas['RunCreate']>> {
  const { batches, between, batchMaxFailed, onMaxFailed, countsAsFailed, order } = flags;
  const said = [batches, between, batchMaxFailed, onMaxFailed, countsAsFailed, order];
  if (said.every((flag) => flag === undefined)) return {};
  return (await import('./rollout-flags.ts')).rolloutOf(faults, flags);
}

async function isFailureLimit(text: string): Promise<boolean> {
  const { parseFailureLimit } = await import('../../domain/rollout/failure-limit.ts');
  return parseFailureLimit(text) !== undefined;
}

/** As the server has it too; told here so that it comes with all other faults, and before a secret leaves this machine. */
function checkVariables(
  faults: Faults,
  byFlag: Readonly<Record<'--env' | '--param' | '--secret', Readonly<Record<string, string>>>>,
): void {
  for (const [flag, values] of Object.entries(byFlag)) {
    for (const [name, value] of Object.entries(values)) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        faults.add(
          `${flag} ${JSON.stringify(name)} is not a variable name (letters a-z and A-Z, digits and _, not beginning with a digit).`,
        );
      if (value.includes('\0')) faults.add(`${flag} ${name} contains a NUL character, which no process can be given.`);
    }
  }
  for (const [name, value] of Object.entries(byFlag['--secret'])) {
    const size = Buffer.byteLength(value);
    if (size < limits.secretBytesMin || size > limits.secretBytesMax)
      faults.add(
        `--secret ${name} has ${size} bytes; it must have ${limits.secretBytesMin} to ${limits.secretBytesMax}, to be masked well.`,
      );
    if (Object.hasOwn(byFlag['--env'], name)) faults.add(`${name} is given as --env and as --secret.`);
  }
  const all = Object.values(byFlag['--secret']).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (all > limits.secretsBytesMax)
    faults.add(`The values of --secret have ${all} bytes together; a run may have ${limits.secretsBytesMax}.`);
}

async function workOf(
  faults: Faults,
  inputs: Inputs,
  command: readonly string[],
  flags: RunFlags,
): Promise<Partial<Schemas['RunCreate']>> {
  if (flags.fixLineEnds && flags.script === undefined) faults.add('--fix-line-ends mends a script: give --script too.');
  if (flags.script !== undefined && command.length > 0)
    faults.add('Give either --script FILE or -- COMMAND, not both. Arguments to a script are given with --arg.');
  if (flags.script === undefined) {
    if (command.length === 0) faults.add('Say what to run: --script FILE, or -- COMMAND …');
    else if (command[0]!.trim() === '') faults.add('The command is empty.');
    return isShellLine(command) ? shellLine(command[0]!) : { command: [...command] };
  }
  const { fixLineEnds, scriptFormatFault } = await import('../../domain/run/interpreter.ts');
  const read = inputs.read('--script', flags.script, limits.scriptBytesMax);
  const script = read && flags.fixLineEnds ? Buffer.from(fixLineEnds(read)) : read;
  const unfit = script && scriptFormatFault(script, flags.lang);
  if (unfit !== undefined) faults.add(unfit);
  if (script?.toString('latin1').trim() === '')
    faults.add(`The script ${flags.script === '-' ? 'on standard input' : flags.script} is empty.`);
  return {
    ...given({ scriptBase64: script ? script.toString('base64') : undefined }),
    name: flags.script === '-' ? 'script' : nameOf(flags.script.split('/').at(-1)!),
  };
}

/**
 * One argument with anything that a shell reads otherwise than as a letter of a name is a line for the shell, exactly as ssh has it.
 * Whoever means a program with a space in its name calls it from a line: "'/opt/my tool'".
 */
export function isShellLine(command: readonly string[]): boolean {
  return command.length === 1 && /[^\w@%+:,./-]/.test(command[0]!);
}

function shellLine(line: string): Partial<Schemas['RunCreate']> {
  return {
    scriptBase64: Buffer.from(`${line}\n`).toString('base64'),
    lang: 'sh',
    name: nameOf(line),
  };
}

/** Of a run that was given none. Cut, because a fault of a name that nobody gave helps nobody. */
function nameOf(text: string): string {
  return [...text.toWellFormed().replaceAll('\0', '')].slice(0, limits.nameLengthMax / 2).join('');
}

/** What there is to choose from is loaded where somebody chooses. */
async function wayOf(
  faults: Faults,
  { via, priority }: Pick<RunFlags, 'via' | 'priority'>,
): Promise<{ readonly via?: Via | undefined; readonly priority?: Priority | undefined }> {
  if (via === undefined && priority === undefined) return {};
  const { VIAS } = await import('../../domain/placement/placement.ts');
  const { PRIORITIES } = await import('../../domain/placement/queue-pick.ts');
  return {
    via: choice(faults, '--via', VIAS, via),
    priority: choice(faults, '--priority', PRIORITIES, priority),
  };
}
