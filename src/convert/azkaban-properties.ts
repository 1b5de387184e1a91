/**
 * Properties of an Azkaban project: those of a folder hold for it and the folders in it, a job's own come before them. `${name}` is
 * filled in from them; one with a plain value is a parameter of the job with that value, so that a start may give another.
 */
import { given } from '../base/given.ts';
import type { Place, Remark } from './conversion.ts';
import type { FilledText, Part } from './filled-text.ts';
import type { DraftParameter } from './job-draft.ts';
import { Names } from './names.ts';
import type { Property } from './properties.ts';

export interface ScopedProperty extends Property {
  readonly file: string;
}
/** The nearest first. */
export type Scope = readonly (readonly ScopedProperty[])[];

/** What Azkaban fills in by itself when a flow runs, and the variable of every script that tells the same. */
const RUNTIME: Readonly<Record<string, string>> = {
  'azkaban.flow.execid': 'DROVER_RUN_ID',
  'azkaban.job.attempt': 'DROVER_ATTEMPT',
};
/** A value of values of values: longer is a circle. */
const DEPTH_MAX = 50;
/** Letters that one text may become, its values filled in; a value is one more, also where it is empty. */
const FILLED_MAX = 100_000;
/** What all texts of a flow become together, in the same measure: values of values double with each. */
const ALL_FILLED_MAX = 20_000_000;
const REFERENCE = /\$\{([^${}]*)\}/g;

/** Properties of a project by their names. Texts ask as often as they name a value, so each place is looked through once. */
export class PropertyNames {
  readonly #known = new WeakMap<Scope[number], ReadonlyMap<string, ScopedProperty>>();

  /** The nearest of that name, and in one place the last. */
  find(scope: Scope, name: string): ScopedProperty | undefined {
    for (const level of scope) {
      const found = this.at(level, name);
      if (found) return found;
    }
    return undefined;
  }

  at(level: Scope[number], name: string): ScopedProperty | undefined {
    const known = this.#known.get(level) ?? new Map(level.map((property) => [property.key, property]));
    this.#known.set(level, known);
    return known.get(name);
  }
}

/** What is said of one that stands in no job. */
export function leftOver({ key, value, file, line }: ScopedProperty): Remark {
  const what = MAILS.test(key)
    ? `${key}=${value}: make a channel of mail for them (drover channels add), and name it in notify of the job.`
    : `${key}=${value} is not carried over: what reads the file that JOB_PROP_FILE names does not find it.`;
  return { file, line, what };
}

const MAILS = /^(?:failure|success|notify)\.emails$/;

export class AzkabanValues {
  /** Properties that stand in the job: by what they say, or as its parameters. */
  readonly used = new Set<ScopedProperty>();
  readonly properties: PropertyNames;
  readonly #names = Names.parameters();
  readonly #parameters = new Map<string, DraftParameter>();
  #allLeft = ALL_FILLED_MAX;

  /** `properties`: of the project, for all of its flows. */
  constructor(properties: PropertyNames) {
    this.properties = properties;
  }

  get parameters(): DraftParameter[] {
    return [...this.#parameters.values()];
  }

  /** The text with what stands in it filled in; what cannot be is a remark, and a refusal of its own where `needed`. */
  filled(text: string, scope: Scope, place: Place, faults: Remark[]): FilledText {
    const parts: Part[] = [];
    const length = this.#allLeft > 0 ? this.#fill(text, scope, place, faults, parts, 0) : 0;
    if (this.#allLeft <= 0)
      faults.push({
        ...place,
        what: `The texts of the flow become longer than ${ALL_FILLED_MAX} letters with their values.`,
      });
    this.#allLeft -= length;
    if (length > FILLED_MAX)
      faults.push({ ...place, what: `The text becomes longer than ${FILLED_MAX} letters with its values.` });
    return parts;
  }

  #fill(text: string, scope: Scope, place: Place, faults: Remark[], into: Part[], depth: number, length = 0): number {
    let at = 0;
    let sum = length;
    for (const found of text.matchAll(REFERENCE)) {
      sum += add(into, { kind: 'text', text: text.slice(at, found.index) });
      at = found.index + found[0].length;
      if (sum > FILLED_MAX) return sum;
      sum = this.#reference(found[1]!.trim(), scope, place, faults, into, depth, sum + 1);
    }
    const rest = text.slice(at);
    const open = /\$\(|\$\{/.exec(rest);
    if (open)
      faults.push({
        ...place,
        what: `${JSON.stringify(rest.slice(open.index, open.index + 40))} is worked out by Azkaban: it is not carried over.`,
      });
    return sum + add(into, { kind: 'text', text: rest });
  }

  #reference(
    name: string,
    scope: Scope,
    place: Place,
    faults: Remark[],
    into: Part[],
    depth: number,
    length: number,
  ): number {
    const variable = Object.hasOwn(RUNTIME, name) ? RUNTIME[name] : undefined;
    if (variable !== undefined) {
      into.push({ kind: 'variable', name: variable });
      return length + name.length;
    }
    if (depth >= DEPTH_MAX) {
      faults.push({ ...place, what: `\${${name}} stands for itself in the end: a circle of values.` });
      return length;
    }
    const property = this.properties.find(scope, name);
    if (property) this.used.add(property);
    const isOwn = property !== undefined && this.properties.at(scope[0]!, name) === property;
    if (property && (isOwn || REFERENCE_ONCE.test(property.value)))
      return this.#fill(property.value, scope, property, faults, into, depth + 1, length);
    into.push({ kind: 'parameter', name: this.#parameter(name, property) });
    return length + name.length;
  }

  #parameter(name: string, property: ScopedProperty | undefined): string {
    const key = property ? `${property.file} ${name}` : name;
    const own = this.#names.of(key, name);
    if (!this.#parameters.has(own))
      this.#parameters.set(own, {
        name: own,
        ...given({ value: property?.value }),
        help: property ? `${name} of ${property.file}` : `${name}, which the flow is given when it starts`,
      });
    return own;
  }
}

const REFERENCE_ONCE = /\$[{(]/;

function add(into: Part[], part: Part & { readonly kind: 'text' }): number {
  if (part.text !== '') into.push(part);
  return part.text.length;
}
