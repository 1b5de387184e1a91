/** Parameters of a job: their types, and what is wrong with a value. The same words on every path by which values come. */
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import type { InputFault } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { parseTarget } from '../target/expression.ts';
import { quoted } from './job-fault.ts';
import { Pattern, PatternFault } from '../expression/pattern.ts';

export const PARAMETER_TYPES = ['string', 'text', 'number', 'bool', 'choice', 'date', 'hosts', 'secret'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];
export type ParameterValue = string | number | boolean;

/** What somebody gives a start: secrets apart, so that nobody takes for one what is kept and shown. */
export interface JobValues {
  readonly params: Readonly<Record<string, ParameterValue>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface Parameter {
  readonly name: string;
  readonly type?: ParameterType | undefined;
  readonly required?: boolean | undefined;
  readonly default?: ParameterValue | undefined;
  readonly pattern?: string | undefined;
  /** Of a number and a date the value, of a text its characters. */
  readonly min?: number | string | undefined;
  readonly max?: number | string | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly help?: string | undefined;
}

export function typeOf({ type }: Pick<Parameter, 'type'>): ParameterType {
  return type ?? 'string';
}

/** What is known of a parameter, though something of it may be wrong. */
export interface KnownParameter {
  readonly type: ParameterType;
  readonly hasAlwaysValue: boolean;
  readonly choices?: readonly string[];
}

/** Whether a run always has a value for it. */
export function hasAlwaysValue({ required, default: standing }: Parameter): boolean {
  return required === true || standing !== undefined;
}

/** A parameter with what is worked out of it once, for all values that are held against it. */
export interface ReadParameter extends Parameter {
  readonly compiled?: Pattern;
}

const NUMBER = /^-?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

/** As a script is given it. Undefined: the value is not of the type. */
function valueText(parameter: Parameter, value: ParameterValue): string | undefined {
  const text = String(value);
  switch (typeOf(parameter)) {
    case 'number':
      if (typeof value === 'number') return Number.isFinite(value) ? text : undefined;
      return typeof value === 'string' && NUMBER.test(value) && Number.isFinite(Number(value)) ? value : undefined;
    case 'bool':
      return text === 'true' || text === 'false' ? text : undefined;
    default:
      return typeof value === 'string' ? value : undefined;
  }
}

/** What is wrong with a value, as a sentence without the parameter's name; undefined when nothing is. Never with the value of a secret. */
export function valueFault(parameter: ReadParameter, value: ParameterValue): string | undefined {
  const text = valueText(parameter, value);
  if (text === undefined)
    return `is ${WANTED[typeOf(parameter)]}${typeOf(parameter) === 'secret' ? '' : `, not ${typeWords(value)}`}`;
  switch (typeOf(parameter)) {
    case 'string':
      return lineFault(text) ?? lengthFault(parameter, text) ?? patternFault(parameter, text);
    case 'text':
      return textFault(text) ?? lengthFault(parameter, text);
    case 'number':
      return rangeFault(parameter, Number(text), Number);
    case 'bool':
      return undefined;
    case 'choice':
      return (parameter.choices ?? []).includes(text)
        ? undefined
        : `knows ${choicesText(parameter.choices ?? [])}; not ${quoted(text)}.${meantText(nearest(text, parameter.choices ?? []))}`;
    case 'date':
      return isDate(text) ? rangeFault(parameter, text, String) : `is a day such as 2026-03-01, not ${quoted(text)}`;
    case 'hosts':
      return targetFault(text);
    case 'secret':
      return secretFault(text) ?? lengthFault(parameter, text);
  }
}

const WANTED: Readonly<Record<ParameterType, string>> = {
  string: 'a text of one line',
  text: 'a text',
  number: 'a number',
  bool: 'true or false',
  choice: 'one of its choices',
  date: 'a day such as 2026-03-01',
  hosts: 'a target expression',
  secret: 'a text',
};

function typeWords(value: ParameterValue): string {
  return typeof value === 'string'
    ? quoted(value)
    : typeof value === 'number'
      ? `the number ${value} (in quotes it is a text)`
      : String(value);
}

function lineFault(text: string): string | undefined {
  if (text.length > jobLimits.jobStringLengthMax)
    return `has ${text.length} characters; ${jobLimits.jobStringLengthMax} are allowed for a string (a text may have more)`;
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)
    ? 'is a string, which is one line without control characters; a text may have several'
    : undefined;
}

