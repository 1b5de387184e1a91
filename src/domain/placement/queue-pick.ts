/**
 * Which of a worker's three queues goes next: a weighted draw over those that hold something. High goes first far more often,
 * and low never starves: with every queue full it gets its tenth.
 */
import type { Random } from '../../base/random.ts';

export type Priority = 'high' | 'normal' | 'low';
export const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low'];
const QUEUE_WEIGHTS: Readonly<Record<Priority, number>> = { high: 6, normal: 3, low: 1 };

export function pickQueue(lengths: Readonly<Record<Priority, number>>, random: Random, weights = QUEUE_WEIGHTS): Priority | undefined {
  const waiting = PRIORITIES.filter((priority) => lengths[priority] > 0);
  if (waiting.length <= 1) return waiting[0];
  let draw = random.next() * waiting.reduce((sum, priority) => sum + weights[priority], 0);
  for (const priority of waiting) {
    draw -= weights[priority];
    if (draw < 0) return priority;
  }
  return waiting.at(-1);
}
