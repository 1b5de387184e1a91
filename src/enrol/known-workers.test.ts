import { describe, expect, it } from 'vitest';
import { noteWorkers, workersToDial, type KnownWorkers } from './known-workers.ts';

describe('workers that an agent knows', () => {
  it('are those that were told, from a place of its own, after what it was given', () => {
    expect(workersToDial({ workers: ['a', 'b', 'c'] }, ['c', 'x'], 0.4)).toEqual(['c', 'x', 'b', 'a']);
  });

  it('are never those alone that a worker has told of: what the server said at the join stays', () => {
    const known: KnownWorkers = { workers: ['good:1'], joinWorkers: ['good:1'] };
    const lies = Array.from({ length: 10_000 }, (_, n) => `nowhere:${n}`);
    expect(noteWorkers(known, lies)).toBe(true);
    expect(noteWorkers(known, lies)).toBe(false);
    const dialed = workersToDial(known, [], 0);
    expect(dialed).toHaveLength(65);
    expect(dialed.at(-1)).toBe('good:1');
  });

  it('of an identity of before are kept when another worker tells of others for the first time', () => {
    const known: KnownWorkers = { workers: ['good:1'] };
    expect(noteWorkers(known, [])).toBe(false);
    expect(noteWorkers(known, ['nowhere:1'])).toBe(true);
    expect(noteWorkers(known, ['nowhere:2'])).toBe(true);
    expect(workersToDial(known, [], 0)).toEqual(['nowhere:2', 'good:1']);
  });
});
