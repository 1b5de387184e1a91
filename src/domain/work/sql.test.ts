import { describe, expect, it } from 'vitest';
import { callLimits } from '../../base/call-limits.ts';
import { sqlWork } from '../../../test/support/call-rig.ts';
import { readSqlUrl, type SqlValue, type SqlWork } from './sql.ts';
import { secretNamesOf, storedWork, withCallTexts, workFaults, workOf } from './work.ts';

const URL_OF = 'postgres://u@db.example/d';
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
const text = (...parts: SqlWork['url']): SqlValue => ({ type: 'text', text: parts });

function faultsOf(more: Partial<SqlWork>, secrets: Record<string, string> = {}): string[] {
  return workFaults(sqlWork(URL_OF, 'SELECT 1', more), { secrets }).map(
    ({ pointer, detail }) => `${pointer}: ${detail}`,
  );
}

describe('a statement of a database', () => {
  it('is kept with its kind and version, without what is absent, and read as it was', () => {
    const whole = sqlWork(URL_OF, 'SELECT $1, $2', {
      url: ['postgres://u@h/', { step: 'a.b', output: 'c' }],
      values: [null, text('x ', { secret: 'KEY' })],
      extract: { id: 'id' },
      extractAll: { ids: 'id' },
    });
    expect(workOf(storedWork(whole))).toEqual(whole);
    const { tls: _tls, password: _password, ...bare } = sqlWork(URL_OF, 'SELECT 1');
    expect(storedWork(bare)).toEqual({
      v: 1,
      kind: 'sql',
      url: [URL_OF],
      statement: 'SELECT 1',
      values: [],
      mode: 'read',
      rowsMax: 1_000,
      extract: {},
      extractAll: {},
    });
    expect(() => workOf({ ...storedWork(whole), v: 2 })).toThrow('version 2');
  });

  it('names the secrets of all its texts, and has each of them replaced', () => {
    const work = sqlWork(URL_OF, 'SELECT $1', { values: [null, text({ secret: 'A' }), text({ secret: 'PASSWORD' })] });
    expect(secretNamesOf(work)).toEqual(['PASSWORD', 'A']);
    expect(withCallTexts(work, () => ['x'])).toEqual({
      ...work,
      url: ['x'],
      password: ['x'],
      values: [null, text('x'), text('x')],
    });
  });

  it.each([
    ['db.example/d', 'is none'],
    ['http://u@db.example/d', 'is none'],
    ['postgres://u:hunter2@db.example/d', 'holds no password'],
    ['postgres://db.example/d', 'names no user'],
    ['postgres://u@db.example', 'names no database'],
    ['postgres://u@db.example/', 'names no database'],
    ['postgres://u@db.example/d/e', 'names no database'],
    ['postgres://u@db.example/%zz', 'names no database'],
    ['postgres://u@%2Ftmp/d', 'names no host'],
    ['postgres:///d', 'names no host'],
    ['postgres://u@db.example/d?sslmode=disable', 'nothing stands behind'],
    ['postgres://u@db.example/d%00', 'NUL'],
  ])('is given to nobody at %s', (url, wrong) => {
    const read = readSqlUrl(url);
    expect(read).toMatchObject({ ok: false, wrong: expect.stringContaining(wrong) });
    expect(JSON.stringify(faultsOf({ url: [url] }))).not.toContain('hunter2');
    expect(faultsOf({ url: [url] })).toHaveLength(1);
  });

  it('is given to whom its URL says, and no part that comes late says whom', () => {
    expect(readSqlUrl('postgresql://a%40b@[::1]:5433/d%2Fe')).toEqual({
      ok: true,
      address: { dialect: 'postgres', host: '::1', port: 5433, user: 'a@b', database: 'd/e' },
    });
    expect(faultsOf({ url: ['postgres://u@h/', { step: 'a.b', output: 'c' }] })).toEqual([]);
    for (const url of [
      ['postgres://u@', { secret: 'HOST' }, '/d'],
      ['postgres://', { step: 'a.b', output: 'c' }, '@h/d'],
      [{ secret: 'URL' }, '://u@h/d'],
    ])
      expect(faultsOf({ url }).length).toBeGreaterThan(0);
  });

  it.each([
    ['a password that everybody reads', { password: ['hunter2'] }, '#/sql/password: A password is a secret'],
    ['no statement', { statement: ' \n' }, '#/sql/statement: There is no statement.'],
    ['NUL in its statement', { statement: 'SELECT\0' }, '#/sql/statement: The statement holds a NUL'],
    ['no rows', { rowsMax: 0 }, '#/sql/rows_max'],
    ['proof where nothing is encrypted', { tls: { isInClear: true, serverName: 'x' } }, '#/sql/tls/in_clear'],
    ['proof that nobody asks for', { tls: { isUnproved: true, authorities: PEM } }, '#/sql/tls/insecure'],
    ['certificates that are none', { tls: { authorities: 'x' } }, '#/sql/tls/ca'],
    ['a value without a name', { extract: { 'a-b': 'c' } }, '#/sql/extract/a-b'],
    ['a value that is told anyhow', { extract: { rows: 'c' } }, '#/sql/extract/rows'],
    ['a name of two values', { extract: { a: 'c' }, extractAll: { a: 'c' } }, '#/sql/extract_all/a'],
    ['a column without a name', { extractAll: { a: '' } }, '#/sql/extract_all/a'],
  ] as const)('is told where it has %s', (_what, more, begins) => {
    const found = faultsOf(more as Partial<SqlWork>);
    expect(found).toHaveLength(1);
    expect(found[0]!.startsWith(begins), found[0]).toBe(true);
  });

  it.each([
    ['statement', callLimits.sqlStatementBytesMax, (n) => ({ statement: 'x'.repeat(n) })],
    ['values', callLimits.sqlValuesMax, (n) => ({ values: Array<null>(n).fill(null) })],
    ['values', callLimits.callBodyBytesMax, (n) => ({ values: [text('x'.repeat(n))] })],
    ['rows_max', callLimits.sqlRowsMax, (n) => ({ rowsMax: n })],
    ['url', callLimits.callUrlLengthMax, (n) => ({ url: [URL_OF.padEnd(n, 'x')] })],
    [
      'extract',
      callLimits.callExtractsMax,
      (n) => ({ extract: Object.fromEntries(Array.from({ length: n }, (_, i) => [`v${i}`, 'c'])) }),
    ],
    ['extract/a', callLimits.callPointerLengthMax, (n) => ({ extract: { a: 'c'.repeat(n) } })],
  ] as const satisfies readonly (readonly [string, number, (n: number) => Partial<SqlWork>])[])(
    'has no more of %s than is allowed',
    (field, most, of) => {
      expect(faultsOf(of(most))).toEqual([]);
      expect(faultsOf(of(most + 1)).map((fault) => fault.split(':')[0])).toEqual([`#/sql/${field}`]);
    },
  );
});
