/** What names in a condition stand for in a job, and which of them may stand where. Pure. */
import { meantText, nearest } from '../../base/nearest.ts';
import type { FoundName, Scope, ValueType } from '../expression/expression.ts';
import { JOIN_RULES } from '../flow/join.ts';
import { TERMINAL_RUN_STATES } from '../flow/run-machine.ts';
import { COUNTED_STATES, type CountedState } from '../run/counted-states.ts';
import type { OutputType } from '../run/step-outputs.ts';
import { quoted } from './job-fault.ts';
import type { ParameterType } from './parameter.ts';
import type { StepNames } from './step-names.ts';
import type { StepPlace } from './step-references.ts';

/** By places in the job. */
export type JobRef =
  | { readonly of: 'param'; readonly param: string }
  | ({ readonly of: 'output'; readonly output: string } & StepPlace)
  | ({ readonly of: 'state' } & StepPlace)
  | ({ readonly of: 'count'; readonly state: CountedState | 'hosts' } & StepPlace)
  | { readonly of: 'stage'; readonly stage: number }
  | { readonly of: 'run'; readonly what: 'cancelled' | 'round' | 'state' };

export interface ScopeParameter {
  readonly type: ParameterType;
  readonly choices?: readonly string[];
}

/** Where a condition stands. */
export interface ConditionPlace {
  readonly stage: number;
  /** Absent: it is that of the stage. */
  readonly step?: number;
  readonly isFinally: boolean;
}

export interface ScopeOfJob {
  readonly parameters: ReadonlyMap<string, ScopeParameter>;
  readonly steps: StepNames;
  /** Places of stages by their names. */
  readonly stages: ReadonlyMap<string, number>;
  /** Whether a step, or a whole stage, is over for certain when what has the condition has its turn. */
  readonly isOver: (one: StepPlace | { readonly stage: number }, here: ConditionPlace) => boolean;
}

const ROOTS = ['params', 'steps', 'stages', 'run'];
const PARAM = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/;
const OUTPUT = /^steps\.(.+)\.outputs\.([A-Za-z][A-Za-z0-9_]*)$/;
const OF_STEP = /^steps\.(.+)\.([a-z_]+)$/;
const OF_STAGE = /^stages\.(.+)\.state$/;
const OF_RUN = /^run\.(.+)$/;
const RUN_WORDS = ['cancelled', 'round', 'state'] as const;

const TYPE_OF_PARAMETER: Readonly<Record<Exclude<ParameterType, 'secret'>, ValueType>> = {
  string: 'text',
  text: 'text',
  number: 'number',
  bool: 'bool',
  choice: 'text',
  date: 'day',
  hosts: 'text',
};
export const TYPE_OF_OUTPUT: Readonly<Record<OutputType, ValueType>> = {
  string: 'text',
  number: 'number',
  bool: 'bool',
  list: 'texts',
};

export function conditionScope(job: ScopeOfJob, here: ConditionPlace): Scope<JobRef> {
  return (name) => {
    const param = PARAM.exec(name)?.[1];
    if (param !== undefined) return paramNamed(param, job);
    const [, ofOutput, output] = OUTPUT.exec(name) ?? [];
    if (ofOutput !== undefined) return outputNamed(ofOutput, output!, job, here);
    const [, step, what] = OF_STEP.exec(name) ?? [];
    if (step !== undefined) return stepNamed(step, what!, job, here);
    const stage = OF_STAGE.exec(name)?.[1];
    if (stage !== undefined) return stageNamed(stage, job, here);
    const ofRun = OF_RUN.exec(name)?.[1];
    if (ofRun !== undefined) return runNamed(ofRun, here);
    return unknown(() => {
      const [root = ''] = name.split('.');
      return ROOTS.includes(root)
        ? `${quoted(name)} says nothing: known are params.NAME, steps.STAGE.STEP.outputs.NAME, .state and .failed, ` +
            'stages.STAGE.state, and run.state.'
        : `${quoted(name)} is not known; names begin with params, steps, stages or run, and texts stand in quotes.` +
            meantText(nearest(root, here.step === undefined ? [...ROOTS, ...JOIN_RULES] : ROOTS));
    });
  };
}

type Found = FoundName<JobRef>;

