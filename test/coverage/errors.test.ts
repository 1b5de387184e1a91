/** docs/ERRORS.md and the table of errors say the same, or the build fails: a code nobody can look up helps nobody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errors, type ErrorCode } from '../../src/base/errors.ts';
import { root } from '../support/source-tree.ts';

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

describe('the table of errors', () => {
  it('uses statuses that mean something, and titles that are sentences without a full stop', () => {
    for (const [code, spec] of Object.entries(errors)) {
      expect(spec.status, code).toBeGreaterThanOrEqual(400);
      expect(spec.status, code).toBeLessThan(600);
      expect(spec.title, code).toMatch(/^[A-Z].*[^.]$/);
    }
  });
});
