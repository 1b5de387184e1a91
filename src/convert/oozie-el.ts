/**
 * Cases of Oozie's decisions as conditions of Drover: comparisons of parameters with values, `and`, `or`, `not`. What else the expression
 * language of Oozie knows (functions of the workflow, of the file system, arithmetic) has no counterpart.
 */
import type { OozieValues, ValueKind } from './oozie-values.ts';

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign';
  readonly text: string;
}
type Operand =
  | { readonly kind: 'literal'; readonly type: ValueKind; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string };

const TOKEN = new RegExp(
  [
    /'((?:[^'\\]|\\.)*)'/,
    /"((?:[^"\\]|\\.)*)"/,
    /(\d+(?:\.\d+)?)/,
    /(wf:conf)\(\s*(?:'([^']*)'|"([^"]*)")\s*\)/,
    /([A-Za-z_][A-Za-z0-9_]*)/,
    /(==|!=|<=|>=|&&|\|\||[<>!()])/,
  ]
    .map(({ source }) => source)
    .join('|')
    .replace(/^.*$/, (either) => `\\s*(?:${either})\\s*`),
  'y',
);
const COMPARISONS: Readonly<Record<string, string>> = {
  '==': '==',
  eq: '==',
  '!=': '!=',
  ne: '!=',
  '<': '<',
  lt: '<',
  '>': '>',
  gt: '>',
  '<=': '<=',
  le: '<=',
  '>=': '>=',
  ge: '>=',
};
/** Words of the language, which are no parameters. */
const WORDS = new Set([
  ...Object.keys(COMPARISONS),
  'and',
  'or',
  'not',
  'true',
  'false',
  'null',
  'empty',
  'div',
  'mod',
]);
const DEPTH_MAX = 30;
const LENGTH_MAX = 2_000;

/** `text`: of a case, `${…}`. Undefined where it says anything that a condition cannot. */
export function conditionOf(text: string, values: OozieValues): string | undefined {
  const inside = /^\$\{([^}]*)\}$/.exec(text.trim())?.[1];
  if (inside === undefined || inside.length > LENGTH_MAX) return undefined;
  const tokens = tokensOf(inside);
  if (!tokens) return undefined;
  try {
    const reader = new Reader(tokens);
    const condition = reader.whole();
    // Nothing is said of a parameter before all of it is known to be fit.
    if (![...reader.types].every(([name, type]) => values.canBe(name, type))) return undefined;
    const named = new Map([...reader.types].map(([name, type]) => [name, values.typed(name, type)]));
    return condition((name) => `params.${named.get(name)!}`);
  } catch (error) {
    if (error instanceof Unfit) return undefined;
    throw error;
  }
}

class Unfit extends Error {}

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) return undefined;
    const [, single, double, number, conf, confSingle, confDouble, word, sign] = found;
    const quoted = single ?? double;
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replace(/\\(.)/g, '$1') });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (conf !== undefined) tokens.push({ kind: 'word', text: confSingle ?? confDouble! });
    else if (word !== undefined) tokens.push({ kind: WORDS.has(word) ? 'sign' : 'word', text: word });
    else tokens.push({ kind: 'sign', text: sign! });
  }
  return tokens;
}

/** A text once the names of its parameters are known. */
type Made = (nameOf: (parameter: string) => string) => string;

class Reader {
  /** As what each parameter is read. */
  readonly types = new Map<string, ValueKind>();
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Made {
    const made = this.#or();
    if (this.#at < this.#tokens.length) throw new Unfit();
    return made;
  }

  #or(): Made {
    return this.#joined(['or', '||'], 'or', () => this.#joined(['and', '&&'], 'and', () => this.#not()));
  }

  #joined(signs: readonly string[], word: string, operand: () => Made): Made {
    const all = [operand()];
    while (this.#take(...signs)) all.push(operand());
    if (all.length === 1) return all[0]!;
    return (nameOf) => `(${all.map((one) => one(nameOf)).join(` ${word} `)})`;
  }

  #not(): Made {
    if (++this.#depth > DEPTH_MAX) throw new Unfit();
    const made = this.#take('not', '!') ? negated(this.#not()) : this.#term();
    this.#depth--;
    return made;
  }

  #term(): Made {
    if (this.#take('(')) {
      const inner = this.#or();
      if (!this.#take(')')) throw new Unfit();
      return inner;
    }
    const left = this.#operand();
    const sign = this.#tokens[this.#at];
    const operator =
      sign?.kind === 'sign' && Object.hasOwn(COMPARISONS, sign.text) ? COMPARISONS[sign.text] : undefined;
    if (operator === undefined) {
      this.#isOf(left, 'bool');
      return (nameOf) => textOf(left, nameOf);
    }
    this.#at++;
    const right = this.#operand();
    const hasOrder = operator !== '==' && operator !== '!=';
    const literal = left.kind === 'literal' ? left : right.kind === 'literal' ? right : undefined;
    const type = literal?.type ?? (hasOrder ? 'number' : 'text');
    // Two values that are there already decide nothing; and texts have no order here.
    if ((left.kind === 'literal' && right.kind === 'literal') || (hasOrder && type !== 'number')) throw new Unfit();
    for (const side of [left, right]) this.#isOf(side, type);
    return (nameOf) => `${textOf(left, nameOf)} ${operator} ${textOf(right, nameOf)}`;
  }

  #operand(): Operand {
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'text' || token?.kind === 'number')
      return { kind: 'literal', type: token.kind, text: token.text };
    if (token?.kind === 'word' && token.text !== '') return { kind: 'parameter', name: token.text };
    if (token?.text === 'true' || token?.text === 'false') return { kind: 'literal', type: 'bool', text: token.text };
    throw new Unfit();
  }

  #isOf(operand: Operand, type: ValueKind): void {
    if (operand.kind === 'literal') {
      if (operand.type !== type) throw new Unfit();
      return;
    }
    if ((this.types.get(operand.name) ?? type) !== type) throw new Unfit();
    this.types.set(operand.name, type);
  }

  #take(...signs: readonly string[]): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || !signs.includes(token.text)) return false;
    this.#at++;
    return true;
  }
}

function negated(made: Made): Made {
  return (nameOf) => `not (${made(nameOf)})`;
}

function textOf(operand: Operand, nameOf: (parameter: string) => string): string {
  if (operand.kind === 'parameter') return nameOf(operand.name);
  return operand.type === 'text' ? `"${operand.text.replaceAll('"', '""')}"` : operand.text;
}
