/** The flags of `drover run` to the request for a run. Everything that can be known here is checked here, and told at once. */
import type { Schemas } from '@drover/sdk';
import { limits } from '../base/limits.ts';
import { parseFailureLimit } from '../domain/run/failure-limit.ts';
import { parseTarget, type TargetExpression } from '../domain/target/expression.ts';
import { duration, Faults, Inputs, number, oneTarget, pairs } from './input.ts';

export interface RunFlags {
  readonly target: readonly string[]; readonly script?: string; readonly lang?: string; readonly arg: readonly string[]; readonly env: readonly string[]; readonly param: readonly string[]; readonly secret: readonly string[];
  readonly as?: string; readonly cwd?: string; readonly timeout?: string; readonly killAfter?: string; readonly startDeadline?: string; readonly lostAfter?: string; readonly concurrency?: string; readonly maxFailed?: string;
  readonly retries?: string; readonly name?: string; readonly reason?: string; readonly stdin?: string; readonly detach?: boolean; readonly json?: boolean; readonly yes?: boolean; readonly live?: boolean;
}

export function runRequest(command: readonly string[], flags: RunFlags): Schemas['RunCreate'] {
  const faults = new Faults();
  const inputs = new Inputs(faults);
  const targets = targetsOf(faults, flags.target);
  const work = workOf(faults, inputs, command, flags);
  const request = {
    targets, ...work, args: [...flags.arg], env: pairs(faults, '--env', flags.env), params: pairs(faults, '--param', flags.param), secrets: inputs.secrets(flags.secret),
    ...given('name', flags.name), ...given('reason', flags.reason), ...given('lang', flags.lang), ...given('user', flags.as), ...given('cwd', flags.cwd), ...given('stdin', flags.stdin === undefined ? undefined : inputs.text('--stdin', flags.stdin)),
    ...given('timeout', duration(faults, '--timeout', flags.timeout)), ...given('killAfter', duration(faults, '--kill-after', flags.killAfter)), ...given('startDeadline', duration(faults, '--start-deadline', flags.startDeadline)), ...given('lostAfter', duration(faults, '--lost-after', flags.lostAfter)),
    ...given('concurrency', number(faults, '--concurrency', flags.concurrency)), ...given('retries', number(faults, '--retries', flags.retries)), ...given('maxFailed', flags.maxFailed),
  };
  if (flags.maxFailed !== undefined && !parseFailureLimit(flags.maxFailed)) faults.add(`--max-failed wants a number of hosts or a share such as 10%, not ${JSON.stringify(flags.maxFailed)}.`);
  if (flags.cwd !== undefined && !flags.cwd.startsWith('/')) faults.add(`--cwd wants an absolute path on the hosts, not ${JSON.stringify(flags.cwd)}.`);
  faults.end();
  return request as Schemas['RunCreate'];
}

function targetsOf(faults: Faults, expressions: readonly string[]): string {
  for (const expression of expressions) {
    const parsed = parseTarget(expression);
    if (!parsed.ok) faults.add(`--target ${JSON.stringify(expression)} is not valid at column ${parsed.fault.column}: ${parsed.fault.detail}.`);
  }
  return oneTarget(expressions);
}

function workOf(faults: Faults, inputs: Inputs, command: readonly string[], flags: RunFlags): Partial<Schemas['RunCreate']> {
  if (flags.script !== undefined && command.length > 0) faults.add('Give either --script FILE or -- COMMAND, not both. Arguments to a script are given with --arg.');
  if (flags.script === undefined) {
    if (command.length === 0) faults.add('Say what to run: --script FILE, or -- COMMAND …');
    else if (command[0] === '') faults.add('The command is empty.');
    return { command: [...command] };
  }
  const script = inputs.read(flags.script);
  if (script?.toString('latin1').trim() === '') faults.add(`The script ${flags.script === '-' ? 'on standard input' : flags.script} is empty.`);
  if (script !== undefined && script.length > limits.scriptBytesMax) faults.add(`The script has ${script.length} bytes; ${limits.scriptBytesMax} are allowed.`);
  return { ...(script ? { scriptBase64: script.toString('base64') } : {}), name: flags.script === '-' ? 'script' : flags.script.split('/').at(-1)! };
}

/** Whether an expression may mean the whole fleet without naming a host: then somebody is asked, should the fleet be large. */
export function isSweeping(text: string): boolean {
  const parsed = parseTarget(text);
  return parsed.ok && sweeps(parsed.expression);
}

function sweeps(expression: TargetExpression): boolean {
  switch (expression.kind) {
    case 'all':
    case 'not':
      return true;
    case 'name':
      return /^[*?]*\*[*?]*$/.test(expression.pattern);
    case 'label':
      return !expression.equal || /^\*+$/.test(expression.pattern);
    case 'and':
      return sweeps(expression.left) && sweeps(expression.right);
    case 'or':
      return sweeps(expression.left) || sweeps(expression.right);
  }
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
