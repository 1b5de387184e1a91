import { describe, expect, it } from 'vitest';
import { callLimits } from '../../../base/call-limits.ts';
import { bytesCell, jsonCell, numberCell, SqlRows, type SqlCell } from './sql-rows.ts';

function rowsOf(rowsMax: number, columns: readonly string[], ...rows: readonly (readonly SqlCell[])[]): SqlRows {
  const kept = new SqlRows({ rowsMax, extract: {}, extractAll: {} });
  kept.columns(columns);
  for (const row of rows) kept.row(row);
  return kept;
}

describe('rows', () => {
  it('are a line of JSON each, whatever is in them', () => {
    const cells = [
      { text: 'a "b"\n' },
      numberCell('1.50'),
      numberCell('Infinity'),
      jsonCell('{"a":\n[1]}'),
      jsonCell('{a'),
      null,
      bytesCell(Buffer.from([0, 255])),
    ];
    const names = ['t', 't', 'n', 'j', 'no', 'nothing', 't'];
    const line = rowsOf(9, names, cells).lines().toString();
    expect(line).toBe(
      '{"t":"a \\"b\\"\\n","t_2":1.50,"n":"Infinity","j":{"a": [1]},"no":"{a","nothing":null,"t_3":"\\\\x00ff"}\n',
    );
    for (const text of ['01', '1.', '.5', '1e', '--1', '0x1', '1 ']) expect(numberCell(text)?.isJson).toBe(false);
  });

  it('are kept up to as many as the job says, and the rest is counted and told', () => {
    const row = [numberCell('1')];
    const whole = rowsOf(2, ['a'], row, row);
    expect([whole.seen, whole.kept, whole.isCut, whole.remark]).toEqual([2, 2, false, undefined]);
    const more = rowsOf(2, ['a'], row, row, row);
    expect([more.seen, more.kept, more.isCut]).toEqual([3, 2, true]);
    expect(more.remark).toBe('There are more rows: 2 are kept, as rows_max says.');
    expect(more.lines().toString()).toBe('{"a":1}\n{"a":1}\n');
    expect(more.lines().length).toBe(0);
  });

  it('are kept up to so many bytes', () => {
    // {"a":"…"} and the end of the line.
    const of = (bytes: number): SqlRows => rowsOf(9, ['a'], [{ text: 'x'.repeat(bytes - 9) }]);
    expect(of(callLimits.sqlRowsBytesMax).kept).toBe(1);
    const more = of(callLimits.sqlRowsBytesMax + 1);
    expect([more.kept, more.seen, more.remark]).toEqual([
      0,
      1,
      `There are more rows: 0 are kept, which is as much as ${callLimits.sqlRowsBytesMax} bytes hold.`,
    ]);
  });

  it('are not written out where there is no room for them', () => {
    let written = 0;
    const { stringify } = JSON;
    const rows = rowsOf(9, ['a'], [{ text: 'x'.repeat(callLimits.sqlRowsBytesMax - 100) }]);
    JSON.stringify = ((...said: Parameters<typeof stringify>) => {
      written++;
      return stringify(...said);
    }) as typeof stringify;
    try {
      rows.row([{ text: '\u0001'.repeat(100) }]);
      rows.row([{ text: 'x' }]);
    } finally {
      JSON.stringify = stringify;
    }
    expect([written, rows.kept, rows.seen, rows.isCut]).toEqual([0, 1, 3, true]);
    expect(rows.takes(0)).toBe(false);
  });

  it('have columns of one name numbered once through, and beside those that are called so', () => {
    const names = ['a', 'a_2', 'a', 'a_3', 'a', 'a'];
    const line = rowsOf(
      9,
      names,
      names.map((_, at) => numberCell(String(at))),
    )
      .lines()
      .toString();
    expect(JSON.parse(line)).toEqual({ a: 0, a_2: 1, a_3: 2, a_3_2: 3, a_4: 4, a_5: 5 });
    // As long as a name may be, and far longer ones.
    const spent = (columns: readonly string[]): number => {
      const before = process.cpuUsage();
      rowsOf(9, columns);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const of = (count: number): string[] => Array<string>(count).fill('x'.repeat(4_000));
    spent(of(callLimits.sqlColumnsMax));
    expect(spent(of(callLimits.sqlColumnsMax))).toBeLessThan(500_000);
  });

  it('have JSON of so many values as is made of any answer; what has more is a text', () => {
    const of = (values: number): SqlCell => jsonCell(`[${Array(values).fill('1').join(',')}]`);
    expect(of(callLimits.callExtractValuesMax)?.isJson).toBe(true);
    expect(of(callLimits.callExtractValuesMax + 1)?.isJson).toBeUndefined();
    const { parse } = JSON;
    let parsed = 0;
    JSON.parse = ((...said: Parameters<typeof parse>) => {
      parsed++;
      return parse(...said) as unknown;
    }) as typeof parse;
    try {
      for (const text of [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, '[[],'.repeat(100_000)])
        expect(jsonCell(text)).toEqual({ text });
    } finally {
      JSON.parse = parse;
    }
    expect(parsed).toBe(0);
  });

  it('are asked for in portions that do not grow with their size', () => {
    const small = rowsOf(5_000, ['a'], ...Array.from({ length: 16 }, () => [numberCell('1')]));
    expect([rowsOf(9, ['a']).portion, rowsOf(5_000, ['a']).portion, small.portion]).toEqual([10, 16, 1_000]);
    expect(rowsOf(5_000, ['a'], [{ text: 'x'.repeat(400_000) }]).portion).toBe(3);
    expect(rowsOf(5_000, ['a'], [{ text: 'x'.repeat(4_000_000) }]).portion).toBe(1);
  });

  it('have values in them that are told as far as they can be', () => {
    const list = (...texts: readonly (string | null)[]): unknown => {
      const rows = new SqlRows({ rowsMax: 9, extract: { first: 'a' }, extractAll: { all: 'a' } });
      rows.columns(['a']);
      for (const text of texts) rows.row([text === null ? null : { text }]);
      return rows.values(texts.length);
    };
    expect(list('x', 'y')).toEqual({ found: { rows: '2', first: 'x', all: 'x\ny' } });
    expect(list('x', 'y\nz')).toEqual({
      found: { rows: '2', first: 'x' },
      fault: 'all: in row 2 it has several lines.',
    });
    expect(list('x', '')).toMatchObject({ fault: 'all: in row 2 it is empty.' });
    expect(list(null)).toMatchObject({
      fault: 'first: "a" of the first row is NULL; all: in row 1 it is NULL.',
    });
    expect(list('x'.repeat(callLimits.callExtractBytesMax))).toMatchObject({ found: { rows: '1' } });
    expect(list('x'.repeat(callLimits.callExtractBytesMax), 'y')).toMatchObject({
      fault: expect.stringMatching(/^all: the lists have more/),
    });
    const none = new SqlRows({ rowsMax: 9, extract: { first: 'a' }, extractAll: { all: 'a' } });
    expect(none.values(3)).toEqual({
      found: { rows: '3' },
      fault: 'first: the statement has no rows; all: the statement has no rows.',
    });
  });
});
