/**
 * `hosts(STEP.failed)` in `targets`: hosts of a step before, by how it has ended on each or what each has told, and with `and` behind it an
 * expression over names and labels that they have to match besides. Pure.
 */
import { given } from '../../base/given.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { typeExpression, type ExpressionFault, type FoundName, type Typed } from '../expression/expression.ts';
import { parseSyntax } from '../expression/syntax.ts';
import { COUNTED_STATES, type CountedState } from '../run/counted-states.ts';
import type { OutputType } from '../run/step-outputs.ts';
import { paramNamed, TYPE_OF_OUTPUT, type ConditionPlace, type JobRef, type ScopeOfJob } from './condition-scope.ts';
import { quoted } from './job-fault.ts';
import type { NamedStep } from './step-names.ts';
import type { StepPlace } from './step-references.ts';

export type ByStepRef =
  | Extract<JobRef, { of: 'param' }>
  | { readonly of: 'host'; readonly state: CountedState | 'hosts' }
  | { readonly of: 'value'; readonly output: string; readonly type: OutputType };

export interface TargetsByStep {
  /** What stands in the brackets, and where. */
  readonly inner: string;
  readonly at: number;
  /** What they have to match besides. */
  readonly besides?: { readonly text: string; readonly at: number };
  /** What stands behind and is neither nothing nor `and`. */
  readonly oddAt?: number;
}

const BEGIN = /^\s*hosts\s*\(/;

/** Undefined: it says hosts by their names and labels alone. Brackets in texts in quotes are none. */
export function readTargetsByStep(text: string): TargetsByStep | undefined {
  const begin = BEGIN.exec(text)?.[0].length;
  if (begin === undefined) return undefined;
  let [depth, quote, end] = [1, '', begin];
  for (; end < text.length && depth > 0; end++) {
    const char = text[end]!;
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '(') depth++;
    else if (char === ')') depth--;
  }
  const inner = text.slice(begin, depth === 0 ? end - 1 : end);
  const rest = text.slice(end);
  if (depth > 0) return { inner: `${inner}(`, at: begin };
  const and = /^\s*and\b\s*/i.exec(rest)?.[0].length;
  if (rest.trim() === '') return { inner, at: begin };
  if (and === undefined) return { inner, at: begin, oddAt: end + (rest.length - rest.trimStart().length) };
  return { inner, at: begin, besides: { text: rest.slice(and), at: end + and } };
}

export interface TypedByStep extends Typed<ByStepRef> {
  readonly of?: StepPlace;
}

/** With places in the text of the targets. */
export function typeTargetsByStep(said: TargetsByStep, job: ScopeOfJob, here: ConditionPlace): TypedByStep {
  const parsed = parseSyntax(said.inner);
  const nothing = { kind: 'literal', value: false } as const;
  if (!parsed.ok) {
    const { at, detail } = parsed.fault;
    return { expression: nothing, faults: [{ at: said.at + at, code: 'job-expression', detail }] };
  }
  const found: NamedStep[] = [];
  const { expression, faults } = typeExpression<ByStepRef>(parsed.syntax, (name) => named(name, job, here, found));
  const told = faults.map((fault): ExpressionFault => ({ ...fault, at: said.at + fault.at }));
  const [of, other] = new Set(found);
  const fault = (detail: string): ExpressionFault => ({ at: said.at, code: 'job-expression', detail });
  if (other) told.push(fault('hosts( ) speaks of one step: these are two.'));
  if (!of && told.length === 0) told.push(fault('hosts( ) speaks of a step, as in hosts(restart.failed).'));
  if (said.oddAt !== undefined)
    told.push({
      at: said.oddAt,
      code: 'job-expression',
      detail: 'Behind hosts( ) stands nothing, or and with what they have to match besides, as in and not role=canary.',
    });
  return { expression, faults: told, ...given({ of }) };
}

type Found = FoundName<ByStepRef>;

function named(name: string, job: ScopeOfJob, here: ConditionPlace, found: NamedStep[]): Found {
  const param = /^params\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(name)?.[1];
  if (param !== undefined) return paramNamed(param, job);
  const [, ofOutput, output] = /^(.+)\.outputs\.([A-Za-z][A-Za-z0-9_]*)$/.exec(name) ?? [];
  const [, ofState, word] = /^(.+)\.([a-z_]+)$/.exec(name) ?? [];
  const state = COUNTED_STATES.find((one) => one === word);
  const of = ofOutput ?? (state && ofState);
  const step = job.steps.find(of ?? name, here.stage);
  if (!step.ok) {
    const base = ofState !== undefined && job.steps.find(ofState, here.stage).ok;
    if (!base || state !== undefined) return step;
    return {
      ok: false,
      code: 'job-reference-unknown',
      detail: () =>
        `A host has no ${quoted(word!)} there.${meantText(nearest(word!, ['outputs', ...COUNTED_STATES]))} Known are ` +
        `outputs.NAME, ${COUNTED_STATES.join(', ')}.`,
    };
  }
  found.push(step.step);
  if (!job.isOver(step.step, here))
    return {
      ok: false,
      code: 'job-expression',
      detail: `${quoted(of ?? name)} is not over for certain when this begins, so its hosts are not known: let it be needed.`,
    };
  if (output === undefined) return { ok: true, type: 'bool', ref: { of: 'host', state: state ?? 'hosts' } };
  const type = step.step.outputs.get(output);
  if (type === undefined)
    return {
      ok: false,
      code: 'job-reference-unknown',
      detail: () =>
        `${quoted(ofOutput!)} declares no output ${quoted(output)}.${meantText(nearest(output, [...step.step.outputs.keys()]))}`,
    };
  const own = typeOfHost(step.step, output);
  return { ok: true, type: TYPE_OF_OUTPUT[own], ref: { of: 'value', output, type: own } };
}

/** What one host tells of an output: of what is drawn together as a list or a count it is a text, of a sum a number. */
function typeOfHost({ outputs, drawn }: NamedStep, output: string): OutputType {
  const from = drawn.get(output);
  if (from === 'same' || from === 'first') return outputs.get(output)!;
  return from === 'list' || from === 'count' ? 'string' : 'number';
}
