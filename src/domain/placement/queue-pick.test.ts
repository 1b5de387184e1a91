import { expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { pickQueue, PRIORITIES, type Priority } from './queue-pick.ts';

it('gives each full queue its share, so that low never starves', () => {
  const random = seededRandom(1);
  const picks: Record<Priority, number> = { high: 0, normal: 0, low: 0 };
  for (let i = 0; i < 10_000; i++) picks[pickQueue({ high: 9, normal: 9, low: 9 }, random)!]++;
  expect(PRIORITIES.map((p) => Math.round(picks[p] / 1_000))).toEqual([6, 3, 1]);
});

it('never picks an empty queue, and nothing when all are', () => {
  const random = seededRandom(2);
  for (let i = 0; i < 200; i++) expect(pickQueue({ high: 0, normal: 1, low: 1 }, random)).not.toBe('high');
  expect(pickQueue({ high: 0, normal: 0, low: 3 }, random)).toBe('low');
  expect(pickQueue({ high: 0, normal: 0, low: 0 }, random)).toBeUndefined();
});
