/**
 * What people write after `-t`: `all`, host names, globs, `label=value`, joined by `and`, `or` (or a comma), `not` and brackets.
 * `not` binds closest, then `and`, then `or`. Globs: `*`, `?`, `[a-c]`; they match whole names or values.
 *
 * A name without a glob is a promise that the host exists: one that does not is an error, even when others match.
 */
import { limits } from '../../base/limits.ts';

export type TargetExpression =
  | { readonly kind: 'all' }
  | { readonly kind: 'name'; readonly pattern: string }
  | { readonly kind: 'label'; readonly label: string; readonly pattern: string; readonly equal: boolean }
  | { readonly kind: 'and' | 'or'; readonly left: TargetExpression; readonly right: TargetExpression }
  | { readonly kind: 'not'; readonly operand: TargetExpression };

export interface TargetFault {
  readonly column: number;
  readonly detail: string;
}
export type ParsedTarget =
  | { readonly ok: true; readonly expression: TargetExpression }
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

const WORD = /[A-Za-z0-9_.:*?[\]/@+!=%~^-]+/y;

export function parseTarget(text: string): ParsedTarget {
  try {
    if (text.length > limits.targetExpressionLengthMax)
      throw new ParseFault({ column: 1, detail: `longer than ${limits.targetExpressionLengthMax} characters` });
    const tokens = tokenize(text);
    const parser = new Parser(tokens, text.length + 1);
    return { ok: true, expression: parser.whole() };
  } catch (error) {
    if (error instanceof ParseFault) return { ok: false, fault: error.fault };
    throw error;
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    if (/\s/.test(char)) {
      at++;
    } else if ('(),'.includes(char)) {
      tokens.push({ text: char, column: at + 1 });
      at++;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0];
      if (word === undefined)
        throw new ParseFault({
          column: at + 1,
          detail: `${JSON.stringify(char)} is not part of a target; names may hold letters, digits and . _ - : / @`,
        });
      tokens.push({ text: word, column: at + 1 });
      at += word.length;
    }
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
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
    let left = this.#and();
    while (this.#take('or') || this.#take(',')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): TargetExpression {
    let left = this.#unary();
    while (this.#take('and')) left = { kind: 'and', left, right: this.#unary() };
    return left;
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
      return atom(token);
    } finally {
      this.#depth--;
    }
  }

  #take(text: string): boolean {
    if (this.#tokens[this.#at]?.text.toLowerCase() !== text) return false;
    this.#at++;
    return true;
  }
}

function atom(token: Token): TargetExpression {
  const { text, column } = token;
  if (['and', 'or', ')', ','].includes(text.toLowerCase()))
    throw new ParseFault({ column, detail: `expected a host, a label or a bracket, not ${JSON.stringify(text)}` });
  if (text.toLowerCase() === 'all') return { kind: 'all' };
  const at = text.indexOf('=');
  if (at < 0) {
    checkGlob(text, column);
    return { kind: 'name', pattern: text };
  }
  const negated = text[at - 1] === '!';
  const label = text.slice(0, negated ? at - 1 : at);
  const pattern = text.slice(at + 1);
  if (!/^[A-Za-z0-9_.:/-]+$/.test(label)) throw new ParseFault({ column, detail: 'a label is written name=value' });
  checkGlob(pattern, column + at + 1);
  return { kind: 'label', label, pattern, equal: !negated };
}

function checkGlob(pattern: string, column: number): void {
  const open = pattern.indexOf('[');
  if (open >= 0 && !/^(?:[^[\]]|\[[^[\]]+\])*$/.test(pattern))
    throw new ParseFault({ column: column + open, detail: 'a [ ] set is not closed or is empty' });
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
      return `${bracketed(expression.left)} ${expression.kind} ${bracketed(expression.right)}`;
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
  const literals = new Set<string>();
  const test = compile(expression, literals);
  const matched = hosts.filter((host) => test(host));
  for (const host of hosts) literals.delete(host.name);
  return { hosts: matched, unknownNames: [...literals] };
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
    case 'name': {
      if (!isGlob(expression.pattern)) literals.add(expression.pattern);
      const matches = globMatcher(expression.pattern);
      return (host) => matches(host.name);
    }
    case 'label': {
      const matches = globMatcher(expression.pattern);
      const { label, equal } = expression;
      return (host) => (Object.hasOwn(host.labels, label) && matches(host.labels[label]!)) === equal;
    }
    case 'not': {
      const operand = compile(expression.operand, literals);
      return (host) => !operand(host);
    }
    default: {
      const [left, right] = [compile(expression.left, literals), compile(expression.right, literals)];
      return expression.kind === 'and' ? (host) => left(host) && right(host) : (host) => left(host) || right(host);
    }
  }
}

function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

/** Greedy with one point to go back to: never worse than pattern × text. */
export function globMatcher(pattern: string): (text: string) => boolean {
  if (!isGlob(pattern)) return (text) => text === pattern;
  const parts = globParts(pattern);
  return (text) => {
    let [p, t, star, mark] = [0, 0, -1, 0];
    while (t < text.length) {
      const part = parts[p];
      if (part === '*') {
        star = p++;
        mark = t;
      } else if (part !== undefined && part.has(text[t]!)) {
        p++;
        t++;
      } else if (star >= 0) {
        p = star + 1;
        t = ++mark;
      } else return false;
    }
    while (parts[p] === '*') p++;
    return p === parts.length;
  };
}

type GlobPart = '*' | { has(char: string): boolean };

function globParts(pattern: string): GlobPart[] {
  const parts: GlobPart[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '*') parts.push('*');
    else if (char === '?') parts.push({ has: () => true });
    else if (char === '[') {
      const end = pattern.indexOf(']', i + 1);
      parts.push(charSet(pattern.slice(i + 1, end)));
      i = end;
    } else parts.push({ has: (other) => other === char });
  }
  return parts;
}

function charSet(text: string): { has(char: string): boolean } {
  const negated = text[0] === '!' || text[0] === '^';
  const body = negated ? text.slice(1) : text;
  const ranges: [string, string][] = [];
  for (let i = 0; i < body.length; i++) {
    if (body[i + 1] === '-' && i + 2 < body.length) {
      ranges.push([body[i]!, body[i + 2]!]);
      i += 2;
    } else ranges.push([body[i]!, body[i]!]);
  }
  return { has: (char) => ranges.some(([from, to]) => char >= from && char <= to) !== negated };
}
