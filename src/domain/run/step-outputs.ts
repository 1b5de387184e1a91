/**
 * Outputs of a step: what its hosts have told, drawn together as the job declares it. They are told when the step is over, of the
 * hosts on which it has succeeded; where one cannot be told, the step has failed, and says why. Pure.
 */
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import type { OutputValues } from '../work/output-values.ts';

export const OUTPUT_TYPES = ['string', 'number', 'bool', 'list'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

/**
 * Of each host's value one: `same` where all hosts have told the same, `first` of the first host that has told one; `list` has one text
 * for each host that has, `count` is how many have, and `sum`, `min` and `max` are of their numbers.
 */
export const OUTPUT_REDUCERS = ['same', 'first', 'list', 'count', 'sum', 'min', 'max'] as const;
export type OutputReducer = (typeof OUTPUT_REDUCERS)[number];

export interface DeclaredOutput {
  readonly name: string;
  readonly type: OutputType;
  readonly from: OutputReducer;
}

export type StepOutput = string | number | boolean | readonly string[];

/** Of all steps of a run together: whoever looks at it is given them all, and its owner holds them. */
export function beyondOfRun(bytes: number): StepOutputs | undefined {
  if (bytes <= jobLimits.jobRunOutputsBytesMax) return undefined;
  return {
    values: {},
    fault:
      `With these the outputs of all steps of the run have ${bytes} bytes together; ` +
      `${jobLimits.jobRunOutputsBytesMax} are allowed. Let large values be files, and tell where they are.`,
  };
}

export function outputsBytesOf(outputs: StepOutputs | undefined): number {
  return outputs ? Buffer.byteLength(JSON.stringify(outputs)) : 0;
}

export interface StepOutputs {
  readonly values: Readonly<Record<string, StepOutput>>;
  /** Why the step has failed by them. */
  readonly fault?: string;
}

/** Undefined where it has none of this name: nobody is given what every object has. */
export function outputIn(outputs: StepOutputs | undefined, name: string): StepOutput | undefined {
  return outputs && Object.hasOwn(outputs.values, name) ? outputs.values[name] : undefined;
}

/** What one host has told of those that are declared. */
export interface ToldByHost {
  readonly host: string;
  readonly values: Readonly<Record<string, string>>;
  /** Why some are not there, as a sentence. */
  readonly fault?: string;
}

/** The types that what is drawn together so may have; the first is meant where none is said. */
export function typesOf(from: OutputReducer): readonly OutputType[] {
  if (from === 'same' || from === 'first') return OUTPUT_TYPES;
  return from === 'list' ? ['list'] : ['number'];
}

const FAULTS_TOLD_MAX = 5;
/** Of hosts that told less than they wanted; only one that is named is ever told of. */
const FAULTS_KEPT_MAX = 1_000;
/** Of a value that is shown in a reason. */
const SHOWN_MAX = 60;

/** `told`: of each host on which the step has succeeded, in the order of the hosts. */
export function stepOutputs(declared: readonly DeclaredOutput[], told: readonly ToldByHost[]): StepOutputs {
  const values: [string, StepOutput][] = [];
  const faults: string[] = [];
  for (const one of declared) {
    const drawn = drawnOf(one, told);
    if ('fault' in drawn) faults.push(drawn.fault);
    else values.push([one.name, drawn.value]);
  }
  const bytes = Buffer.byteLength(JSON.stringify(values));
  if (bytes > jobLimits.jobOutputsBytesMax)
    return {
      values: {},
      fault: `The outputs have ${bytes} bytes together; a step may have ${jobLimits.jobOutputsBytesMax}.`,
    };
  if (faults.length === 0) return { values: Object.fromEntries(values) };
  const more = faults.length - FAULTS_TOLD_MAX;
  return {
    values: Object.fromEntries(values),
    fault: [...faults.slice(0, FAULTS_TOLD_MAX), ...(more > 0 ? [`And ${more} more.`] : [])].join(' '),
  };
}

type Drawn = { readonly value: StepOutput } | { readonly fault: string };

function drawnOf({ name, type, from }: DeclaredOutput, told: readonly ToldByHost[]): Drawn {
  const have = told.filter(({ values }) => Object.hasOwn(values, name));
  const valueOf = ({ values }: ToldByHost): string => values[name]!;
  switch (from) {
    case 'same': {
      const lacks = have.length < told.length ? told.find(({ values }) => !Object.hasOwn(values, name)) : undefined;
      if (lacks || have.length === 0) return { fault: lackText(name, lacks ?? one(told)) };
      const other = have.find((one) => valueOf(one) !== valueOf(have[0]!));
      return other ? { fault: differText(name, have[0]!, other) } : typed(name, type, have[0]!);
    }
    case 'first':
      return have[0] ? typed(name, type, have[0]) : { fault: lackText(name, one(told)) };
    case 'list': {
      // A list is given to later steps as its lines: one host would speak for others by several.
      const several = have.find((one) => valueOf(one).includes('\n'));
      if (several)
        return { fault: `The output ${name} of ${several.host} has several lines; in a list each host has one.` };
      return { value: have.map(valueOf) };
    }
    case 'count':
      return { value: have.length };
    case 'sum':
    case 'min':
    case 'max':
      return ofNumbers(name, from, have, one(told));
  }
}

function ofNumbers(
  name: string,
  from: 'sum' | 'min' | 'max',
  have: readonly ToldByHost[],
  lacks: ToldByHost | undefined,
): Drawn {
  const numbers: number[] = [];
  for (const one of have) {
    const read = typed(name, 'number', one);
    if ('fault' in read) return read;
    numbers.push(read.value as number);
  }
  if (from === 'sum')
    return finite(
      name,
      numbers.reduce((sum, number) => sum + number, 0),
    );
  if (numbers.length === 0) return { fault: lackText(name, lacks) };
  return {
    value: numbers.reduce((best, number) => (from === 'min' ? Math.min(best, number) : Math.max(best, number))),
  };
}

function finite(name: string, value: number): Drawn {
  return Number.isFinite(value) ? { value } : { fault: `The output ${name} is more than a number can be.` };
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

export function typed(name: string, type: OutputType, one: ToldByHost): Drawn {
  const value = one.values[name]!;
  const wrong = (what: string): Drawn => ({
    fault: `The output ${name} of ${one.host} is no ${what}: ${shown(value)}.`,
  });
  switch (type) {
    case 'string':
      return { value };
    case 'number':
      return NUMBER.test(value.trim()) && Number.isFinite(Number(value)) ? { value: Number(value) } : wrong('number');
    case 'bool':
      return value === 'true' || value === 'false' ? { value: value === 'true' } : wrong('true or false');
    case 'list':
      return { value: value.split('\n').filter((line) => line !== '') };
  }
}

/** `by`: who has not told it, where that is one. */
function lackText(name: string, by: ToldByHost | undefined): string {
  const why = by?.fault === undefined ? '' : ` ${by.fault}`;
  return `The output ${name} is missing: ${by === undefined ? 'no host has' : `${by.host} has not`} told it.${why}`;
}

/** Undefined where there are others, or none. */
function one(told: readonly ToldByHost[]): ToldByHost | undefined {
  return told.length === 1 ? told[0] : undefined;
}

function differText(name: string, one: ToldByHost, other: ToldByHost): string {
  return (
    `The hosts do not agree on the output ${name}: ${one.host} told ${shown(one.values[name]!)}, ` +
    `${other.host} ${shown(other.values[name]!)}.`
  );
}

function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…`.toWellFormed() : value);
}

/** Of hosts on which the task has succeeded. Null where there is no room for more of them. */
export type ToldByOrdinal = ReadonlyMap<number, Readonly<Record<string, string>> | null>;

/** What the hosts of one task have told of declared outputs, by their place: kept as far as it may be. */
export class ToldOfTask {
  readonly #declared: readonly DeclaredOutput[];
  readonly #byOrdinal = new Map<number, Readonly<Record<string, string>>>();
  /** Why some of a host are not there; known of those that have ended under this owner. */
  readonly #faults = new Map<number, string>();
  /** Of hosts whose values there was no room for. */
  readonly #beyond = new Set<number>();
  #bytes = 0;

  /** `read`: as it is stored. */
  constructor(declared: readonly DeclaredOutput[], read: ToldByOrdinal = new Map()) {
    this.#declared = declared;
    for (const [ordinal, values] of read) {
      if (values) this.set(ordinal, { values });
      else this.#beyond.add(ordinal);
    }
  }

  /** Of the attempt that counts now; undefined where it has told nothing, or another attempt is to come. */
  set(ordinal: number, told: OutputValues | undefined): void {
    if (told?.fault === undefined) this.#faults.delete(ordinal);
    else if (this.#faults.size < FAULTS_KEPT_MAX) this.#faults.set(ordinal, told.fault);
    this.#bytes -= bytesOf(this.#byOrdinal.get(ordinal));
    this.#byOrdinal.delete(ordinal);
    this.#beyond.delete(ordinal);
    const own = told && ownOf(this.#declared, told.values);
    if (!own) return;
    if (this.#bytes + bytesOf(own) > jobLimits.jobToldBytesMax) this.#beyond.add(ordinal);
    else {
      this.#byOrdinal.set(ordinal, own);
      this.#bytes += bytesOf(own);
    }
  }

  /** Nothing of any, where there was no room for some: whose it was goes by who came first, and that is not to decide anything. */
  get(ordinal: number): Readonly<Record<string, string>> | undefined {
    return this.#beyond.size > 0 ? undefined : this.#byOrdinal.get(ordinal);
  }

  /** They are drawn together, for good. */
  clear(): void {
    this.#byOrdinal.clear();
    this.#faults.clear();
    this.#bytes = 0;
  }

  /** `hosts`: those on which it has succeeded. */
  outputs(hosts: Iterable<{ readonly ordinal: number; readonly host: string }>): StepOutputs {
    if (this.#beyond.size > 0)
      return {
        values: {},
        fault: `The hosts have told more than ${jobLimits.jobToldBytesMax} bytes of its outputs, which is what is drawn together.`,
      };
    const told = [...hosts].map(({ ordinal, host }) => ({
      host,
      values: this.#byOrdinal.get(ordinal) ?? {},
      ...given({ fault: this.#faults.get(ordinal) }),
    }));
    return stepOutputs(this.#declared, told);
  }
}

function ownOf(
  declared: readonly DeclaredOutput[],
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const own = declared.filter(({ name }) => Object.hasOwn(values, name)).map(({ name }) => [name, values[name]!]);
  return own.length === 0 ? undefined : (Object.fromEntries(own) as Record<string, string>);
}

function bytesOf(values: Readonly<Record<string, string>> | undefined): number {
  return values
    ? Object.entries(values).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value), 0)
    : 0;
}