function textFault(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > jobLimits.jobTextBytesMax) return `has ${bytes} bytes; ${jobLimits.jobTextBytesMax} are allowed`;
  return text.includes('\0') ? 'holds a NUL character, which no process can be given' : undefined;
}

function secretFault(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes < limits.secretBytesMin || bytes > limits.secretBytesMax)
    return `has ${bytes} bytes; a secret must have ${limits.secretBytesMin} to ${limits.secretBytesMax} to be masked well`;
  return text.includes('\0') ? 'holds a NUL character, which no process can be given' : undefined;
}

function targetFault(text: string): string | undefined {
  const parsed = parseTarget(text);
  return parsed.ok ? undefined : `is not a valid target at column ${parsed.fault.column}: ${parsed.fault.detail}`;
}

function lengthFault({ min, max }: Parameter, text: string): string | undefined {
  if (typeof min === 'number' && text.length < min) return `has ${text.length} characters; at least ${min} are wanted`;
  if (typeof max === 'number' && text.length > max) return `has ${text.length} characters; at most ${max} are allowed`;
  return undefined;
}

function patternFault({ compiled, pattern }: ReadParameter, text: string): string | undefined {
  return compiled === undefined || compiled.matches(text)
    ? undefined
    : `does not look like ${pattern}: ${quoted(text)}`;
}

function rangeFault<T extends number | string>(
  { min, max }: Parameter,
  value: T,
  as: (bound: number | string) => T,
): string | undefined {
  if (min !== undefined && value < as(min)) return `is ${min} at least, not ${value}`;
  if (max !== undefined && value > as(max)) return `is ${max} at most, not ${value}`;
  return undefined;
}

/** A day that there is. */
function isDate(text: string): boolean {
  const [, year, month, day] = DATE.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return days !== undefined && day >= 1 && day <= days;
}

function choicesText(choices: readonly string[]): string {
  const told = choices.slice(0, 20).map((one) => (one.length > 80 ? `${one.slice(0, 80)}…` : one));
  return choices.length > 20 ? `${told.join(', ')} and ${choices.length - 20} more` : told.join(', ');
}

export interface ParameterFault {
  /** The field that it is about. */
  readonly field: keyof Parameter;
  readonly detail: string;
}

/** `patternRoom`: places that the patterns of the job may still have. */
export function readParameter(
  parameter: Parameter,
  patternRoom: number,
): { readonly parameter: ReadParameter; readonly faults: readonly ParameterFault[] } {
  const faults: ParameterFault[] = [];
  const type = typeOf(parameter);
  const fault = (field: keyof Parameter, detail: string): void => void faults.push({ field, detail });
  let compiled: Pattern | undefined;
  if (parameter.pattern !== undefined && type !== 'string') fault('pattern', `A ${type} has no pattern; a string has.`);
  else if (parameter.pattern !== undefined) {
    try {
      const pattern = new Pattern(parameter.pattern);
      if (pattern.size > patternRoom)
        fault(
          'pattern',
          `The patterns of the job stand for more than ${jobLimits.jobPatternStatesMax} places together.`,
        );
      else compiled = pattern;
    } catch (error) {
      if (!(error instanceof PatternFault)) throw error;
      fault('pattern', error.message);
    }
  }
  faults.push(...boundFaults(parameter, type), ...choiceFaults(parameter, type));
  const read = { ...parameter, ...given({ compiled }) };
  if (parameter.default === undefined || faults.length > 0) return { parameter: read, faults };
  if (type === 'secret')
    fault('default', 'A secret has no default: the text of a job can be read by whoever may see it.');
  else {
    const wrong = valueFault(read, parameter.default);
    if (wrong !== undefined) fault('default', `The default ${wrong}${/[.?]$/.test(wrong) ? '' : '.'}`);
  }
  if (parameter.required === true)
    fault('required', 'A parameter with a default is never missing: leave out required or default.');
  return { parameter: read, faults };
}

