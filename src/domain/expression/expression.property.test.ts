/** Expressions of any form: what is written is read again as the same, and deciding by one never fails. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { given } from '../../base/given.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { testOf, typeExpression, VALUE_TYPES, type Value, type ValueType } from './expression.ts';
import { formatSyntax, OPERATORS, parseSyntax, type Syntax, type ValueSyntax } from './syntax.ts';

const name = fc.constantFrom('params.a', 'steps.s.t.outputs.n', 'stages.a-b.state', 'x', '0day.q', 'a:b@c.failed');
const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('"', "'", '""', '\\d', 'a\nb', '${{'));
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }))
  .map((n) => Number(n.toFixed(6)) + 0);
const value: fc.Arbitrary<ValueSyntax> = fc.oneof(
  fc.oneof(text, number, fc.boolean()).map((is) => ({ kind: 'literal' as const, at: 0, value: is })),
  fc.array(fc.oneof(text, number), { maxLength: 4 }).map((items) => ({ kind: 'list' as const, at: 0, items })),
  name.map((is) => ({ kind: 'name' as const, at: 0, name: is })),
);
const { syntax } = fc.letrec<{ syntax: Syntax }>((tie) => ({
  syntax: fc.oneof(
    { maxDepth: 3 },
    value as fc.Arbitrary<Syntax>,
    fc.record({ kind: fc.constant('has' as const), at: fc.constant(0), name }),
    fc.record({
      kind: fc.constant('compare' as const),
      at: fc.constant(0),
      operator: fc.constantFrom(...OPERATORS),
      left: value,
      right: value,
    }),
    fc.record({ kind: fc.constant('not' as const), at: fc.constant(0), operand: tie('syntax') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      at: fc.constant(0),
      operands: fc.array(tie('syntax'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** Without places. */
function bare(one: Syntax): unknown {
  return JSON.parse(JSON.stringify(one, (key, is: unknown) => (key === 'at' ? undefined : is)));
}

describe('expressions of any form', () => {
  it('are read again as they were written', () => {
    let read = 0;
    fc.assert(
      fc.property(syntax, (one) => {
        const written = formatSyntax(one);
        const parsed = parseSyntax(written);
        // What is longer or deeper than may be is refused, and nothing else.
        if (!parsed.ok) {
          const { detail } = parsed.fault;
          return written.length > jobLimits.conditionLengthMax || /nested deeper|more than \d+ parts/.test(detail);
        }
        read++;
        expect(bare(parsed.syntax)).toEqual(bare(one));
        return true;
      }),
      { numRuns: 500 },
    );
    expect(read).toBeGreaterThan(400);
  });

  it('are decided, whatever their names stand for and whatever is missing', () => {
    const known = fc.record({
      type: fc.constantFrom(...VALUE_TYPES),
      words: fc.option(fc.array(text, { maxLength: 2 }), { nil: undefined }),
    });
    const held: fc.Arbitrary<Value | undefined> = fc.oneof(
      text,
      number,
      fc.boolean(),
      fc.array(text),
      fc.constant(undefined),
    );
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(syntax, known, fc.boolean(), held, (one, { type, words }, isKnown, is) => {
        const { expression, faults } = typeExpression<ValueType>(one, () =>
          isKnown
            ? { ok: true, type, ref: type, ...given({ words }) }
            : { ok: false, code: 'job-reference-unknown', detail: 'unknown' },
        );
        // Also of what was refused.
        const isMet = testOf(expression)(() => is);
        expect(typeof isMet).toBe('boolean');
        outcomes.add(`${faults.length === 0 ? 'sound' : 'refused'} ${isMet}`);
      }),
      { numRuns: 1_000 },
    );
    expect([...outcomes].sort()).toEqual(['refused false', 'refused true', 'sound false', 'sound true']);
  });

  it('that are met stay met, whatever would have stood in the place of what is missing', () => {
    const held = fc.oneof(text, number, fc.boolean(), fc.array(text));
    const values = fc.dictionary(name, held);
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(syntax, values, values, (one, known, more) => {
        // Who asks whether something is there gets another answer once it is.
        fc.pre(!JSON.stringify(one).includes('"kind":"has"'));
        const { expression } = typeExpression<string>(one, (of) => ({ ok: true, type: 'bool', ref: of }));
        const isMet = (all: Readonly<Record<string, Value>>): boolean =>
          testOf(expression)((ref) => (Object.hasOwn(all, ref) ? all[ref] : undefined));
        const [before, after] = [isMet(known), isMet({ ...more, ...known })];
        outcomes.add(`${before} ${after}`);
        if (before) expect(after).toBe(true);
      }),
      { numRuns: 3_000 },
    );
    expect(outcomes).toEqual(new Set(['true true', 'false false', 'false true']));
  });

  it('read from any text end in an expression or in one fault within it', () => {
    const piece = fc.constantFrom(
      'and',
      'or',
      'not',
      'in',
      'has',
      '(',
      ')',
      '[',
      ']',
      ',',
      '==',
      '<',
      '"a"',
      '3',
      'params.a',
      '!',
      "'",
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 30 }), (pieces) => {
        const written = pieces.join(' ');
        const parsed = parseSyntax(written);
        if (!parsed.ok) expect(parsed.fault.at).toBeLessThanOrEqual(written.length);
      }),
      { numRuns: 1_000 },
    );
  });
});
