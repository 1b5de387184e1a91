/**
 * What people write after `-t`: `all`, host names, globs, `label=value`, joined by `and`, `or` (or a comma), `not` and brackets.
 * `not` binds closest, then `and`, then `or`. Names and values are patterns: globs, and sets of numbers (name-pattern.ts).
 *
 * A name without a glob is a promise that the host exists, and so is each name of a set of numbers: one that does not exist is an
 * error, even when others match. Which letters words may hold stands in nameable.ts.
 */
import { assert } from '../../base/assert.ts';
import { limits } from '../../base/limits.ts';
import { labelKeyFault, marksFault, oddLetter, OddLetters, oneForm, PLAIN_SIGNS, signsText } from './nameable.ts';
import {
  expandNamePattern,
  isPlainName,
  nameMatcher,
  parseNamePattern,
  readingOf,
  type NamePattern,
} from './name-pattern.ts';

export type TargetExpression =
  | { readonly kind: 'all' }
  | { readonly kind: 'name'; readonly pattern: string }
  | { readonly kind: 'label'; readonly label: string; readonly pattern: string; readonly equal: boolean }
  /** Two operands or more. */
  | { readonly kind: 'and' | 'or'; readonly operands: readonly TargetExpression[] }
  | { readonly kind: 'not'; readonly operand: TargetExpression };

export interface TargetFault {
  readonly column: number;
  readonly detail: string;
}
export type ParsedTarget =
  /** `names`: hosts and values that it names, sets of numbers written out. */
  | { readonly ok: true; readonly expression: TargetExpression; readonly names: number }
  | { readonly ok: false; readonly fault: TargetFault };

export interface TargetHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Token {
  readonly text: string;
  readonly column: number;
}
class ParseFault extends Error {
  readonly fault: TargetFault;
  constructor(fault: TargetFault) {
    super(fault.detail);
    this.fault = fault;
  }
}

/**
 * Commas and signs belong to a word within its brackets. A bracket that is not closed is the pattern's fault to tell. What is beyond ASCII
 * is looked at as a whole word, which is much cheaper.
 */
const WORD = new RegExp(String.raw`(?:[A-Za-z0-9*?\]${PLAIN_SIGNS}]+|[^\0-\x7f\s]+|\[[^[\]\s()]*\]?)+`, 'y');
const BEYOND_ASCII = /[^\0-\x7f]/;

export function parseTarget(text: string): ParsedTarget {
  try {
    if (text.length > limits.targetExpressionLengthMax)
      throw new ParseFault({ column: 1, detail: `longer than ${limits.targetExpressionLengthMax} characters` });
    const tokens = tokenize(text);
    const parser = new Parser(tokens, text.length + 1);
    return { ok: true, expression: parser.whole(), names: parser.names };
  } catch (error) {
    if (error instanceof ParseFault) return { ok: false, fault: error.fault };
    throw error;
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const marks = BEYOND_ASCII.test(text) ? marksFault(text) : undefined;
  if (marks) throw new ParseFault({ column: marks.at + 1, detail: marks.detail });
  const odd = new OddLetters();
  for (let at = 0; at < text.length; ) {
    if (tokens.length === limits.targetWordsMax && text.slice(at).trim() !== '')
      throw new ParseFault({
        column: tokens.at(-1)!.column,
        detail: `more than ${limits.targetWordsMax} words and signs; say which hosts by a label, a glob or numbers, as in web-[1-500]`,
      });
    const char = text[at]!;
    if (/\s/.test(char)) {
      at++;
    } else if ('(),'.includes(char)) {
      tokens.push({ text: char, column: at + 1 });
      at++;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0];
      if (word === undefined) throw notPart(String.fromCodePoint(text.codePointAt(at)!), at + 1);
      tokens.push({ text: wordInOneForm(word, at + 1, odd), column: at + 1 });
      at += word.length;
    }
  }
  return tokens;
}

/** As names and labels are on record. A letter that none of them can have is told here, for nothing would ever match it. */
function wordInOneForm(word: string, column: number, odd: OddLetters): string {
  if (!BEYOND_ASCII.test(word)) return word;
  const text = oneForm(word);
  const found = odd.find(text);
  if (found) throw notPart(found.char, column + found.at);
  return text;
}