function boundFaults(parameter: Parameter, type: ParameterType): ParameterFault[] {
  const faults: ParameterFault[] = [];
  for (const field of ['min', 'max'] as const) {
    const bound = parameter[field];
    if (bound === undefined) continue;
    const isLength = type === 'string' || type === 'text' || type === 'secret';
    if (!isLength && type !== 'number' && type !== 'date') faults.push({ field, detail: `A ${type} has no ${field}.` });
    else if (type === 'date' ? !(typeof bound === 'string' && isDate(bound)) : typeof bound !== 'number')
      faults.push({
        field,
        detail: `Of a ${type}, ${field} is ${type === 'date' ? 'a day such as 2026-03-01' : 'a number'}.`,
      });
    else if (isLength && !(Number.isInteger(bound) && Number(bound) >= 0))
      faults.push({ field, detail: `Of a ${type}, ${field} is a number of characters.` });
  }
  const { min, max } = parameter;
  if (faults.length === 0 && min !== undefined && max !== undefined && min > max)
    faults.push({ field: 'max', detail: `No value is ${min} at least and ${max} at most.` });
  return faults;
}

function choiceFaults({ choices }: Parameter, type: ParameterType): ParameterFault[] {
  if (type !== 'choice')
    return choices === undefined ? [] : [{ field: 'choices', detail: `A ${type} has no choices; a choice has.` }];
  if (choices === undefined || choices.length === 0)
    return [{ field: 'choices', detail: 'A choice needs choices: a list of texts.' }];
  if (new Set(choices).size < choices.length) return [{ field: 'choices', detail: 'A choice is there twice.' }];
  const wrong = choices.find((one) => lineFault(one) !== undefined);
  return wrong === undefined ? [] : [{ field: 'choices', detail: `A choice ${lineFault(wrong)}.` }];
}

/**
 * Values for a start, as scripts are given them: those that came and the defaults of the others. Every fault at once, as far as faults
 * are told, each with its place in the body of a request; what is wrong beyond those is not looked for. What came as a secret is none
 * unless the job says so, and the other way round: both are refused, for the one would be kept in clear, and the other has stood on a
 * command line.
 */
export function settleValues(
  parameters: readonly ReadParameter[],
  { params, secrets = {} }: JobValues,
): { readonly values: ReadonlyMap<string, string>; readonly faults: readonly InputFault[] } {
  const settled = new Map<string, string>();
  const faults: InputFault[] = [];
  const fault = (name: string, detail: string, place: keyof JobValues = 'params'): void =>
    void faults.push({
      pointer: `#/${place}/${name}`,
      code: 'parameter-invalid',
      detail: `${detail}${/[.?]$/.test(detail) ? '' : '.'}`,
    });
  const names = parameters.map(({ name }) => name);
  const known = new Set(names);
  for (const [place, came] of Object.entries({ params, secrets }))
    for (const name of Object.keys(came)) {
      if (faults.length >= limits.faultsToldMax) break;
      if (!known.has(name))
        fault(
          name.slice(0, limits.nameLengthMax),
          `The job has no parameter ${quoted(name)}.${meantText(nearest(name, names))}`,
          place as keyof JobValues,
        );
    }
  for (const parameter of parameters) {
    if (faults.length >= limits.faultsToldMax) break;
    const { name } = parameter;
    const isSecret = typeOf(parameter) === 'secret';
    if (Object.hasOwn(isSecret ? params : secrets, name)) {
      if (isSecret) fault(name, `The parameter ${name} is a secret: ${AS_SECRET}`);
      else fault(name, `The parameter ${name} is no secret: ${NO_SECRET}`, 'secrets');
      continue;
    }
    const values = isSecret ? secrets : params;
    const value = Object.hasOwn(values, name) ? values[name] : parameter.default;
    if (value === undefined) {
      if (parameter.required)
        fault(
          name,
          `The parameter ${name} is required${parameter.help ? `: ${parameter.help}` : ''}`,
          isSecret ? 'secrets' : 'params',
        );
      continue;
    }
    const wrong = valueFault(parameter, value);
    if (wrong === undefined) settled.set(name, valueText(parameter, value)!);
    else fault(name, `The parameter ${name} ${wrong}`, isSecret ? 'secrets' : 'params');
  }
  return { values: settled, faults };
}

const AS_SECRET =
  'give it as one (--secret NAME=@FILE, or secrets in a request). If that was a real one on a command line, change it: it is in the ' +
  'history of that shell';
const NO_SECRET =
  'its value is kept with the run and shown in clear. Give it as any other (--param), or let the job say type: secret';
