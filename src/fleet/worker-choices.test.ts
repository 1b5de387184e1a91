import { describe, expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.ts';
import { systemClock } from '../base/clock.ts';
import type { WorkerId } from '../base/ids.ts';
import { seededRandom } from '../base/random.ts';
import { WorkerChoices, type WorkerChoicesOptions } from './worker-choices.ts';
import type { LinkedWorker } from './worker-roster.ts';

interface Played {
  readonly name: string;
  readonly zone?: string;
  readonly features?: string[];
  readonly isDrained?: boolean;
  readonly heardAtMs?: number;
  readonly underWay?: number;
}

function choicesOver(
  workers: Played[],
  more: Partial<WorkerChoicesOptions> = {},
): { choices: WorkerChoices; all: () => LinkedWorker[] } {
  const all = (): LinkedWorker[] =>
    workers.map(({ name, zone = 'a', features = ['process'], heardAtMs, underWay = 0 }) => {
      const queue = { length: 0, oldestMs: 0, starts: 0, waitedMs: 0 };
      const lane = { underWay, capacity: 10, queues: { high: queue, normal: queue, low: queue } };
      const load =
        heardAtMs === undefined ? {} : { heardAtMs, lanes: { agent: lane, ssh: lane, process: lane, calls: lane } };
      return { id: name, name, zone, labels: {}, hello: { features }, load } as unknown as LinkedWorker;
    });
  const takesWork = (id: WorkerId): boolean => !workers.find(({ name }) => name === id)!.isDrained;
  const options = { workers: { all, takesWork }, clock: systemClock, random: seededRandom(1), onRoom: () => undefined };
  const choices = new WorkerChoices({ ...options, ...more });
  choices.allHeard();
  return { choices, all };
}

describe('the worker of a task without hosts', () => {
  it('is another for a while where one has not taken it, and whoever waits is told when that is over', () => {
    const clock = new HandClock();
    let rooms = 0;
    const { choices } = choicesOver([{ name: 'w1' }], { clock, onRoom: () => rooms++ });
    expect(choices.pick({ select: 'all' })?.id).toBe('w1');
    choices.refused('w1' as WorkerId);
    expect(choices.pick({ select: 'all' })).toBeUndefined();
    expect(choices.told({ select: 'all' }).why).toBe('0 of 1 worker: 1 is passed over for a while');
    clock.advance(1_999);
    expect(rooms).toBe(0);
    clock.advance(1);
    expect(rooms).toBe(1);
    expect(choices.pick({ select: 'all' })?.id).toBe('w1');
  });

  it('for a call is one that makes calls, by what it has to do of them', () => {
    const { choices } = choicesOver([
      { name: 'w1', features: ['process'] },
      { name: 'w2', features: ['process', 'calls'], heardAtMs: 1, underWay: 9 },
      { name: 'w3', features: ['calls'], heardAtMs: 1 },
    ]);
    const call = { select: 'all', engine: 'calls' } as const;
    expect(choices.told(call)).toEqual({ count: 2, why: '2 of 3 workers: 1 does no such work' });
    expect(choices.pick(call)?.id).toBe('w3');
    // What it is given of the one takes nothing of the other.
    expect([choices.pick({ select: 'w2 or w3' })?.id, choices.told({ select: 'all' }).count]).toEqual(['w2', 2]);
  });

  it('is one that has the engine, is meant and takes work; what the others lack is counted', () => {
    const { choices } = choicesOver([
      { name: 'w1', features: ['ssh'] },
      { name: 'w2', zone: 'b' },
      { name: 'w3', isDrained: true },
      { name: 'w4' },
    ]);
    expect(choices.pick({ select: 'zone=a' })).toEqual({ id: 'w4', considered: 1 });
    expect(choices.told({ select: 'zone=a' })).toEqual({
      count: 1,
      why: '1 of 4 workers: 1 does no such work, 1 is not meant, 1 is drained',
    });
    expect(choices.pick({ select: 'w2 and zone=a' })).toBeUndefined();
    expect(choices.told({ select: 'all' }).count).toBe(2);
    expect(choices.pick({ select: 'zone=(' })).toBeUndefined();
  });

  it('is that with the least to do, and what it was given since it told counts, also before it has told anything', () => {
    const workers = [{ name: 'w1' }, { name: 'w2' }];
    const { choices, all } = choicesOver(workers);
    const picked = (count: number): (string | undefined)[] =>
      Array.from({ length: count }, () => choices.pick({ select: 'all' })?.id);
    expect(picked(6).filter((id) => id === 'w1')).toHaveLength(3);
    workers[0] = Object.assign(workers[0]!, { heardAtMs: 1, underWay: 0 });
    workers[1] = Object.assign(workers[1]!, { heardAtMs: 1, underWay: 4 });
    for (const worker of all()) choices.heard(worker);
    const next = picked(6);
    expect(next.slice(0, 4)).toEqual(['w1', 'w1', 'w1', 'w1']);
    expect(next.slice(4)).toContain('w2');
  });
});
