/**
 * Expressions with types: what a text says (syntax.ts) where it is known what its names stand for. Whatever could go wrong is told before
 * anything is decided by one: unknown names, a text that is compared with a number, an order of things that have none, a pattern that is
 * none. So deciding is total. A value may still be missing, as that of a step that has failed before it told one. A comparison with what is
 * missing is missing itself, also `!=`, and so is `not` of it; `and` and `or` are missing where that decides them (Kleene). What is missing
 * in the end is not met: so what is met would be met whatever the missing values had been. `has` asks for them.
 */
import { jobLimits } from '../../base/job-limits.ts';
import { meantText, nearest } from '../../base/nearest.ts';
import { Pattern, PatternFault } from './pattern.ts';
import { containsText } from './text-search.ts';
import type { Operator, Syntax, ValueSyntax } from './syntax.ts';

export type Value = string | number | boolean | readonly string[] | readonly number[];

export const VALUE_TYPES = ['text', 'number', 'bool', 'day', 'texts', 'numbers'] as const;
/** A day is a text `2026-03-01`, which has an order. */
export type ValueType = (typeof VALUE_TYPES)[number];

/** What a name stands for. `words`: all texts that it may be. */
export interface Known<Ref> {
  readonly type: ValueType;
  readonly ref: Ref;
  readonly words?: readonly string[];
}
export type FoundName<Ref> =
  | ({ readonly ok: true } & Known<Ref>)
  | { readonly ok: false; readonly code: ExpressionFault['code']; readonly detail: string | (() => string) };
export type Scope<Ref> = (name: string) => FoundName<Ref>;

export type Operand<Ref> =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'ref'; readonly name: string; readonly ref: Ref };
export type Expression<Ref> =
  /** True or false. */
  | Operand<Ref>
  | { readonly kind: 'has'; readonly name: string; readonly ref: Ref }
  | { readonly kind: 'not'; readonly operand: Expression<Ref> }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression<Ref>[] }
  | {
      readonly kind: 'compare';
      readonly operator: Operator;
      readonly left: Operand<Ref>;
      readonly right: Operand<Ref>;
    };

export interface ExpressionFault {
  /** Offset into the text. */
  readonly at: number;
  readonly code: 'job-expression' | 'job-reference-unknown';
  readonly detail: string | (() => string);
}
/** `expression`: of no use where there are faults. All of them are told. */
export interface Typed<Ref> {
  readonly expression: Expression<Ref>;
  readonly faults: readonly ExpressionFault[];
}

export function typeExpression<Ref>(syntax: Syntax, scope: Scope<Ref>): Typed<Ref> {
  const typer = new Typer(scope);
  const expression = typer.condition(syntax);
  return { expression, faults: typer.faults };
}

/** A side of a comparison; `type` is undefined where its name is not known, which is told already. */
interface Side<Ref> {
  readonly operand: Operand<Ref>;
  readonly type: ValueType | undefined;
  readonly words: readonly string[] | undefined;
  readonly syntax: ValueSyntax;
}

const TYPE_TEXTS: Readonly<Record<ValueType, string>> = {
  text: 'a text',
  number: 'a number',
  bool: 'true or false',
  day: 'a day',
  texts: 'a list of texts',
  numbers: 'a list of numbers',
};
const DAY = /^\d{4}-\d\d-\d\d$/;

class Typer<Ref> {
  readonly faults: ExpressionFault[] = [];
  readonly #scope: Scope<Ref>;
  #places = 0;

  constructor(scope: Scope<Ref>) {
    this.#scope = scope;
  }

  condition(syntax: Syntax): Expression<Ref> {
    switch (syntax.kind) {
      case 'not':
        return { kind: 'not', operand: this.condition(syntax.operand) };
      case 'and':
      case 'or':
        return { kind: syntax.kind, operands: syntax.operands.map((operand) => this.condition(operand)) };
      case 'compare':
        return this.#compared(syntax.operator, this.#side(syntax.left), this.#side(syntax.right), syntax.at);
      case 'has': {
        const { operand } = this.#named(syntax);
        return operand.kind === 'ref' ? { ...operand, kind: 'has' } : operand;
      }
      default: {
        const { operand, type } = this.#side(syntax);
        if (type !== undefined && type !== 'bool')
          this.#fault(syntax.at, `${sideText(syntax)} is ${TYPE_TEXTS[type]}, which is no yes or no: compare it.`);
        return operand;
      }
    }
  }

