/** What takes room in a worker, and for how long. */
import { expect, it } from 'vitest';
import { systemClock, type Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { seededRandom } from '../base/random.ts';
import { QUEUE_WEIGHTS } from '../domain/placement/queue-pick.ts';
import { StartDispatch, type LinkedEngine } from './start-dispatch.ts';

it('gives back the room of what was cancelled and never told its end, once, and in its own time where the end is told', () => {
  const timers: { delayMs: number; callback: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, callback) => {
      timers.push({ delayMs, callback });
      return () => undefined;
    },
  };
  const dispatch = new StartDispatch({
    capacity: { agent: 9, ssh: 9 },
    weights: QUEUE_WEIGHTS,
    clock,
    random: seededRandom(1),
    find: () => undefined,
    isCurrent: () => true,
    event: () => undefined,
    watch: () => undefined,
  });
  const self: LinkedEngine = {
    executor: { kind: 'worker', id: 'w', engine: 'ssh' },
    link: {} as LinkedEngine['link'],
    lane: 'ssh',
    out: undefined,
  };
  const underWay = (): number => dispatch.figures().ssh.underWay;
  dispatch.underWay(self, ['silent', 'prompt', 'running']);
  // The server says it again and again.
  for (const a of ['silent', 'silent', 'prompt', 'unknown-here']) dispatch.cancelling(self, a);
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([limits.workerCancelledRoomMs, limits.workerCancelledRoomMs]);
  dispatch.ended(self, 'prompt');
  expect(underWay()).toBe(2);
  for (const { callback } of timers) callback();
  expect(underWay()).toBe(1);
  // Its host speaks after all.
  dispatch.ended(self, 'silent');
  expect(underWay()).toBe(1);
});
