/**
 * Which of a worker's three queues goes next: a weighted draw over those that hold something. High goes first far more often,
 * and low never starves: with every queue full it gets its tenth.
 */
import type { Random } from '../../base/random.ts';

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];
export type QueueWeights = Readonly<Record<Priority, number>>;
export const QUEUE_WEIGHTS: QueueWeights = { high: 6, normal: 3, low: 1 };

/** `6:3:1`, for high, normal and low; none may be 0, for it would starve. Undefined for anything else. */
export function parseQueueWeights(text: string): QueueWeights | undefined {
  const match = /^([1-9]\d{0,3}):([1-9]\d{0,3}):([1-9]\d{0,3})$/.exec(text);
  return match ? { high: Number(match[1]), normal: Number(match[2]), low: Number(match[3]) } : undefined;
}

export function pickQueue(
  lengths: Readonly<Record<Priority, number>>,
  random: Random,
  weights = QUEUE_WEIGHTS,
): Priority | undefined {
  const waiting = PRIORITIES.filter((priority) => lengths[priority] > 0);
  if (waiting.length <= 1) return waiting[0];
  let draw = random.next() * waiting.reduce((sum, priority) => sum + weights[priority], 0);
  for (const priority of waiting) {
    draw -= weights[priority];
    if (draw < 0) return priority;
  }
  return waiting.at(-1);
}
