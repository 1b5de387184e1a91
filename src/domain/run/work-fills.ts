/**
 * Places of a step's work where outputs of earlier steps stand: filled in when the orders for it are made, as words that a program is
 * given. What is stored of the work has there what the job says. Pure.
 */
import { assert } from '../../base/assert.ts';
import { given } from '../../base/given.ts';
import { callLimits } from '../../base/call-limits.ts';
import { limits } from '../../base/limits.ts';
import type { Unreached } from '../crew/crew-options.ts';
import type { ApprovalWork } from '../work/approval.ts';
import type { ScriptWork } from '../work/script.ts';
import { isCall, withCallTexts, type CallWork, type CarriedWork } from '../work/work.ts';
import type { StepOutput } from './step-outputs.ts';

export interface OutputOfTask {
  readonly task: number;
  readonly output: string;
}

export interface WorkFill<Ref = OutputOfTask> {
  /** `call`: wherever a call has this output in its texts. */
  readonly field: 'command' | 'args' | 'env' | 'cwd' | 'message' | 'call';
  /** Of a list its place, of variables the name, of a call `outputKey`; nothing else has one. */
  readonly key: number | string;
  readonly parts: readonly (string | Ref)[];
  /** How often a call has it; once unless it is said. */
  readonly times?: number;
}

/** What a call says of an output, as a key. */
export function outputKey({ step, output }: { readonly step: string; readonly output: string }): string {
  return `${step}.outputs.${output}`;
}

/** Of a task that is over. */
type OutputOf = (ref: OutputOfTask) => StepOutput | undefined;

/** What steps before have told, and how they are called. */
export interface ToldBefore {
  readonly outputOf: OutputOf;
  readonly nameOf: (task: number) => string;
}

export function filledWork(work: CarriedWork, fills: readonly WorkFill[], outputOf: OutputOf): CarriedWork {
  return isCall(work) ? filledCall(work, fills, outputOf) : filledScript(work, fills, outputOf);
}

function filledCall(work: CallWork, fills: readonly WorkFill[], outputOf: OutputOf): CallWork {
  const values = new Map(fills.map(({ key, parts }) => [key, filledText(parts, outputOf)] as const));
  return withCallTexts(work, (text) =>
    text.map((part) => {
      if (typeof part === 'string' || !('step' in part)) return part;
      const value = values.get(outputKey(part));
      assert(value !== undefined, `a call has ${outputKey(part)}, and its plan does not say what that is`);
      return { value };
    }),
  );
}

function filledScript(work: ScriptWork, fills: readonly WorkFill[], outputOf: OutputOf): ScriptWork {
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
export function fillFault(fills: readonly WorkFill[], { outputOf, nameOf }: ToldBefore): Unreached | undefined {
  const absent = refsOf(fills).find((ref) => outputOf(ref) === undefined);
  if (absent)
    return {
      reason: 'output-absent',
      detail: `The step ${nameOf(absent.task)} was passed over, and has told no output ${absent.output}.`,
    };
  const all = fills.reduce((sum, fill) => sum + (fill.field === 'call' ? fillBytes(fill, outputOf) : 0), 0);
  if (all > callLimits.callBodyBytesMax)
    return {
      reason: 'bad-input',
      detail:
        `The outputs of steps before it come to ${all} bytes in the texts of the call; ${callLimits.callBodyBytesMax} ` +
        'are allowed.',
    };
  return wordFault(
    fills.filter(({ field }) => field !== 'call'),
    outputOf,
  );
}

function refsOf(fills: readonly WorkFill[]): OutputOfTask[] {
  return fills.flatMap(({ parts }) => parts.filter((part) => typeof part !== 'string'));
}

function fillBytes({ parts, times = 1 }: WorkFill, outputOf: OutputOf): number {
  return times * parts.reduce((sum, part) => sum + partBytes(part, outputOf), 0);
}

function wordFault(fills: readonly WorkFill[], outputOf: OutputOf): Unreached | undefined {
  const fault = (detail: string): Unreached => ({ reason: 'bad-input', detail });
  const { argumentStringBytesMax: oneMax, argumentsBytesMax: allMax } = limits;
  let all = 0;
  for (const { field, key, parts } of fills) {
    const bytes = parts.reduce((sum, part) => sum + partBytes(part, outputOf), 1);
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

function partBytes(part: string | OutputOfTask, outputOf: OutputOf): number {
  return typeof part === 'string' ? Buffer.byteLength(part) : bytesOf(outputOf(part));
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
