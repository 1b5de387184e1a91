import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { formatTarget, matchTarget, parseTarget, type TargetExpression, type TargetHost } from './expression.ts';

const hosts = [
  { name: 'web-1', labels: { zone: 'a', role: 'web' } },
  { name: 'web-2', labels: { zone: 'b', role: 'web' } },
  { name: 'db-1', labels: { zone: 'a', role: 'db' } },
  { name: 'db-10', labels: {} },
];
const chinese = [
  { name: '数据库-1', labels: { 角色: '主库', 'group/数据库': 'true' } },
  { name: '数据库-2', labels: { 角色: '从库' } },
  { name: '数据库-12', labels: { 角色: '主库', café: '是' } },
  { name: '𠮷野-甲', labels: {} },
  { name: '上野-乙', labels: {} },
];

function names(text: string, all: readonly TargetHost[] = hosts): string[] {
  const parsed = parseTarget(text);
  if (!parsed.ok) throw new Error(`${parsed.fault.column}: ${parsed.fault.detail}`);
  return matchTarget<TargetHost>(parsed.expression, all).hosts.map((host) => host.name);
}

describe('a target', () => {
  it.each([
    ['all', ['web-1', 'web-2', 'db-1', 'db-10']],
    ['web-1', ['web-1']],
    ['web-*', ['web-1', 'web-2']],
    ['db-?', ['db-1']],
    ['[dw]*-1', ['web-1', 'db-1']],
    ['[!d]*', ['web-1', 'web-2']],
    ['[^d]*', ['web-1', 'web-2']],
    ['web-[1-2]', ['web-1', 'web-2']],
    ['web-[2,1]', ['web-1', 'web-2']],
    ['db-[1-10/9] and not web-1', ['db-1', 'db-10']],
    ['?b-[1-20]', ['db-1', 'db-10']],
    ['*-[1-9]', ['web-1', 'web-2', 'db-1']],
    ['db-[1]*', ['db-1', 'db-10']],
    ['db-[1][0-9]*', ['db-10']],
    ['role=[d-w]e[a-c]', ['web-1', 'web-2']],
    ['web-1, db-1', ['web-1', 'db-1']],
    ['web-1,db-1', ['web-1', 'db-1']],
    ['zone=a', ['web-1', 'db-1']],
    ['zone!=a', ['web-2', 'db-10']],
    ['role=w*', ['web-1', 'web-2']],
    ['zone=a and role=web', ['web-1']],
    ['zone=a or role=web and zone=b', ['web-1', 'web-2', 'db-1']],
    ['(zone=a or role=web) and zone=b', ['web-2']],
    ['all and not web-*', ['db-1', 'db-10']],
    ['not not web-1', ['web-1']],
    ['NOT zone=a AND web-*', ['web-2']],
  ])('%s', (text, matched) => expect(names(text)).toEqual(matched));

  it.each([
    ['数据库-1', ['数据库-1']],
    ['数据库-[1-2]', ['数据库-1', '数据库-2']],
    ['数据库-*', ['数据库-1', '数据库-2', '数据库-12']],
    ['数据库-?', ['数据库-1', '数据库-2']],
    ['角色=主库', ['数据库-1', '数据库-12']],
    ['角色=?库 and not 角色=主库', ['数据库-2']],
    ['角色=[主从]库', ['数据库-1', '数据库-2', '数据库-12']],
    ['角色=[!主]库', ['数据库-2']],
    ['group/数据库=true', ['数据库-1']],
    ['?野-*', ['𠮷野-甲', '上野-乙']],
    ['[𠮷x]野-*', ['𠮷野-甲']],
    ['[一-龥]野-?', ['上野-乙']],
    ['[\u{20000}-\u{2fa1d}]野-?', ['𠮷野-甲']],
    ['[!上]野-[甲乙]', ['𠮷野-甲']],
    ['cafe\u0301=是', ['数据库-12']],
    ['角色=主库\u3000and\u3000caf\u00e9=是', ['数据库-12']],
  ])('%s, in other scripts', (text, matched) => expect(names(text, chinese)).toEqual(matched));

  it.each([
    ['角色＝主库', 3, /"＝" \(U\+FF1D\) is not part of a target: it is another form of "=", so write that/],
    ['数据库-[１-3]', 6, /"１" \(U\+FF11\) is not part of a target: it is another form of "1"/],
    ['web-1，web-2', 6, /another form of ","/],
    ['（web-1）', 1, /another form of "\("/],
    ['web\u200b-1', 4, /U\+200B is not part of a target: it cannot be seen/],
    [
      'a and web-1、web-2',
      12,
      /"、" \(U\+3001\) is not part of a target; names and labels hold letters, marks and digits of any script/,
    ],
    ['a and 🦊', 7, /"🦊" \(U\+1F98A\) is not part/],
    ['\ud800', 1, /U\+D800 is not part/],
    ['a*=b', 1, /a label is written name=value: "a\*" is not a key for a label: "\*"/],
  ])('%j is refused at column %i, in other scripts', (text, column, detail) => {
    const parsed = parseTarget(text);
    expect(parsed.ok ? undefined : parsed.fault).toMatchObject({ column, detail: expect.stringMatching(detail) });
  });

  it.each([
    ['', 1, /empty/],
    ['web-1 web-2', 7, /expected and, or/],
    ['(web-1', 7, /expected \)/],
    ['web-1 and', 10, /ends where/],
    ['and web-1', 1, /expected a host/],
    ['web-1)', 6, /expected and, or/],
    ['a;b', 2, /not part of a target/],
    ['web-[12', 5, /not closed/],
    ['web-[1-', 5, /not closed/],
    ['web-1,db-[3-1]', 10, /downwards/],
    ['db-[a1]', 4, /numbers.*letters/],
    ['db-[1,a]', 4, /numbers.*letters/],
    ['db-[!1]', 4, /numbers.*letters/],
    ['db-[1-010]', 4, /same number of digits/],
    ['db-[1-9/0]', 4, /step of 0/],
    ['db-[1-9][1-100000]', 1, /names 900000 hosts/],
    ['db-[1-9999999999999999]', 4, /digits/],
    ['[1-2]'.repeat(9), 1, /sets of numbers/],
    ['=x', 1, /name=value/],
    ['()', 2, /expected a host/],
  ])('%j is refused at column %i', (text, column, detail) => {
    const parsed = parseTarget(text);
    expect(parsed.ok ? undefined : parsed.fault).toMatchObject({ column, detail: expect.stringMatching(detail) });
  });

  it('names the hosts that do not exist, but not the globs that match nothing', () => {
    const parsed = parseTarget('web-1 or nosuch or no*');
    expect(parsed.ok && matchTarget(parsed.expression, hosts).unknownNames).toEqual(['nosuch']);
  });

  const leaf = fc.oneof(
    fc.constant<TargetExpression>({ kind: 'all' }),
    fc.constantFrom('web-*', 'db-1', '?b*').map((pattern): TargetExpression => ({ kind: 'name', pattern })),
    fc
      .record({ label: fc.constantFrom('zone', 'role'), pattern: fc.constantFrom('a', 'w*'), equal: fc.boolean() })
      .map((l): TargetExpression => ({ kind: 'label', ...l })),
  );
  const { any } = fc.letrec<{ any: TargetExpression }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        operands: fc.array(tie('any'), { minLength: 2, maxLength: 4 }),
      }),
      tie('any').map((operand): TargetExpression => ({ kind: 'not', operand })),
    ),
  }));

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(any, (expression) => {
        expect(parseTarget(formatTarget(expression))).toMatchObject({ ok: true, expression });
      }),
    );
  });

  it('obeys De Morgan', () => {
    fc.assert(
      fc.property(any, any, (left, right) => {
        const of = (expression: TargetExpression): string[] =>
          matchTarget(expression, hosts).hosts.map((host) => host.name);
        const operands = [left, right];
        expect(of({ kind: 'not', operand: { kind: 'or', operands } })).toEqual(
          of({ kind: 'and', operands: operands.map((operand) => ({ kind: 'not', operand })) }),
        );
      }),
    );
  });

  it('names each host of a set of numbers that does not exist', () => {
    const parsed = parseTarget('web-[1-4]');
    expect(parsed.ok && matchTarget(parsed.expression, hosts).unknownNames).toEqual(['web-3', 'web-4']);
  });

  it('takes a list of ten thousand names', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ name: `host-${i}`, labels: {} }));
    const parsed = parseTarget(many.map((host) => host.name).join(','));
    expect(parsed.ok && matchTarget(parsed.expression, many).hosts).toEqual(many);
  });

  it('holds each host against so many labels and globs and no more', () => {
    const list = (count: number): string => Array.from({ length: count }, (_, i) => `a${i}*`).join(',');
    expect(parseTarget(list(limits.targetTermsMax)).ok).toBe(true);
    expect(parseTarget(list(limits.targetTermsMax + 1))).toMatchObject({
      fault: { detail: expect.stringMatching(/labels and globs/) },
    });
  });

  it('counts names that are not in one list as terms, and all as well', () => {
    const max = limits.targetTermsMax;
    const joined = (term: string, count: number): string => Array<string>(count).fill(term).join(' and ');
    for (const term of ['not web-1', 'all', 'role=db', 'web-[1-4]', '(web-1, web-2)']) {
      expect([term, parseTarget(joined(term, max)).ok]).toEqual([term, true]);
      expect(parseTarget(joined(term, max + 1))).toMatchObject({
        fault: { detail: expect.stringMatching(/labels and globs/) },
      });
    }
    expect(parseTarget(`${'web-1, web-[2-4], '.repeat(max)}web-5`).ok).toBe(true);
  });

  it('stands for so many names and no more, however they are written', () => {
    const max = limits.targetNamesMax;
    for (const name of ['n', 'role=n']) {
      expect(parseTarget(`${name}[1-${max - 1}],b`).ok).toBe(true);
      for (const text of [`${name}[1-${max - 1}],b,c`, `${name}[1-${max}],n[1-1]`, `not ${name}[1-${max}] and b`])
        expect(parseTarget(text)).toMatchObject({ fault: { detail: expect.stringMatching(/names more than/) } });
    }
  });

  it('has so many words and signs and no more', () => {
    const text = 'a,'.repeat(limits.targetWordsMax / 2 - 1);
    expect(parseTarget(`${text}(a)`.replace('a,(', '(')).ok).toBe(true);
    expect(parseTarget(`${text}a,a`)).toMatchObject({ fault: { detail: expect.stringMatching(/words and signs/) } });
  });
});