function notPart(char: string, column: number): ParseFault {
  const { said, why } = oddLetter(char) ?? { said: JSON.stringify(char), why: undefined };
  return new ParseFault({
    column,
    detail:
      `${said} is not part of a target${why === undefined ? '' : `: ${why}`}; names and labels hold letters, marks ` +
      `and digits of any script and ${signsText(PLAIN_SIGNS)}`,
  });
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;
  /** Brackets and `not` around what is read; the outermost term has none. */
  #depth = -1;
  /** Terms that each host is held against, one after the other; the names of one list are looked up and are one term. */
  #terms = 0;
  /** Names that patterns stand for, all together: each is made before any host is looked at. */
  #names = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  get names(): number {
    return this.#names;
  }

  whole(): TargetExpression {
    if (this.#tokens.length === 0)
      throw new ParseFault({ column: 1, detail: 'empty; say which hosts, for example web-* or all' });
    const expression = this.#or();
    const rest = this.#tokens[this.#at];
    if (rest)
      throw new ParseFault({
        column: rest.column,
        detail: `expected and, or, a comma or the end, not ${JSON.stringify(rest.text)}`,
      });
    return expression;
  }

  #or(): TargetExpression {
    const operands: TargetExpression[] = [];
    let listed = 0;
    do {
      const token = this.#tokens[this.#at];
      const operand = this.#and();
      operands.push(operand);
      if (operand.kind === 'name' && isLiteral(operand.pattern) && listed++ > 0) this.#terms--;
      this.#checkTerms(token);
    } while (this.#take('or') || this.#take(','));
    return operands.length === 1 ? operands[0]! : { kind: 'or', operands };
  }

  #and(): TargetExpression {
    const operands = [this.#unary()];
    while (this.#take('and')) {
      const token = this.#tokens[this.#at];
      operands.push(this.#unary());
      this.#checkTerms(token);
    }
    return operands.length === 1 ? operands[0]! : { kind: 'and', operands };
  }

  #unary(): TargetExpression {
    const token = this.#tokens[this.#at];
    if (!token)
      throw new ParseFault({ column: this.#end, detail: 'ends where a host, a label or a bracket is expected' });
    if (++this.#depth > limits.targetExpressionDepthMax)
      throw new ParseFault({ column: token.column, detail: `nested deeper than ${limits.targetExpressionDepthMax}` });
    try {
      if (this.#take('not')) return { kind: 'not', operand: this.#unary() };
      if (this.#take('(')) {
        const inner = this.#or();
        if (!this.#take(')'))
          throw new ParseFault({
            column: this.#tokens[this.#at]?.column ?? this.#end,
            detail: `expected ) for the bracket at column ${token.column}`,
          });
        return inner;
      }
      this.#at++;
      return this.#term(token);
    } finally {
      this.#depth--;
    }
  }

  #term(token: Token): TargetExpression {
    const { term, names } = atom(token);
    this.#terms++;
    this.#names += names;
    if (this.#names > limits.targetNamesMax)
      throw new ParseFault({
        column: token.column,
        detail: `names more than ${limits.targetNamesMax} hosts or values, sets of numbers written out`,
      });
    return term;
  }

  #checkTerms(token: Token | undefined): void {
    if (this.#terms > limits.targetTermsMax)
      throw new ParseFault({
        column: token?.column ?? this.#end,
        detail: `more than ${limits.targetTermsMax} labels and globs; a list of names by commas counts as one`,
      });
  }

  #take(text: string): boolean {
    if (this.#tokens[this.#at]?.text.toLowerCase() !== text) return false;
    this.#at++;
    return true;
  }
}

function atom(token: Token): { term: TargetExpression; names: number } {
  const { text, column } = token;
  if (['and', 'or', ')', ','].includes(text.toLowerCase()))
    throw new ParseFault({ column, detail: `expected a host, a label or a bracket, not ${JSON.stringify(text)}` });
  if (text.toLowerCase() === 'all') return { term: { kind: 'all' }, names: 0 };
  const at = text.indexOf('=');
  if (at < 0) return { term: { kind: 'name', pattern: text }, names: namesIn(text, column) };
  const negated = text[at - 1] === '!';
  const label = text.slice(0, negated ? at - 1 : at);
  const pattern = text.slice(at + 1);
  const unfit = label === '' ? 'the key is missing' : labelKeyFault(label);
  if (unfit !== undefined) throw new ParseFault({ column, detail: `a label is written name=value: ${unfit}` });
  return { term: { kind: 'label', label, pattern, equal: !negated }, names: namesIn(pattern, column + at + 1) };
}

/** How many names a pattern stands for, or is to read. */
function namesIn(text: string, column: number): number {
  if (isPlainName(text)) return 1;
  const parsed = parseNamePattern(text);
  if (!parsed.ok) throw new ParseFault({ column: column + parsed.offset, detail: parsed.detail });
  return readingOf(parsed.pattern);
}

function isLiteral(pattern: string): boolean {
  return isPlainName(pattern) || !patternOf(pattern).isGlob;
}

export function formatTarget(expression: TargetExpression): string {
  switch (expression.kind) {
    case 'all':
      return 'all';
    case 'name':
      return expression.pattern;
    case 'label':
      return `${expression.label}${expression.equal ? '=' : '!='}${expression.pattern}`;
    case 'not':
      return `not ${bracketed(expression.operand)}`;
    default:
      return expression.operands.map(bracketed).join(` ${expression.kind} `);
  }
}

function bracketed(expression: TargetExpression): string {
  const text = formatTarget(expression);
  return expression.kind === 'and' || expression.kind === 'or' ? `(${text})` : text;
}

export interface TargetMatch<Host> {
  readonly hosts: readonly Host[];
  /** Names written out in the expression that no host has. */
  readonly unknownNames: readonly string[];
}

/** Hosts that match, in their given order. Linear in hosts; globs are matched without backtracking. */
export function matchTarget<Host extends TargetHost>(
  expression: TargetExpression,
  hosts: readonly Host[],
): TargetMatch<Host> {
  const search = new TargetSearch<Host>(expression);
  search.look(hosts);
  return search.found();
}

/** The same, in as many looks as the caller likes: fleets are large, and a server has others to see to in between. */
export class TargetSearch<Host extends TargetHost> {
  readonly #missing = new Set<string>();
  readonly #matched: Host[] = [];
  readonly #test: Test;

  constructor(expression: TargetExpression) {
    this.#test = compile(expression, this.#missing);
  }

  look(hosts: readonly Host[]): void {
    for (const host of hosts) {
      if (this.#test(host)) this.#matched.push(host);
      this.#missing.delete(host.name);
    }
  }

  found(): TargetMatch<Host> {
    return { hosts: this.#matched, unknownNames: [...this.#missing] };
  }
}

/** For one host at a time, where an unknown name is no fault: it covers nothing. */
export function targetTest(expression: TargetExpression): (host: TargetHost) => boolean {
  return compile(expression, new Set());
}

type Test = (host: TargetHost) => boolean;

function compile(expression: TargetExpression, literals: Set<string>): Test {
  switch (expression.kind) {
    case 'all':
      return () => true;
    case 'name':
      return compileAny([expression], literals);
    case 'label': {
      const matches = nameMatcher(patternOf(expression.pattern));
      const { label, equal } = expression;
      return (host) => (Object.hasOwn(host.labels, label) && matches(host.labels[label]!)) === equal;
    }
    case 'not': {
      const operand = compile(expression.operand, literals);
      return (host) => !operand(host);
    }
    case 'and': {
      const tests = expression.operands.map((operand) => compile(operand, literals));
      return (host) => tests.every((test) => test(host));
    }
    case 'or':
      return compileAny(expression.operands, literals);
  }
}

/** Names that are written out are looked up, however many they are: a list of ten thousand costs a host no more than one. */
function compileAny(operands: readonly TargetExpression[], literals: Set<string>): Test {
  const names = new Set<string>();
  const tests: Test[] = [];
  for (const operand of operands) {
    if (operand.kind !== 'name') {
      tests.push(compile(operand, literals));
      continue;
    }
    if (isPlainName(operand.pattern)) {
      names.add(operand.pattern);
      continue;
    }
    const pattern = patternOf(operand.pattern);
    if (pattern.isGlob) {
      const matches = nameMatcher(pattern);
      tests.push((host) => matches(host.name));
    } else for (const name of expandNamePattern(pattern)) names.add(name);
  }
  for (const name of names) literals.add(name);
  return (host) => names.has(host.name) || tests.some((test) => test(host));
}

/** An expression is made by the parser, which refused what is no pattern. */
function patternOf(text: string): NamePattern {
  const parsed = parseNamePattern(text);
  assert(parsed.ok, `${text} is not a pattern`);
  return parsed.pattern;
}
