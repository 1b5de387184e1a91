/**
 * The small language of conditions, as it is written: texts, numbers, true and false, lists, names of what a run knows, comparisons of two
 * of those, and `not`, `and`, `or` over them. It is parsed and never run as a program: there are no calls, no arithmetic and no loops, so
 * that an expression is decided in time that grows with its length. What its names stand for, and of which type that is, says
 * expression.ts.
 *
 *     or      = and { "or" and }
 *     and     = not { "and" not }
 *     not     = "not" not | term
 *     term    = "(" or ")" | "has" NAME | value [ operator value ]
 *     value   = TEXT | NUMBER | "true" | "false" | "[" [ (TEXT | NUMBER) { "," (TEXT | NUMBER) } ] "]" | NAME
 *     operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | [ "not" ] "in" | "contains" | "matches"
 *
 * A text stands in " or '; the sign itself is written twice in it, and nothing else has a meaning there, so patterns are as they are.
 */
import { jobLimits } from '../../base/job-limits.ts';

export const OPERATORS = ['==', '!=', '<', '<=', '>', '>=', 'in', 'contains', 'matches'] as const;
export type Operator = (typeof OPERATORS)[number];

/** `at`: offset into the text. */
export type ValueSyntax =
  | { readonly kind: 'literal'; readonly at: number; readonly value: string | number | boolean }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly (string | number)[] }
  | { readonly kind: 'name'; readonly at: number; readonly name: string };
export type Syntax =
  | ValueSyntax
  | { readonly kind: 'has'; readonly at: number; readonly name: string }
  | { readonly kind: 'not'; readonly at: number; readonly operand: Syntax }
  /** Two operands or more. */
  | { readonly kind: 'and' | 'or'; readonly at: number; readonly operands: readonly Syntax[] }
  | {
      readonly kind: 'compare';
      readonly at: number;
      readonly operator: Operator;
      readonly left: ValueSyntax;
      readonly right: ValueSyntax;
    };

export interface SyntaxFault {
  readonly at: number;
  readonly detail: string;
}
export type ParsedSyntax =
  | { readonly ok: true; readonly syntax: Syntax }
  | { readonly ok: false; readonly fault: SyntaxFault };

/** The first fault, as what comes behind one means nothing certain. */
export function parseSyntax(text: string): ParsedSyntax {
  try {
    if (text.length > jobLimits.conditionLengthMax)
      throw new Fault(0, `The expression has ${text.length} characters; ${jobLimits.conditionLengthMax} are allowed.`);
    return { ok: true, syntax: new Parser(tokensOf(text), text.length).whole() };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, fault: { at: error.at, detail: error.message } };
    throw error;
  }
}

class Fault extends Error {
  readonly at: number;
  constructor(at: number, detail: string) {
    super(detail);
    this.at = at;
  }
}

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign';
  readonly text: string;
  readonly at: number;
}

const BLANK = /\s+/y;
const SIGN = /==|!=|<=|>=|[<>()[\],]/y;
const WORD = /[A-Za-z0-9_.:@/+-]+/y;
const NUMBER = /^[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,2})?$/;
const QUOTED = /"(?:[^"]|"")*"|'(?:[^']|'')*'/y;
const WORDS = ['and', 'or', 'not', 'has', 'true', 'false', 'in', 'contains', 'matches'];

/** What other languages write. */
const MEANT: readonly (readonly [string, string])[] = [
  ['${{', 'All of it is an expression: leave out ${{ and }}.'],
  ['&&', '&& is written and.'],
  ['||', '|| is written or.'],
  ['!', '! is written not.'],
  ['=', '= is written ==.'],
];

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const blank = take(BLANK);
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const quoted = take(QUOTED);
    const sign = take(SIGN);
    const word = take(WORD);
    const read = quoted ?? sign ?? word;
    if (read === undefined) throw oddSign(text, at);
    const kind = quoted ? 'text' : sign ? 'sign' : NUMBER.test(read) ? 'number' : 'word';
    tokens.push({ kind, text: read, at });
    at += read.length;
  }
  return tokens;
}