  #side(syntax: ValueSyntax): Side<Ref> {
    if (syntax.kind === 'name') return { ...this.#named(syntax), syntax };
    if (syntax.kind === 'literal') {
      const type = { string: 'text', number: 'number', boolean: 'bool' }[typeof syntax.value as 'string'] as ValueType;
      return { operand: { kind: 'literal', value: syntax.value }, type, words: undefined, syntax };
    }
    const { items, at } = syntax;
    const isOfTexts = typeof items[0] !== 'number';
    if (items.some((item) => typeof item !== typeof items[0]))
      this.#fault(at, 'A list has texts or numbers, not both.');
    const value = items as readonly string[] | readonly number[];
    return { operand: { kind: 'literal', value }, type: isOfTexts ? 'texts' : 'numbers', words: undefined, syntax };
  }

  #named({ name, at }: { readonly name: string; readonly at: number }): Omit<Side<Ref>, 'syntax'> {
    const found = this.#scope(name);
    if (found.ok) return { operand: { kind: 'ref', name, ref: found.ref }, type: found.type, words: found.words };
    this.faults.push({ at, code: found.code, detail: found.detail });
    return { operand: { kind: 'literal', value: false }, type: undefined, words: undefined };
  }

  #compared(operator: Operator, left: Side<Ref>, right: Side<Ref>, at: number): Expression<Ref> {
    if (operator === 'matches') this.#checkPattern(left, right);
    else if (left.type !== undefined && right.type !== undefined) {
      if (operator === 'in') this.#checkMember(right, left, at);
      else if (operator === 'contains') this.#checkContains(left, right, at);
      else this.#checkAlike(operator, left, right, at);
    }
    return { kind: 'compare', operator, left: left.operand, right: right.operand };
  }

  #checkAlike(operator: Operator, left: Side<Ref>, right: Side<Ref>, at: number): void {
    const [one, other] = [plainType(left.type!), plainType(right.type!)];
    if (one !== other)
      return this.#fault(
        at,
        `This compares ${TYPE_TEXTS[left.type!]} with ${TYPE_TEXTS[right.type!]}: ${sideText(left.syntax)} with ` +
          `${sideText(right.syntax)}.${numberHint(left, right)}`,
      );
    const isEquality = operator === '==' || operator === '!=';
    if (one === 'texts' || one === 'numbers')
      return this.#fault(at, 'Lists are not compared: ask with in or contains.');
    if (isEquality) {
      this.#checkWords(left, right);
      this.#checkWords(right, left);
    } else if (one === 'bool') this.#fault(at, 'Of true and false neither is more.');
    const isOfDays = left.type === 'day' || right.type === 'day';
    if (isOfDays) for (const side of [left, right]) this.#checkDay(side);
    else if (!isEquality && one === 'text')
      this.#fault(
        at,
        'Texts have no order here, as 1.10 would come before 1.9: numbers have one (type: number of an output or a ' +
          'parameter), and so have days.',
      );
  }

  #checkMember(list: Side<Ref>, member: Side<Ref>, at: number): void {
    const of = list.type === 'texts' ? 'text' : list.type === 'numbers' ? 'number' : undefined;
    const isEmpty = list.syntax.kind === 'list' && list.syntax.items.length === 0;
    if (of === undefined)
      this.#fault(list.syntax.at, `Behind in stands a list, as in ["a", "b"]; this is ${TYPE_TEXTS[list.type!]}.`);
    else if (isEmpty) return;
    else if (plainType(member.type!) !== of)
      this.#fault(at, `${sideText(member.syntax)} is ${TYPE_TEXTS[member.type!]}, and the list has ${of}s.`);
    else if (list.syntax.kind === 'list')
      for (const item of list.syntax.items) this.#checkWord(member, item, list.syntax.at);
  }

  #checkContains(left: Side<Ref>, right: Side<Ref>, at: number): void {
    if (left.type === 'texts' || left.type === 'numbers') return this.#checkMember(left, right, at);
    if (plainType(left.type!) !== 'text')
      this.#fault(left.syntax.at, `A list or a text contains something; this is ${TYPE_TEXTS[left.type!]}.`);
    else if (plainType(right.type!) !== 'text')
      this.#fault(right.syntax.at, `A text contains texts; this is ${TYPE_TEXTS[right.type!]}.`);
  }

  #checkPattern(left: Side<Ref>, { syntax, type }: Side<Ref>): void {
    if (left.type !== undefined && plainType(left.type) !== 'text')
      this.#fault(left.syntax.at, `A text matches a pattern; this is ${TYPE_TEXTS[left.type]}.`);
    if (syntax.kind !== 'literal' || typeof syntax.value !== 'string') {
      if (type !== undefined) this.#fault(syntax.at, 'Behind matches stands a pattern in quotes, as in "v\\d+".');
      return;
    }
    try {
      this.#places += new Pattern(syntax.value).size;
      if (this.#places > jobLimits.conditionPatternPlacesMax)
        this.#fault(
          syntax.at,
          `The patterns of the expression stand for more than ${jobLimits.conditionPatternPlacesMax} places together.`,
        );
    } catch (error) {
      if (!(error instanceof PatternFault)) throw error;
      this.#fault(syntax.at, error.message);
    }
  }

  #checkDay({ syntax }: Side<Ref>): void {
    if (syntax.kind === 'literal' && !DAY.test(String(syntax.value)))
      this.#fault(syntax.at, `${sideText(syntax)} is no day, such as "2026-03-01".`);
  }

  #checkWords(known: Side<Ref>, { syntax }: Side<Ref>): void {
    if (syntax.kind === 'literal') this.#checkWord(known, syntax.value, syntax.at);
  }

  #checkWord({ words, syntax }: Side<Ref>, value: string | number | boolean, at: number): void {
    if (words === undefined || words.includes(String(value))) return;
    const text = String(value);
    this.#fault(
      at,
      () =>
        `${sideText(syntax)} is never ${JSON.stringify(text.slice(0, 80))}.${meantText(nearest(text, words))} ` +
        `It is one of ${words.slice(0, 20).join(', ')}${words.length > 20 ? ', …' : ''}.`,
    );
  }

  #fault(at: number, detail: ExpressionFault['detail']): void {
    this.faults.push({ at, code: 'job-expression', detail });
  }
}