export function paramNamed(
  param: string,
  { parameters }: Pick<ScopeOfJob, 'parameters'>,
): FoundName<Extract<JobRef, { of: 'param' }>> {
  const known = parameters.get(param);
  if (!known)
    return unknown(() => `There is no parameter ${quoted(param)}.${meantText(nearest(param, [...parameters.keys()]))}`);
  if (known.type === 'secret')
    return {
      ok: false,
      code: 'job-expression',
      detail: `${param} is a secret, which no condition reads: it would be told by it.`,
    };
  const words = known.type === 'choice' && known.choices ? { words: known.choices } : {};
  return { ok: true, type: TYPE_OF_PARAMETER[known.type], ref: { of: 'param', param }, ...words };
}

function outputNamed(name: string, output: string, job: ScopeOfJob, here: ConditionPlace): Found {
  const found = overStep(name, job, here);
  if (!('step' in found)) return found;
  const { stage, step, outputs } = found;
  const type = outputs.get(output);
  if (type === undefined)
    return unknown(
      () => `${quoted(name)} declares no output ${quoted(output)}.${meantText(nearest(output, [...outputs.keys()]))}`,
    );
  return { ok: true, type: TYPE_OF_OUTPUT[type], ref: { of: 'output', stage, step, output } };
}

function stepNamed(name: string, what: string, job: ScopeOfJob, here: ConditionPlace): Found {
  const state = [...COUNTED_STATES, 'hosts' as const].find((one) => one === what);
  if (state === undefined && what !== 'state')
    return unknown(
      () =>
        `A step has no ${quoted(what)}.${meantText(nearest(what, ['state', 'hosts', 'outputs', ...COUNTED_STATES]))} Known are state, ` +
        `outputs.NAME, and of its hosts how many are there: hosts, ${COUNTED_STATES.join(', ')}.`,
    );
  const found = overStep(name, job, here);
  if (!('step' in found)) return found;
  const { stage, step } = found;
  if (state !== undefined) return { ok: true, type: 'number', ref: { of: 'count', stage, step, state } };
  return { ok: true, type: 'text', words: TERMINAL_RUN_STATES, ref: { of: 'state', stage, step } };
}

function overStep(
  name: string,
  job: ScopeOfJob,
  here: ConditionPlace,
): Extract<ReturnType<StepNames['find']>, { ok: true }>['step'] | (Found & { readonly ok: false }) {
  const found = job.steps.find(name, here.stage);
  if (!found.ok) return found;
  return job.isOver(found.step, here) ? found.step : notOver(name);
}

function stageNamed(name: string, job: ScopeOfJob, here: ConditionPlace): Found {
  const stage = job.stages.get(name);
  if (stage === undefined)
    return unknown(() => `There is no stage ${quoted(name)}.${meantText(nearest(name, [...job.stages.keys()]))}`);
  if (!job.isOver({ stage }, here)) return notOver(name);
  return { ok: true, type: 'text', words: TERMINAL_RUN_STATES, ref: { of: 'stage', stage } };
}

function runNamed(word: string, { isFinally }: ConditionPlace): Found {
  const what = RUN_WORDS.find((one) => one === word);
  if (what === undefined)
    return unknown(
      () => `A run has no ${quoted(word)}.${meantText(nearest(word, RUN_WORDS))} Known are ${RUN_WORDS.join(', ')}.`,
    );
  if (what === 'round') return { ok: true, type: 'number', ref: { of: 'run', what } };
  if (!isFinally)
    return fault(`run.${what} is what all stages have come to that are not finally, so only finally stages read it.`);
  if (what === 'cancelled') return { ok: true, type: 'bool', ref: { of: 'run', what } };
  return { ok: true, type: 'text', words: TERMINAL_RUN_STATES, ref: { of: 'run', what } };
}

function notOver(name: string): Found & { readonly ok: false } {
  return fault(
    `${quoted(name)} is not over for certain when this is decided: let it be needed, step by step or stage by stage, by ` +
      'no rule that goes on before all are over.',
  );
}

function fault(detail: string): Found & { readonly ok: false } {
  return { ok: false, code: 'job-expression', detail };
}

function unknown(detail: () => string): FoundName<never> & { readonly ok: false } {
  return { ok: false, code: 'job-reference-unknown', detail };
}
