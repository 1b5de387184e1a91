/** What stands in `${…}` of a workflow: parameters, which the job has too, and functions, of which most mean nothing outside of Oozie. */
import { given } from '../base/given.ts';
import type { Place, Remark } from './conversion.ts';
import type { FilledText, Part } from './filled-text.ts';
import type { DraftParameter } from './job-draft.ts';
import { Names } from './names.ts';
import { childOf, childrenOf, type Element } from './xml-tree.ts';

/** As what a condition reads a parameter. */
export type ValueKind = 'text' | 'number' | 'bool';

const EXPRESSION = /\$\{([^}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const CONF = /^wf:conf\(\s*(?:'([^']*)'|"([^"]*)")\s*\)$/;

export class OozieValues {
  readonly #names = Names.parameters();
  readonly #parameters = new Map<string, DraftParameter>();
  readonly #flowName: string;
  /** What conditions read them as. */
  readonly #typed = new Map<string, ValueKind>();

  constructor(workflow: Element) {
    this.#flowName = workflow.attributes.get('name') ?? '';
    const declared = childOf(workflow, 'parameters');
    for (const property of declared ? childrenOf(declared, 'property') : []) {
      const name = childOf(property, 'name')?.text.trim() ?? '';
      if (name !== '')
        this.#parameter(name, childOf(property, 'value')?.text, childOf(property, 'description')?.text.trim());
    }
  }

  get parameters(): DraftParameter[] {
    return [...this.#parameters.values()];
  }

  filled(text: string, { file, line }: Place, refusals: Remark[]): FilledText {
    const parts: Part[] = [];
    let at = 0;
    for (const found of text.matchAll(EXPRESSION)) {
      if (found.index > at) parts.push({ kind: 'text', text: text.slice(at, found.index) });
      at = found.index + found[0].length;
      const part = this.#part(found[1]!.trim());
      if (part) parts.push(part);
      else refusals.push({ file, line, what: `${found[0]} is worked out by Oozie: it is not carried over.` });
    }
    if (at < text.length) parts.push({ kind: 'text', text: text.slice(at) });
    return parts;
  }

  #part(expression: string): Part | undefined {
    if (expression === 'wf:id()') return { kind: 'variable', name: 'DROVER_RUN_ID' };
    if (expression === 'wf:name()') return { kind: 'text', text: this.#flowName };
    const conf = CONF.exec(expression);
    const name = conf ? (conf[1] ?? conf[2]!) : NAME.test(expression) ? expression : undefined;
    return name === undefined || name === '' ? undefined : { kind: 'parameter', name: this.#parameter(name) };
  }

  /** Whether what it was given, if anything, is of that type, and nothing else was said of it. */
  canBe(name: string, type: ValueKind): boolean {
    const known = this.#parameters.get(this.#names.of(name));
    if (known === undefined) return true;
    const before = this.#typed.get(known.name);
    if (before !== undefined) return before === type;
    const { value } = known;
    if (value === undefined || type === 'text') return true;
    return type === 'number' ? /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value) : value === 'true' || value === 'false';
  }

  /** A condition reads it as that. @returns its name in the job. */
  typed(name: string, type: ValueKind): string {
    const own = this.#parameter(name);
    this.#typed.set(own, type);
    if (type !== 'text') this.#parameters.set(own, { ...this.#parameters.get(own)!, type });
    return own;
  }

  #parameter(name: string, value?: string, help?: string): string {
    const own = this.#names.of(name);
    if (!this.#parameters.has(own))
      this.#parameters.set(own, {
        name: own,
        ...given({ value }),
        help: help || `${name} of the workflow`,
      });
    return own;
  }
}