function plainType(type: ValueType): ValueType {
  return type === 'day' ? 'text' : type;
}

function sideText(syntax: ValueSyntax): string {
  if (syntax.kind === 'name') return syntax.name.length > 80 ? `${syntax.name.slice(0, 80)}…` : syntax.name;
  return syntax.kind === 'list' ? 'the list' : JSON.stringify(syntax.value).slice(0, 80);
}

function numberHint(left: Side<unknown>, right: Side<unknown>): string {
  const literal = [left, right].find(({ syntax }) => syntax.kind === 'literal')?.syntax;
  if (literal?.kind !== 'literal' || ![left.type, right.type].includes('text')) return '';
  if (typeof literal.value === 'number')
    return ` Put ${literal.value} in quotes, or declare the other as type: number.`;
  return '';
}

/** The names that it speaks of, each once, in their order. */
export function refsOf<Ref>(expression: Expression<Ref>): readonly { readonly name: string; readonly ref: Ref }[] {
  const found = new Map<string, Ref>();
  const look = (one: Expression<Ref>): void => {
    if (one.kind === 'ref' || one.kind === 'has') found.set(one.name, one.ref);
    else if (one.kind === 'not') look(one.operand);
    else if (one.kind === 'compare') [one.left, one.right].forEach(look);
    else if (one.kind === 'and' || one.kind === 'or') one.operands.forEach(look);
  };
  look(expression);
  return [...found].map(([name, ref]) => ({ name, ref }));
}

/** With something else for what its names stand for. */
export function mapRefs<From, To>(expression: Expression<From>, of: (ref: From) => To): Expression<To> {
  const operand = (one: Operand<From>): Operand<To> => (one.kind === 'ref' ? { ...one, ref: of(one.ref) } : one);
  switch (expression.kind) {
    case 'literal':
    case 'ref':
      return operand(expression);
    case 'has':
      return { ...expression, ref: of(expression.ref) };
    case 'not':
      return { kind: 'not', operand: mapRefs(expression.operand, of) };
    case 'compare':
      return { ...expression, left: operand(expression.left), right: operand(expression.right) };
    default:
      return { kind: expression.kind, operands: expression.operands.map((one) => mapRefs(one, of)) };
  }
}

/** Undefined: it is missing. */
export type ValueOf<Ref> = (ref: Ref) => Value | undefined;

/** Told what each comparison costs, before it is made: what it throws is let through. */
export type Spend = (units: number) => void;

/** Patterns are made once. What it answers for values of other types than were said is false. */
export function testOf<Ref>(expression: Expression<Ref>, spend?: Spend): (valueOf: ValueOf<Ref>) => boolean {
  const asked = askedOf(expression, spend);
  return (valueOf) => asked(valueOf) === true;
}

/** Undefined: what decides it is missing. */
type Asked<Ref> = (valueOf: ValueOf<Ref>) => boolean | undefined;

function askedOf<Ref>(expression: Expression<Ref>, spend: Spend | undefined): Asked<Ref> {
  switch (expression.kind) {
    case 'literal':
    case 'ref': {
      const read = reader(expression);
      return (valueOf) => {
        const value = read(valueOf);
        return value === undefined ? undefined : value === true;
      };
    }
    case 'has':
      return (valueOf) => valueOf(expression.ref) !== undefined;
    case 'not': {
      const operand = askedOf(expression.operand, spend);
      return (valueOf) => {
        const is = operand(valueOf);
        return is === undefined ? undefined : !is;
      };
    }
    case 'and':
    case 'or':
      return joined(
        expression.operands.map((one) => askedOf(one, spend)),
        expression.kind === 'or',
      );
    case 'compare':
      return comparison(expression.operator, expression.left, expression.right, spend);
  }
}

