/** Order, room and figures of a lane. */
import { expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { seededRandom } from '../base/random.ts';
import { PRIORITIES, type Priority } from '../domain/placement/queue-pick.ts';
import { StartLane } from './start-lane.ts';
import type { QueuedStart } from './start-queue.ts';

let now = 0;
const clock = { monotonicMs: () => now } as Clock;

function lane(options: { capacity?: number; queueMax?: number } = {}): StartLane {
  now = 0;
  return new StartLane({
    capacity: 10,
    queueMax: 10_000,
    weights: { high: 6, normal: 3, low: 1 },
    clock,
    random: seededRandom(1),
    ...options,
  });
}

function start(a: string, priority: Priority = 'normal'): QueuedStart {
  return { a, priority, queuedAtMs: now, isTold: false, isWithdrawn: false } as QueuedStart;
}

it('gives out the oldest of a class first, and the classes by their weights, so that low never starves', () => {
  const queues = lane();
  for (let i = 0; i < 1_000; i++) for (const priority of PRIORITIES) queues.offer(start(`${priority}-${i}`, priority));
  const taken = Array.from({ length: 1_000 }, () => queues.take()!);
  const of = (priority: Priority): QueuedStart[] => taken.filter((one) => one.priority === priority);
  expect(of('high').length).toBeGreaterThan(550);
  expect(of('low').length).toBeGreaterThan(60);
  for (const priority of PRIORITIES)
    expect(of(priority).map(({ a }) => a)).toEqual(of(priority).map((_, i) => `${priority}-${i}`));
});

it('gives out what was withdrawn to nobody, wherever it stood', () => {
  const queues = lane();
  for (let i = 0; i < 5; i++) queues.offer(start(String(i)));
  for (const a of ['0', '2', '4']) expect(queues.withdraw(a)?.a).toBe(a);
  expect(queues.withdraw('0')).toBeUndefined();
  expect(queues.length).toBe(2);
  expect([queues.take()?.a, queues.take()?.a, queues.take()]).toEqual(['1', '3', undefined]);
  queues.offer(start('5'));
  expect(queues.take()?.a).toBe('5');
});

it('takes the same attempt once, and no more than it may hold', () => {
  const queues = lane({ queueMax: 2 });
  expect([
    queues.offer(start('a')),
    queues.offer(start('a')),
    queues.offer(start('b')),
    queues.offer(start('c')),
  ]).toEqual(['taken', 'known', 'taken', 'full']);
});

it('has room as long as fewer are under way than it may carry', () => {
  const queues = lane({ capacity: 1 });
  expect(queues.hasRoom).toBe(true);
  queues.begun();
  expect(queues.hasRoom).toBe(false);
  queues.ended(1);
  expect(queues.hasRoom).toBe(true);
});

it('says once of each that it waits, and how long the oldest has', () => {
  const queues = lane();
  queues.offer(start('a', 'low'));
  now = 400;
  queues.offer(start('b', 'low'));
  expect([...queues.untold()]).toEqual(['a', 'b']);
  expect([...queues.untold()]).toEqual([]);
  now = 1_000;
  expect(queues.figures().low).toEqual({ length: 2, oldestMs: 1_000, starts: 0, waitedMs: 0 });
  queues.take();
  expect(queues.figures().low).toEqual({ length: 1, oldestMs: 600, starts: 1, waitedMs: 1_000 });
});

it('takes as many starts as may wait, and one more when one of them is gone', () => {
  const queues = lane({ queueMax: limits.workerQueueMax });
  for (let i = 0; i < limits.workerQueueMax; i++) queues.offer(start(`${i}`));
  expect(queues.length).toBe(limits.workerQueueMax);
  expect(queues.offer(start('beyond'))).toBe('full');
  queues.take();
  expect(queues.offer(start('beyond'))).toBe('taken');
});
