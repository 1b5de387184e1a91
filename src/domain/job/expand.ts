/**
 * A job with its values is the plan of a run: stages and steps with their work, their hosts as an expression and how they are gone about.
 * Pure. Who finds the hosts, settles the accounts and carries it out is not said here.
 */
import type { InputFault } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { lineFault } from '../access/name-rule.ts';
import { USER_LENGTH_MAX, type Placement } from '../placement/placement.ts';
import { workerChoice, workerText } from '../placement/worker-choice.ts';
import type { Policy } from '../run/policy.ts';
import { typesOf, type DeclaredOutput } from '../run/step-outputs.ts';
import { linesOf, readItems, type TaskItems } from '../run/task-items.ts';
import { outputKey, type WorkFill } from '../run/work-fills.ts';
import { parseTarget } from '../target/expression.ts';
import type { CallText } from '../work/call-text.ts';
import { callTexts, isCall, isGate, secretNamesOf, workFaults, type CallWork, type Work } from '../work/work.ts';
import type { ConditionPlace } from './condition-scope.ts';
import { ConditionExpander, type ExpandedChoice, type ExpandedCondition } from './expand-conditions.ts';
import { neededIndexes } from './graph.ts';
import type { JoinRule } from '../flow/join.ts';
import type { JobDefinition, JobStep } from './job-shape.ts';
import { quoted } from './job-fault.ts';
import {
  readParameter,
  settleValues,
  typeOf,
  type Parameter,
  type ParameterType,
  type JobValues,
} from './parameter.ts';
import { readStageWhen } from './stage-when.ts';
import { readTargetsByStep } from './targets-by-step.ts';
import { callOf } from './calls/call-steps.ts';
import { stepPolicy, stepWork } from './step-work.ts';
import type { StepPlace } from './step-references.ts';
import {
  FillBudget,
  fillCall,
  FilledTooLong,
  fillTemplate,
  outputsIn,
  parseCallTemplate,
  parseTemplate,
} from './template.ts';

export interface ExpandedJob {
  readonly stages: readonly ExpandedStage[];
}

export interface ExpandedStage {
  readonly name: string;
  /** Indexes into the stages. Of a finally stage, those of others of its kind: it comes after all that are none in any case. */
  readonly needs: readonly number[];
  readonly join: JoinRule;
  readonly isFinally: boolean;
  readonly when?: ExpandedCondition;
  readonly steps: readonly ExpandedStep[];
}

export interface ExpandedStep {
  readonly name: string;
  /** Indexes into the steps of its stage. */
  readonly needs: readonly number[];
  /** What needs it goes on though it has failed. */
  readonly goesOn: boolean;
  /** An expression; in words, where the placement says a worker instead; empty for a gate. */
  readonly targets: string;
  readonly work: Work;
  readonly policy: Policy;
  readonly placement: Pick<Placement, 'via' | 'user' | 'worker'>;
  /** Name or id. */
  readonly account?: string;
  /** The values of those that its work names. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly outputs: readonly DeclaredOutput[];
  /** Where in its work stand outputs of steps before it, by their places in the job. */
  readonly fills: readonly WorkFill<OutputOfStep>[];
  readonly when?: ExpandedCondition;
  readonly chooses?: ExpandedChoice;
  /** It is done once for each of these, on a worker. */
  readonly items?: readonly string[];
  /** Or for each item that a step before it tells. */
  readonly each?: OutputOfStep;
}

export interface OutputOfStep extends StepPlace {
  readonly output: string;
}

export type Planned =
  | { readonly ok: true; readonly run: ExpandedJob }
  /** All of them, with places in the body of a request for a run of a job: `#/params/NAME`, `#/secrets/NAME`, `#/targets`. */
  | { readonly ok: false; readonly faults: readonly InputFault[] };

/** `targets`: in place of the job's own, for the steps that say none. */
export function planRun(
  definition: JobDefinition,
  values: JobValues,
  { targets }: { readonly targets?: string } = {},
): Planned {
  const parameters = (definition.parameters ?? []).map(
    (one) => readParameter(one, jobLimits.jobPatternStatesMax).parameter,
  );
  const settled = settleValues(parameters, values);
  if (settled.faults.length > 0) return { ok: false, faults: settled.faults };
  const tooMuch = sizeFault(parameters, settled.values, stepsOf(definition));
  if (tooMuch) return { ok: false, faults: [tooMuch] };
  const planner = new Planner(definition, settled.values, targets);
  try {
    const stages = planner.stages();
    return planner.faults.length > 0 ? { ok: false, faults: planner.faults } : { ok: true, run: { stages } };
  } catch (error) {
    if (error instanceof TooManyNames) return { ok: false, faults: [error.fault] };
    if (!(error instanceof FilledTooLong)) throw error;
    const detail =
      `The expressions of the job become more than ${jobLimits.jobFilledBytesMax} characters with these values. Scripts ` +
      'are given a value once, as DROVER_PARAM_name.';
    return { ok: false, faults: [{ pointer: '#/params', code: 'parameter-invalid', detail }] };
  }
}

