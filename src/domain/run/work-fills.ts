/**
 * Places of a step's work where outputs of earlier steps stand: filled in when the orders for it are made, as words that a program is
 * given. What is stored of the work has there what the job says. Pure.
 */
import { assert } from '../../base/assert.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import type { Unreached } from '../crew/crew-options.ts';
import type { ApprovalWork } from '../work/approval.ts';
import type { CarriedWork } from '../work/work.ts';
import type { StepOutput } from './step-outputs.ts';

export interface OutputOfTask {
  readonly task: number;
  readonly output: string;
}

export interface WorkFill<Ref = OutputOfTask> {
  readonly field: 'command' | 'args' | 'env' | 'cwd' | 'message';
  /** Of a list its place, of variables the name; nothing else has one. */
  readonly key: number | string;
  readonly parts: readonly (string | Ref)[];
}

/** `outputOf`: of a task that is over and has succeeded, so that it is there. */
export function filledWork(
  work: CarriedWork,
  fills: readonly WorkFill[],
  outputOf: (ref: OutputOfTask) => StepOutput | undefined,
): CarriedWork {
  const argv = work.program.form === 'argv' ? [...work.program.argv] : [];
  const [args, env] = [[...work.args], { ...work.env }];
  let { cwd } = work;
  for (const { field, key, parts } of fills) {
    const text = filledText(parts, outputOf);
    if (field === 'command') argv[key as number] = text;
    else if (field === 'args') args[key as number] = text;
    else if (field === 'env') env[key as string] = text;
    else cwd = text;
  }
  return {
    ...work,
    program: work.program.form === 'argv' ? { form: 'argv', argv } : work.program,
    args,
    env,
    ...given({ cwd }),
  };
}

/** What an approval asks. */
export function filledMessage(
  { message }: ApprovalWork,
  fills: readonly WorkFill[],
  outputOf: (ref: OutputOfTask) => StepOutput | undefined,
): string {
  const own = fills.find(({ field }) => field === 'message');
  return own ? filledText(own.parts, outputOf) : message;
}

function filledText(
  parts: readonly (string | OutputOfTask)[],
  outputOf: (ref: OutputOfTask) => StepOutput | undefined,
): string {
  return parts.map((part) => (typeof part === 'string' ? part : textOf(part, outputOf(part)))).join('');
}

/** Up: out of the folder that the job names. */
const UP = /(?:^|\/)\.\.(?:\/|$)/;

/**
 * Why nothing can be given these words, on whatever host: what hosts tell is theirs to choose, and a few letters of a job may stand for
 * it over and over. Measured before any word is made. What stands beside them is bounded where the run was asked for.
 */
export function fillFault(
  fills: readonly WorkFill[],
  outputOf: (ref: OutputOfTask) => StepOutput | undefined,
): Unreached | undefined {
  const fault = (detail: string): Unreached => ({ reason: 'bad-input', detail });
  const { argumentStringBytesMax: oneMax, argumentsBytesMax: allMax } = limits;
  let all = 0;
  for (const { field, key, parts } of fills) {
    const bytes = parts.reduce(
      (sum, part) => sum + (typeof part === 'string' ? Buffer.byteLength(part) : bytesOf(outputOf(part))),
      1,
    );
    all += bytes;
    const where = field === 'cwd' ? 'cwd' : `${field}, ${typeof key === 'number' ? `word ${key + 1}` : key}`;
    if (bytes > oneMax)
      return fault(`With the outputs of steps before it a word has ${bytes} bytes (${where}); ${oneMax} are allowed.`);
    if (all > allMax)
      return fault(
        `With the outputs of steps before it the words have more than ${allMax} bytes together, which is what is allowed.`,
      );
    if (field !== 'cwd') continue;
    const folder = filledText(parts, outputOf);
    if (UP.test(folder) || folder.includes('\0'))
      return fault(
        `With the outputs of steps before it the folder to work in is ${JSON.stringify(folder.slice(0, 200))}: no part of it may lead up.`,
      );
  }
  return undefined;
}

function bytesOf(value: StepOutput | undefined): number {
  if (typeof value !== 'object') return value === undefined ? 0 : Buffer.byteLength(String(value));
  return value.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}

/** A list is its lines. */
function textOf({ task, output }: OutputOfTask, value: StepOutput | undefined): string {
  assert(value !== undefined, `step ${task} has succeeded without its output ${output}`);
  return typeof value === 'object' ? value.join('\n') : String(value);
}