/** `and` is decided by one that is false, `or` by one that is true. */
function joined<Ref>(operands: readonly Asked<Ref>[], decides: boolean): Asked<Ref> {
  return (valueOf) => {
    let isMissing = false;
    for (const operand of operands) {
      const is = operand(valueOf);
      if (is === decides) return decides;
      isMissing ||= is === undefined;
    }
    return isMissing ? undefined : !decides;
  };
}

/** With what it comes to in the place of each part that speaks of nothing but fixed values: so that is decided once, for whatever else. */
export function foldedOf<Ref>(
  expression: Expression<Ref>,
  isFixed: (ref: Ref) => boolean,
  valueOf: ValueOf<Ref>,
): Expression<Ref> {
  // What is missing stays what it is: that is no value.
  const value = refsOf(expression).every(({ ref }) => isFixed(ref))
    ? askedOf(expression, undefined)(valueOf)
    : undefined;
  if (value !== undefined) return { kind: 'literal', value };
  const fold = (one: Expression<Ref>): Expression<Ref> => foldedOf(one, isFixed, valueOf);
  switch (expression.kind) {
    case 'not':
      return { kind: 'not', operand: fold(expression.operand) };
    case 'and':
    case 'or':
      return { kind: expression.kind, operands: expression.operands.map(fold) };
    default:
      return expression;
  }
}

function comparison<Ref>(
  operator: Operator,
  leftOperand: Operand<Ref>,
  rightOperand: Operand<Ref>,
  spend: Spend | undefined,
): Asked<Ref> {
  const [left, right] = [reader(leftOperand), reader(rightOperand)];
  const pattern = operator === 'matches' ? patternOf(rightOperand) : undefined;
  return (valueOf) => {
    const [one, other] = [left(valueOf), right(valueOf)];
    if (one === undefined || other === undefined) return undefined;
    spend?.(workOf(operator, one, other));
    switch (operator) {
      case '==':
        return one === other;
      case '!=':
        return typeof one === typeof other && one !== other;
      case 'in':
        return isIn(other, one);
      case 'contains':
        return typeof one === 'string' ? typeof other === 'string' && containsText(one, other) : isIn(one, other);
      case 'matches':
        return typeof one === 'string' && isMatch(pattern, one, spend);
      default:
        return isOrdered(operator, one, other);
    }
  };
}

/** Of any comparison, and of an item of a list. */
const [WORK_OF_ONE, WORK_OF_ITEM] = [16, 4];

/** What a pattern costs it tells itself. */
function workOf(operator: Operator, one: Value, other: Value): number {
  if (operator === 'matches') return WORK_OF_ONE;
  if (operator === 'contains' || operator === 'in') {
    const list = typeof one === 'object' ? one : typeof other === 'object' ? other : undefined;
    return WORK_OF_ONE + (list ? list.length * WORK_OF_ITEM : lengthOf(one) + lengthOf(other));
  }
  // Texts that are not as long are not looked at.
  return WORK_OF_ONE + (lengthOf(one) === lengthOf(other) ? lengthOf(one) / 8 : 0);
}

function lengthOf(value: Value): number {
  return typeof value === 'string' ? value.length : 1;
}

function isOrdered(operator: '<' | '<=' | '>' | '>=', one: Value, other: Value): boolean {
  const isComparable =
    (typeof one === 'number' && typeof other === 'number') || (typeof one === 'string' && typeof other === 'string');
  if (!isComparable) return false;
  if (operator === '<') return one < other;
  if (operator === '<=') return one <= other;
  return operator === '>' ? one > other : one >= other;
}

function isIn(list: Value, value: Value): boolean {
  return typeof list === 'object' && (list as readonly unknown[]).includes(value);
}

/** A longer text is no match, so that no value costs more than that. */
function isMatch(pattern: Pattern | undefined, text: string, spend: Spend | undefined): boolean {
  return pattern !== undefined && text.length <= jobLimits.conditionMatchLengthMax && pattern.matches(text, spend);
}

function reader<Ref>(operand: Operand<Ref>): (valueOf: ValueOf<Ref>) => Value | undefined {
  return operand.kind === 'literal' ? () => operand.value : (valueOf) => valueOf(operand.ref);
}

/** Undefined for what was refused as a pattern. */
function patternOf(operand: Operand<unknown>): Pattern | undefined {
  if (operand.kind !== 'literal' || typeof operand.value !== 'string') return undefined;
  try {
    return new Pattern(operand.value);
  } catch (error) {
    if (error instanceof PatternFault) return undefined;
    throw error;
  }
}