/** Each set of numbers is written out, and each name looked for, before any host is: so there is one bound for all steps of a start. */
class TooManyNames extends Error {
  readonly fault: InputFault = {
    pointer: '#/targets',
    code: 'too-many-targets',
    detail:
      `The targets of all steps together name more than ${limits.targetNamesMax} hosts or values, sets of numbers written ` +
      'out. Steps that say the same count once.',
  };
}

/**
 * Every step is given all of them and keeps them, so this is said once and not for each step, of which there may be thousands: a few
 * bytes sent would be hundreds of megabytes to write, and to read by whoever looks at the run.
 */
function sizeFault(
  parameters: readonly Parameter[],
  values: ReadonlyMap<string, string>,
  steps: number,
): InputFault | undefined {
  const texts = parameters.flatMap((one) => (typeOf(one) === 'secret' ? [] : (values.get(one.name) ?? [])));
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const told = (detail: string): InputFault => ({ pointer: '#/params', code: 'parameter-invalid', detail });
  if (bytes > limits.argumentsBytesMax)
    return told(`The parameters have ${bytes} bytes together; a script is given ${limits.argumentsBytesMax} at most.`);
  if (bytes * steps <= jobLimits.jobGivenBytesMax) return undefined;
  return told(
    `The parameters have ${bytes} bytes together, and each of the ${steps} steps is given them all; ` +
      `${Math.floor(jobLimits.jobGivenBytesMax / steps)} bytes are allowed for so many. Let large values be a file that steps read.`,
  );
}

function stepsOf({ stages }: JobDefinition): number {
  return stages.reduce((sum, { steps }) => sum + steps.length, 0);
}

/** In a target a value is one word, and no word that means something there: so it is never more hosts than its place says. */
const TARGET_WORD = /^[\p{L}\p{M}\p{N}._:/@+-]+$/u;
const TARGET_MEANINGS = /^(?:all|and|or|not)$/i;

class Planner {
  readonly faults: InputFault[] = [];
  readonly #definition: JobDefinition;
  readonly #values: ReadonlyMap<string, string>;
  readonly #types: ReadonlyMap<string, ParameterType>;
  readonly #params: Readonly<Record<string, string>>;
  readonly #given: string | undefined;
  /** By `STAGE.STEP`. */
  readonly #places: ReadonlyMap<string, StepPlace>;
  readonly #budget = new FillBudget(jobLimits.jobFilledBytesMax);
  readonly #conditions: ConditionExpander;
  /** By the text in the job: most steps have those of the job. */
  readonly #targets = new Map<string, string>();
  /** Of parameters, by what is said of them. */
  readonly #itemsRead = new Map<string, TaskItems>();
  /** That all of them name, each once. */
  #names = 0;

