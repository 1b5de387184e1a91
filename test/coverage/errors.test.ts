/** docs/ERRORS.md and the table of errors say the same, or the build fails: a code nobody can look up helps nobody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errors, type ErrorCode } from '../../src/base/errors.ts';
import { repositoryFiles, root } from '../support/source-tree.ts';

const rows = readFileSync(join(root, 'docs/ERRORS.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const code = /^`([a-z0-9-]+)`$/.exec(cells[0] ?? '')?.[1];
    return code === undefined ? [] : [{ code, cells }];
  });

describe('docs/ERRORS.md', () => {
  it('has exactly one row for each code, in the order of the table', () => {
    expect(rows.map((row) => row.code)).toEqual(Object.keys(errors));
  });

  it.each(rows)('tells of $code its status, cause, and what user and operator do', ({ code, cells }) => {
    const { status, retryable } = errors[code as ErrorCode];
    expect(cells[1]).toBe(`${status}${retryable ? ' ↻' : ''}`);
    expect(cells).toHaveLength(5);
    for (const cell of cells.slice(2)) expect(cell).toMatch(/^[A-Z[`].*[.:]$|\.$/);
  });
});

/** Raised, but by no test, each with the reason why none can. Whoever provokes one takes it off. */
const UNPROVOKED: Readonly<Record<string, string>> = {};
const sources = repositoryFiles()
  .filter(
    (path) =>
      /^(src|test)\/.*\.(ts|sh)$/.test(path) && !/^(src\/base\/errors|test\/coverage\/errors\.test)\.ts$/.test(path),
  )
  .map((path) => ({
    isTest: path.startsWith('test/') || path.endsWith('.test.ts'),
    text: readFileSync(join(root, path), 'utf8'),
  }));
const saidIn = (isTest: boolean): ReadonlySet<string> =>
  new Set(
    sources
      .filter((source) => source.isTest === isTest)
      .flatMap(({ text }) => text.match(/[a-z0-9]+(?:-[a-z0-9]+)*/g) ?? []),
  );

describe('the table of errors', () => {
  it('holds only codes that something raises, and a test provokes', () => {
    const [raised, provoked] = [saidIn(false), saidIn(true)];
    const codes = Object.keys(errors);
    expect([
      ...codes
        .filter((code) => !raised.has(code))
        .map((code) => `Nothing raises ${code}: raise it, or take it out of errors.ts and docs/ERRORS.md.`),
      ...codes
        .filter((code) => !provoked.has(code) && !Object.hasOwn(UNPROVOKED, code))
        .map(
          (code) =>
            `No test provokes ${code}: add one that does what a user or a host does wrong, and expects the code.`,
        ),
    ]).toEqual([]);
  });

  it('has every code provoked but those that cannot be', () => {
    const provoked = saidIn(true);
    const listed = Object.keys(UNPROVOKED);
    expect(
      listed.filter((code) => !Object.hasOwn(errors, code)),
      'no codes (any more)',
    ).toEqual([]);
    expect(
      listed.filter((code) => provoked.has(code)),
      'provoked: take them out of UNPROVOKED',
    ).toEqual([]);
  });

  it('uses statuses that mean something, and titles that are sentences without a full stop', () => {
    for (const [code, spec] of Object.entries(errors)) {
      expect(spec.status, code).toBeGreaterThanOrEqual(400);
      expect(spec.status, code).toBeLessThan(600);
      expect(spec.title, code).toMatch(/^[A-Z].*[^.]$/);
    }
  });
});
