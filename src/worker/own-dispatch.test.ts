/** Tasks for the machine of a worker itself, on their way from servers: it has the last word on what it has to give. */
import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { attemptId, newId, type RunId } from '../base/ids.ts';
import { jobLimits } from '../base/job-limits.ts';
import { seededRandom } from '../base/random.ts';
import type { AttemptOrder } from '../conversation/words.ts';
import { QUEUE_WEIGHTS } from '../domain/placement/queue-pick.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';
import { OwnRoom } from './own-room.ts';
import { StartDispatch, type LinkedEngine } from './start-dispatch.ts';

it('gives back a task whose wants its machine has not, though a server sent it, and takes it when another has ended', () => {
  const total = { milliCpus: 4_000, memoryMiB: 4_000, diskMiB: 4_000 };
  const room = new OwnRoom(() => ({ total, freeMemoryMiB: 4_000, freeDiskMiB: 4_000, loadMilliCpus: 0 }));
  const [events, sent]: [AttemptEvent[], AttemptOrder[]] = [[], []];
  const executor = { kind: 'worker', id: newId(), engine: 'process' } as const;
  let isOpen = true;
  const link = { bufferedBytes: 0, send: (order: AttemptOrder) => isOpen && sent.push(order) > 0 };
  const engine = { executor, link, lane: 'process', out: undefined } as unknown as LinkedEngine;
  const dispatch = new StartDispatch({
    capacity: { agent: 1, ssh: 1, process: 9, calls: 1 },
    weights: QUEUE_WEIGHTS,
    clock: { ...systemClock, after: () => () => undefined },
    random: seededRandom(1),
    find: () => engine,
    isCurrent: () => true,
    event: (_a, event) => void events.push(event),
    watch: () => undefined,
    room,
  });
  const assign = (runId: RunId, milliCpus: number): string => {
    dispatch.assign('server', {
      ...{ t: 'assign', runId, task: 0, partition: 0, term: 1, priority: 'normal', spec: new Uint8Array(1) },
      ...{ server: newId(), order: 1, validUntilMs: 0, needs: { milliCpus, memoryMiB: 1, diskMiB: 0 } },
      targets: [{ ordinal: 0, attempt: 1, executor, mac: new Uint8Array(0) }],
    });
    return attemptId({ runId, task: 0, ordinal: 0, attempt: 1 });
  };
  const [first, second] = [newId<'run'>() as RunId, newId<'run'>() as RunId];
  const a = assign(first, 3_000);
  expect([sent.map((order) => order.t === 'start' && order.a), events]).toEqual([[a], []]);
  const b = assign(second, 2_000);
  expect(events).toEqual([{ k: 'undelivered', a: b, code: 'worker-full' }]);
  // One that was sent before has its part, however often it comes.
  assign(first, 3_000);
  expect(events).toHaveLength(1);
  dispatch.ended(engine, a);
  assign(second, 2_000);
  expect(sent.map((order) => order.t === 'start' && order.a)).toEqual([a, a, b]);
  expect(room.told().free.milliCpus).toBe(2_000);
  // What could not be handed on has nothing of the machine either.
  isOpen = false;
  const c = assign(newId<'run'>() as RunId, 1_000);
  expect(events.at(-1)).toEqual({ k: 'undelivered', a: c, code: 'host-not-linked' });
  expect(room.told().free.milliCpus).toBe(2_000);
});

it('gives back what would be too much to hold, so that its owner keeps it', () => {
  const events: AttemptEvent[] = [];
  const executor = { kind: 'worker', id: newId(), engine: 'calls' } as const;
  const engine = { executor, link: { bufferedBytes: 0, send: () => true }, lane: 'calls', out: undefined };
  const dispatch = new StartDispatch({
    capacity: { agent: 1, ssh: 1, process: 1, calls: 2 },
    weights: QUEUE_WEIGHTS,
    clock: { ...systemClock, after: () => () => undefined },
    random: seededRandom(1),
    find: () => engine as unknown as LinkedEngine,
    isCurrent: () => true,
    event: (_a, event) => void events.push(event),
    watch: () => undefined,
  });
  const spec = new Uint8Array(jobLimits.workerOwnQueueBytesMax / 4);
  const assign = (caller: string): void =>
    dispatch.assign('server', {
      ...{ t: 'assign', runId: newId(), task: 0, partition: 0, term: 1, priority: 'normal', spec, caller },
      ...{ server: newId(), order: 1, validUntilMs: 0 },
      targets: [{ ordinal: 0, attempt: 1, executor, mac: new Uint8Array(0) }],
    });
  // One is under way, a place is left for others, and four wait.
  for (let n = 0; n < 5; n++) assign('ann');
  expect([events, dispatch.queued, dispatch.figures().calls.underWay]).toEqual([[], 4, 1]);
  assign('ann');
  expect(events).toMatchObject([{ k: 'undelivered', code: 'worker-full' }]);
  expect([dispatch.queued, dispatch.figures().calls.underWay]).toEqual([4, 1]);
});