  constructor(definition: JobDefinition, values: ReadonlyMap<string, string>, targets: string | undefined) {
    this.#definition = definition;
    this.#values = values;
    this.#given = targets;
    this.#places = new Map(
      definition.stages.flatMap(({ stage, steps }, at) =>
        steps.map(({ step: name }, n) => [`${stage}.${name}`, { stage: at, step: n }] as const),
      ),
    );
    this.#types = new Map((definition.parameters ?? []).map((one) => [one.name, typeOf(one)]));
    this.#conditions = new ConditionExpander(definition, values, this.#budget);
    this.#params = Object.fromEntries([...values].filter(([name]) => this.#types.get(name) !== 'secret'));
  }

  stages(): ExpandedStage[] {
    const { stages } = this.#definition;
    const needs = neededIndexes(
      stages.map((one) => ({ name: one.stage, needs: one.needs, isFinally: one.finally === true })),
    );
    return stages.map((stage, i): ExpandedStage => {
      const isFinally = stage.finally === true;
      const { join = 'all-succeeded', condition } = stage.when === undefined ? {} : readStageWhen(stage.when);
      const stepNeeds = neededIndexes(stage.steps.map((one) => ({ name: one.step, needs: one.needs })));
      return {
        name: stage.stage,
        needs: needs[i]!,
        join: isFinally ? 'all-done' : join,
        isFinally,
        ...given({ when: condition && this.#conditions.of(condition, { stage: i, isFinally }) }),
        steps: stage.steps.map((step, n) => ({
          ...this.#step(`${stage.stage}/${step.step}`, step, stepNeeds[n]!),
          ...this.#asked(step, { stage: i, step: n, isFinally }),
        })),
      };
    });
  }

  /** What is decided when its turn has come. */
  #asked({ when, targets }: JobStep, here: ConditionPlace): Pick<ExpandedStep, 'when' | 'chooses'> {
    const chooses = targets === undefined ? undefined : this.#conditions.ofTargets(targets, here);
    const besides = chooses && readTargetsByStep(chooses.text)?.besides?.text;
    return given({
      when: when === undefined ? undefined : this.#conditions.ofStep(when, here),
      chooses: chooses && {
        ...chooses,
        ...given({ besides: besides === undefined ? undefined : this.#checked('#/params', besides) }),
      },
    });
  }

  #step(where: string, step: JobStep, needs: readonly number[]): ExpandedStep {
    const called = callOf(step);
    const worker = workerChoice({
      worker: step.worker === undefined ? called && 'all' : this.#checked('#/params', step.worker),
      engine: called && 'calls',
      prefer: step.prefer === undefined ? undefined : this.#checked('#/params', step.prefer),
      resources: step.resources,
      strategy: step.strategy,
    });
    const filling = { text: (text: string) => this.#filled(text), call: (text: string) => this.#filledCall(text) };
    const givenSecrets = (step.secrets ?? []).filter((name) => this.#values.has(name));
    const work = stepWork(step, filling, this.#params, givenSecrets);
    const secrets = Object.fromEntries(secretNamesOf(work).map((name) => [name, this.#values.get(name)!]));
    for (const { pointer, code, detail } of workFaults(work, { secrets }))
      this.faults.push({ pointer: this.#pointer(pointer), code, detail: `${where}: ${detail}` });
    return {
      name: step.step,
      needs,
      goesOn: step.on_failure === 'continue',
      targets: isGate(work) ? '' : worker ? workerText(worker) : this.#targetsOf(where, step),
      work,
      policy: stepPolicy(step),
      placement: { via: step.via ?? 'auto', ...given({ user: this.#word(where, 'user', step.user), worker }) },
      ...given({ account: this.#word(where, 'account', step.account) }),
      secrets,
      outputs: (step.outputs ?? []).map(({ name, from = 'same', type = typesOf(from)[0]! }) => ({ name, type, from })),
      fills: isCall(work) ? this.#fillsOfCall(work) : this.#fills(step),
      ...this.#items(where, step),
    };
  }

  #items(where: string, { for_each: said }: JobStep): Pick<ExpandedStep, 'items' | 'each'> {
    if (said === undefined) return {};
    if (typeof said === 'string') {
      const [output] = outputsIn(parseTemplate(said));
      if (output) return { each: { ...this.#places.get(output.step)!, output: output.output } };
    }
    const read = typeof said === 'string' ? this.#itemsIn(said) : itemsRead(said.map((text) => this.#filled(text)));
    if (read.ok) return { items: read.items };
    this.faults.push({ pointer: '#/params', code: 'parameter-invalid', detail: `${where}: for_each: ${read.detail}` });
    return {};
  }

  /** Many steps may be done for the lines of the same parameter. */
  #itemsIn(said: string): TaskItems {
    const read = this.#itemsRead.get(said) ?? itemsRead(linesOf(this.#filled(said)));
    this.#itemsRead.set(said, read);
    return read;
  }

  /** Every name is known, and of one step: the definition was checked. */
  #fills(step: JobStep): WorkFill<OutputOfStep>[] {
    const fills: WorkFill<OutputOfStep>[] = [];
    const take = (field: WorkFill['field'], key: number | string, text: string): void => {
      const template = text.includes('${{') ? parseTemplate(text) : undefined;
      if (!template || outputsIn(template).length === 0) return;
      const parts = template.parts.map((part) =>
        typeof part === 'string'
          ? part
          : 'param' in part
            ? (this.#values.get(part.param) ?? '')
            : { ...this.#places.get(part.step)!, output: part.output },
      );
      fills.push({ field, key, parts });
    };
    for (const [n, text] of (step.command ?? []).entries()) take('command', n, text);
    for (const [n, text] of (step.args ?? []).entries()) take('args', n, text);
    for (const [name, text] of Object.entries(step.env ?? {})) take('env', name, text);
    if (step.cwd !== undefined) take('cwd', 0, step.cwd);
    if (step.approval) take('message', 0, step.approval.message);
    return fills;
  }

  /** Each output once, with how often it stands there. */
  #fillsOfCall(work: CallWork): WorkFill<OutputOfStep>[] {
    const fills = new Map<string, { parts: [OutputOfStep]; times: number }>();
    for (const part of callTexts(work).flat()) {
      if (typeof part === 'string' || !('step' in part)) continue;
      const key = outputKey(part);
      const known = fills.get(key);
      if (known) known.times++;
      else fills.set(key, { parts: [{ ...this.#places.get(part.step)!, output: part.output }], times: 1 });
    }
    return [...fills].map(([key, fill]) => ({ field: 'call', key, ...fill }));
  }

  /** What was given are parameters and targets; all else that may be wrong is so by them. */
  #pointer(pointer: string): string {
    return /^#\/(?:params|secrets)\//.test(pointer) ? pointer : '#/params';
  }

  #filled(text: string): string {
    return text.includes('${{')
      ? fillTemplate(parseTemplate(text), (param) => this.#values.get(param) ?? '', this.#budget)
      : text;
  }

  #filledCall(text: string): CallText {
    return fillCall(parseCallTemplate(text), (param) => this.#values.get(param) ?? '', this.#budget);
  }

  /** Who works there: the same as a run by itself takes. */
  #word(where: string, field: 'user' | 'account', text: string | undefined): string | undefined {
    if (text === undefined) return undefined;
    const word = this.#filled(text);
    const max = field === 'user' ? USER_LENGTH_MAX : limits.nameLengthMax;
    const wrong =
      word === ''
        ? 'it would be empty'
        : word.length > max
          ? `it would have more than ${max} characters`
          : lineFault(word);
    if (wrong !== undefined)
      this.faults.push({ pointer: '#/params', code: 'parameter-invalid', detail: `${where}: ${field}: ${wrong}.` });
    return word;
  }

  #targetsOf(where: string, step: JobStep): string {
    if (step.targets !== undefined && readTargetsByStep(step.targets)) return step.targets;
    if (step.targets === undefined && this.#given !== undefined)
      return this.#checked('#/targets', this.#given, this.#given);
    const text = step.targets ?? this.#definition.targets;
    if (text !== undefined) return this.#checked('#/params', text);
    this.faults.push({
      pointer: '#/targets',
      code: 'bad-target',
      detail: `${where} says no targets, and neither does the job: say where it is to run.`,
    });
    return '';
  }

  /** `filled`: where there is nothing to fill in. */
  #checked(pointer: string, text: string, filled?: string): string {
    const known = this.#targets.get(text);
    if (known !== undefined) return known;
    const faultsBefore = this.faults.length;
    const targets =
      filled ??
      (text.includes('${{')
        ? fillTemplate(parseTemplate(text), (param) => this.#targetValue(param), this.#budget)
        : text);
    const parsed = parseTarget(targets);
    if (parsed.ok) this.#names += parsed.names;
    if (this.#names > limits.targetNamesMax) throw new TooManyNames();
    // What a value may not be is told by its parameter.
    if (!parsed.ok && this.faults.length === faultsBefore)
      this.faults.push({
        pointer,
        code: 'bad-target',
        detail: `The target ${quoted(targets)} is not valid at column ${parsed.fault.column}: ${parsed.fault.detail}.`,
      });
    this.#targets.set(text, targets);
    return targets;
  }

  #targetValue(param: string): string {
    const value = this.#values.get(param) ?? '';
    if (this.#types.get(param) === 'hosts') return `(${value})`;
    if (!TARGET_WORD.test(value) || TARGET_MEANINGS.test(value))
      this.faults.push({
        pointer: `#/params/${param}`,
        code: 'parameter-invalid',
        detail:
          `${quoted(value)} cannot stand in targets: there a value is one word of letters, digits and . _ : / @ + -, and not ` +
          'all, and, or, not. A parameter of type hosts takes an expression.',
      });
    return value;
  }
}

function itemsRead(items: readonly string[]): TaskItems {
  return items.length === 0 ? { ok: false, detail: 'There are no items.' } : readItems(items);
}
