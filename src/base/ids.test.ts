import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptId, newRunId, parseAttemptId, runIdFloor, runIdTimeMs, type RunId } from './ids.ts';
import { PARTITION_COUNT, partitionOf } from '../domain/run/partition.ts';

const instants = fc.integer({ min: 0, max: 2 ** 45 });

describe('run ids', () => {
  it('carry their instant and sort by it', () => {
    fc.assert(
      fc.property(instants, (ms) => {
        const id = newRunId(ms);
        expect(runIdTimeMs(id)).toBe(ms);
        expect(id >= runIdFloor(ms)).toBe(true);
        expect(id < runIdFloor(ms + 1)).toBe(true);
      }),
    );
  });

  it('are version 7, variant 10', () => {
    expect(newRunId(1_800_000_000_000)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('fall into every partition and into none beyond', () => {
    const seen = new Set(Array.from({ length: 20_000 }, (_, i) => partitionOf(newRunId(i))));
    expect(seen.size).toBe(PARTITION_COUNT);
    expect(Math.max(...seen)).toBe(PARTITION_COUNT - 1);
  });
});

describe('attempt ids', () => {
  const keys = fc.record({
    runId: instants.map((ms) => newRunId(ms)),
    task: fc.integer({ min: 0, max: 999 }),
    ordinal: fc.integer({ min: 0, max: 99_999 }),
    attempt: fc.integer({ min: 1, max: 1_000 }),
  });

  it('come back as they went', () => {
    fc.assert(
      fc.property(keys, (key) => {
        expect(parseAttemptId(attemptId(key))).toEqual(key);
      }),
    );
  });

  it('are what the pattern says, whatever is wrong with a text', () => {
    const pattern =
      /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.(?:0|[1-9]\d{0,8})\.(?:0|[1-9]\d{0,8})\.[1-9]\d{0,8}$/;
    const place = fc.nat(60);
    const char = fc.constantFrom(
      '',
      '.',
      '-',
      '0',
      '1',
      '9',
      'a',
      'f',
      'g',
      'A',
      ' ',
      '\0',
      '/',
      ':',
      'é',
      '..',
      '00',
      '1234567890',
    );
    fc.assert(
      fc.property(keys, place, fc.nat(3), char, (key, at, length, put) => {
        const text = attemptId(key);
        const changed = text.slice(0, at) + put + text.slice(at + length);
        expect(parseAttemptId(changed) !== undefined, changed).toBe(pattern.test(changed));
        if (parseAttemptId(changed)) expect(attemptId(parseAttemptId(changed)!)).toBe(changed);
      }),
      { numRuns: 1_000 },
    );
  });

  const id = '01936f2e-0000-7000-8000-000000000000' as RunId;
  it.each([
    '',
    'x',
    id,
    `${id}.0.0`,
    `${id}.0.0.0`,
    `${id}.0.0.01`,
    `${id}.-1.0.1`,
    `${id}.0.0.1.1`,
    `${id}.0.0.1/..`,
    `../${id}.0.0.1`,
    `${id}.0.9999999999.1`,
  ])('refuse %j', (text) => expect(parseAttemptId(text)).toBeUndefined());
});