function oddSign(text: string, at: number): Fault {
  const meant = MEANT.find(([sign]) => text.startsWith(sign, at));
  if (meant) return new Fault(at, meant[1]);
  const char = String.fromCodePoint(text.codePointAt(at)!);
  if (char === '"' || char === "'") return new Fault(at, `This text is not closed: another ${char} is missing.`);
  return new Fault(at, `${JSON.stringify(char)} has no place in an expression; texts stand in quotes, as in "a text".`);
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;
  #depth = 0;
  #nodes = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  whole(): Syntax {
    if (this.#tokens.length === 0) throw new Fault(0, 'The expression is empty.');
    const syntax = this.#or();
    const rest = this.#tokens[this.#at];
    if (rest) throw this.#unexpected(rest, 'and, or, or the end');
    return syntax;
  }

  #or(): Syntax {
    return this.#joined('or', () => this.#joined('and', () => this.#not()));
  }

  #joined(kind: 'and' | 'or', operand: () => Syntax): Syntax {
    const first = operand();
    const operands = [first];
    while (this.#takeWord(kind)) operands.push(operand());
    return operands.length === 1 ? first : this.#node({ kind, at: first.at, operands });
  }

  #not(): Syntax {
    const token = this.#tokens[this.#at];
    if (!this.#takeWord('not')) return this.#term();
    return this.#deeper(token!, () => this.#node({ kind: 'not', at: token!.at, operand: this.#not() }));
  }

  #term(): Syntax {
    const token = this.#tokens[this.#at];
    if (this.#takeSign('(')) return this.#deeper(token!, () => this.#bracketed(token!));
    if (this.#takeWord('has')) {
      const name = this.#tokens[this.#at++];
      if (!name || !isName(name))
        throw new Fault(name?.at ?? this.#end, 'Behind has stands a name, as in params.NAME.');
      return this.#node({ kind: 'has', at: name.at, name: name.text });
    }
    const left = this.#value();
    const operator = this.#operator();
    if (operator === undefined) return left;
    const { is, at } = operator;
    const compared = this.#node({ kind: 'compare', at, operator: is, left, right: this.#value() });
    const next = this.#tokens[this.#at];
    if (this.#operator() !== undefined)
      throw new Fault(next!.at, 'Two comparisons are joined by and, as in 1 < params.n and params.n < 5.');
    return operator.isNot ? this.#node({ kind: 'not', at, operand: compared }) : compared;
  }

  #bracketed(opening: Token): Syntax {
    const inner = this.#or();
    if (!this.#takeSign(')'))
      throw new Fault(
        this.#tokens[this.#at]?.at ?? this.#end,
        `A ) is missing for the ( at character ${opening.at + 1}.`,
      );
    const next = this.#tokens[this.#at];
    if (this.#operator() !== undefined)
      throw new Fault(next!.at, 'What is compared are two values; brackets stand around whole comparisons.');
    return inner;
  }

  #operator(): { readonly is: Operator; readonly isNot: boolean; readonly at: number } | undefined {
    const token = this.#tokens[this.#at];
    if (!token || token.kind === 'text' || token.kind === 'number') return undefined;
    const next = this.#tokens[this.#at + 1];
    if (token.text === 'not' && token.kind === 'word' && next?.kind === 'word' && next.text === 'in') {
      this.#at += 2;
      return { is: 'in', isNot: true, at: token.at };
    }
    const is = OPERATORS.find((one) => one === token.text);
    if (is === undefined) return undefined;
    this.#at++;
    return { is, isNot: false, at: token.at };
  }

  #value(): ValueSyntax {
    const token = this.#tokens[this.#at++];
    if (!token) throw new Fault(this.#end, 'The expression ends where a value is expected.');
    const { at, text } = token;
    if (token.kind === 'text' || token.kind === 'number')
      return this.#node({ kind: 'literal', at, value: literalOf(token) });
    if (text === '[') return this.#list(token);
    if (text === 'true' || text === 'false') return this.#node({ kind: 'literal', at, value: text === 'true' });
    if (!isName(token)) throw this.#unexpected(token, 'a value');
    return this.#node({ kind: 'name', at, name: text });
  }

  #list({ at }: Token): ValueSyntax {
    const items: (string | number)[] = [];
    while (!this.#takeSign(']')) {
      if (items.length > 0 && !this.#takeSign(','))
        throw this.#unexpected(this.#tokens[this.#at], 'a comma or ] in a list');
      const token = this.#tokens[this.#at++];
      if (token?.kind !== 'text' && token?.kind !== 'number')
        throw this.#unexpected(token, 'a text in quotes, or a number, in a list');
      items.push(literalOf(token));
      this.#count(token.at);
    }
    return this.#node({ kind: 'list', at, items });
  }

  #deeper<T>({ at }: Token, inner: () => T): T {
    if (++this.#depth > jobLimits.conditionDepthMax)
      throw new Fault(at, `Brackets and not are nested deeper than ${jobLimits.conditionDepthMax}.`);
    const made = inner();
    this.#depth--;
    return made;
  }

  #node<T extends Syntax>(syntax: T): T {
    this.#count(syntax.at);
    return syntax;
  }

  #count(at: number): void {
    if (++this.#nodes > jobLimits.conditionPartsMax)
      throw new Fault(at, `The expression has more than ${jobLimits.conditionPartsMax} parts.`);
  }

  #unexpected(token: Token | undefined, expected: string): Fault {
    if (!token) return new Fault(this.#end, `The expression ends where ${expected} is expected.`);
    const said = token.text.length > 80 ? `${token.text.slice(0, 80)}…` : token.text;
    return new Fault(token.at, `Expected is ${expected}, not ${token.kind === 'text' ? said : JSON.stringify(said)}.`);
  }

  #takeWord(text: string): boolean {
    return this.#take('word', text);
  }

  #takeSign(text: string): boolean {
    return this.#take('sign', text);
  }

  #take(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }
}

function isName({ kind, text }: Token): boolean {
  return kind === 'word' && !WORDS.includes(text);
}

function literalOf({ kind, text }: Token): string | number {
  // There is one zero.
  if (kind === 'number') return Number(text) + 0;
  const quote = text[0]!;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** As it may be written; what is parsed from it is the same. */
export function formatSyntax(syntax: Syntax): string {
  switch (syntax.kind) {
    case 'literal':
      return literalText(syntax.value);
    case 'list':
      return `[${syntax.items.map(literalText).join(', ')}]`;
    case 'name':
      return syntax.name;
    case 'has':
      return `has ${syntax.name}`;
    case 'compare':
      return `${formatSyntax(syntax.left)} ${syntax.operator} ${formatSyntax(syntax.right)}`;
    case 'not':
      return `not ${bracketed(syntax.operand)}`;
    default:
      return syntax.operands.map(bracketed).join(` ${syntax.kind} `);
  }
}

function bracketed(syntax: Syntax): string {
  const text = formatSyntax(syntax);
  return syntax.kind === 'and' || syntax.kind === 'or' ? `(${text})` : text;
}

function literalText(value: string | number | boolean): string {
  return typeof value === 'string' ? `"${value.replaceAll('"', '""')}"` : String(value);
}
