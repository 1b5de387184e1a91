/** A run that goes out in batches, in its owner's memory: what it sends, when it waits and asks, and how another owner goes on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HERE } from '../../../test/support/one-host.ts';
import { RolloutWorld } from '../../../test/support/rollout-world.ts';
import { isTerminalExecution } from '../crew/execution-machine.ts';
import { isTerminalRun } from '../flow/run-machine.ts';
import { parseBatches, type BatchSize } from '../rollout/batches.ts';

function batches(text: string): readonly BatchSize[] {
  const parsed = parseBatches(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.batches;
}
const out = (world: RolloutWorld): number[] =>
  world.rows.flatMap(({ state, ordinal }) => (state === 'dispatched' || state === 'running' ? [ordinal] : []));
function endAll(world: RolloutWorld, code = 0): void {
  for (let count = out(world).length; count > 0; count--) world.end(0, code);
  world.settle();
}

describe('a run in batches', () => {
  it('sends one batch after the other, each when all before it are over', () => {
    const world = new RolloutWorld(6, { batches: batches('1 2 all') });
    world.settle();
    expect([out(world), world.state]).toEqual([[0], 'running']);
    endAll(world);
    expect(out(world)).toEqual([1, 2]);
    world.end(0, 0);
    world.settle();
    expect(out(world)).toEqual([2]);
    endAll(world);
    expect(out(world)).toEqual([3, 4, 5]);
    endAll(world);
    expect(world.state).toBe('succeeded');
  });

  it('waits between two batches, and goes on by itself, also under another owner', () => {
    const world = new RolloutWorld(2, { batches: batches('1'), between: { kind: 'wait', ms: 60_000 } });
    world.settle();
    endAll(world);
    expect([out(world), world.position?.phase]).toEqual([[], 'waiting']);
    expect(world.run.dueAt).toBe(world.at + 60_000);
    world.at += 59_000;
    world.takeOver();
    world.settle();
    expect([out(world), world.run.dueAt]).toEqual([[], world.at + 1_000]);
    world.at += 1_000;
    world.settle();
    expect(out(world)).toEqual([1]);
  });

  it('asks between two batches, is paused until the answer, and hosts of the next have all of their time then', () => {
    const world = new RolloutWorld(2, { batches: batches('1'), between: { kind: 'ask' } });
    world.settle();
    endAll(world);
    expect([world.state, world.position]).toMatchObject(['paused', { phase: 'asking', why: 'between', turn: 1 }]);
    world.at += 86_400_000;
    world.takeOver();
    world.settle();
    expect([world.state, world.run.dueAt]).toEqual(['paused', Number.POSITIVE_INFINITY]);
    world.say(true);
    world.settle();
    expect([world.state, out(world)]).toEqual(['running', [1]]);
    endAll(world);
    expect(world.state).toBe('succeeded');
  });

  it('begins no batch and asks nothing while somebody has paused it, and waits for no time then', () => {
    const world = new RolloutWorld(3, { batches: batches('1'), between: { kind: 'wait', ms: 60_000 } });
    world.settle();
    endAll(world);
    world.run.pause('somebody');
    world.settle();
    world.at += 61_000;
    world.settle();
    expect([world.position, world.run.dueAt]).toMatchObject([{ batch: 0, phase: 'waiting' }, Number.POSITIVE_INFINITY]);
    world.run.resume('somebody', world.at);
    world.settle();
    expect([world.position, out(world)]).toMatchObject([{ batch: 1, phase: 'going' }, [1]]);
  });

  it('asks nothing where nothing is left to begin', () => {
    const limit = { maxFailed: { kind: 'count', count: 0 }, onMaxFailed: 'pause' } as const;
    const world = new RolloutWorld(2, { batches: batches('1'), ...limit });
    world.settle();
    endAll(world);
    endAll(world, 1);
    expect([world.state, world.position?.phase]).toEqual(['failed', 'going']);
  });

  it('starts nothing more when the answer is no, whoever hears it', () => {
    for (const isOther of [false, true]) {
      const world = new RolloutWorld(3, { batches: batches('1'), between: { kind: 'ask' } });
      world.settle();
      endAll(world);
      world.say(false);
      if (isOther) world.takeOver();
      world.settle();
      expect([world.state, world.rows.map(({ state }) => state)]).toEqual([
        'failed',
        ['succeeded', 'skipped', 'skipped'],
      ]);
      expect(world.reasons.slice(1)).toEqual(['rollout-declined', 'rollout-declined']);
    }
  });

  it('takes an answer to one question for no other', () => {
    const world = new RolloutWorld(3, { batches: batches('1'), between: { kind: 'ask' } });
    world.settle();
    endAll(world);
    world.say(true);
    world.settle();
    endAll(world);
    expect(world.position).toMatchObject({ phase: 'asking', turn: 2 });
    world.takeOver();
    world.settle();
    expect([world.position, out(world)]).toMatchObject([{ phase: 'asking', turn: 2 }, []]);
  });

  it('takes no answer once what asks has been cancelled, whoever reads it then', () => {
    const world = new RolloutWorld(3, { batches: batches('1'), between: { kind: 'ask' } });
    world.settle();
    endAll(world);
    world.cancel();
    world.settle();
    world.takeOver();
    const now = { at: world.at, ms: world.at };
    expect([world.state, world.position?.phase]).toEqual(['cancelled', 'asking']);
    expect(world.run.answered(0, { turn: 1, goesOn: true, by: 'somebody' }, now)).toBe(false);
  });

  it('asks when more have failed than may, drains meanwhile, and lets those pass that somebody has let pass', () => {
    const limit = { maxFailed: { kind: 'count', count: 0 }, onMaxFailed: 'pause' } as const;
    const world = new RolloutWorld(6, { batches: batches('3'), concurrency: 2, ...limit });
    world.settle();
    world.end(0, 1);
    world.settle();
    expect([world.state, out(world), world.position?.why]).toEqual(['paused', [1], 'max-failed']);
    world.end(0, 0);
    world.settle();
    expect([world.state, out(world)]).toEqual(['paused', []]);
    world.say(true);
    world.settle();
    expect([world.state, out(world)]).toEqual(['running', [2]]);
    endAll(world);
    expect(out(world)).toEqual([3, 4]);
    world.end(0, 1);
    world.settle();
    expect(world.position).toMatchObject({ phase: 'asking', turn: 2 });
  });

  it('may ask without batches too', () => {
    const world = new RolloutWorld(3, { concurrency: 1, maxFailed: { kind: 'count', count: 0 }, onMaxFailed: 'pause' });
    world.settle();
    world.end(0, 1);
    world.settle();
    expect([world.state, world.rows[1]!.state]).toEqual(['paused', 'waiting']);
    world.say(true);
    world.finish();
    expect(world.state).toBe('failed');
    expect(world.sent).toEqual([0, 1, 2]);
  });

  it('counts failures of each batch by itself', () => {
    const world = new RolloutWorld(9, { batches: batches('3'), batchMaxFailed: { kind: 'count', count: 1 } });
    world.settle();
    world.end(0, 1);
    endAll(world);
    world.end(0, 1);
    endAll(world);
    expect(out(world)).toEqual([6, 7, 8]);
    world.end(0, 1);
    world.end(0, 1);
    endAll(world);
    expect(world.state).toBe('failed');
    const stopped = new RolloutWorld(9, { batches: batches('3'), batchMaxFailed: { kind: 'count', count: 0 } });
    stopped.settle();
    stopped.end(0, 1);
    endAll(stopped);
    expect(stopped.rows.slice(3).every(({ state }) => state === 'skipped')).toBe(true);
  });

  it('ends what is out too, where that was asked for', () => {
    const world = new RolloutWorld(4, {
      maxFailed: { kind: 'count', count: 0 },
      onMaxFailed: 'abort',
      batches: batches('3'),
    });
    world.settle();
    world.end(0, 1);
    world.settle();
    expect(world.run.orders(world.at, () => undefined)).toEqual([]);
    expect(world.rows[3]!.state).toBe('skipped');
    endAll(world);
    expect([world.state, world.rows[1]!.state, world.reasons[1]]).toEqual(['failed', 'cancelled', 'failure-limit']);
  });

  it('says of each what ended it: the limit, also where somebody cancels later, or whoever cancelled', () => {
    const limit = { maxFailed: { kind: 'count', count: 0 }, onMaxFailed: 'abort' } as const;
    for (const [isOfLimit, reason] of [
      [true, 'failure-limit'],
      [false, 'cancelled-by-user'],
    ] as const) {
      const world = new RolloutWorld(3, { batches: batches('all'), ...limit });
      world.settle();
      if (isOfLimit) world.end(0, 1);
      world.settle();
      world.cancel();
      world.settle();
      endAll(world);
      expect([world.rows[2]!.state, world.reasons[2]]).toEqual(['cancelled', reason]);
    }
  });

  it('ends so what was out and never began', () => {
    const limit = { maxFailed: { kind: 'count', count: 0 }, onMaxFailed: 'abort' } as const;
    const world = new RolloutWorld(2, { batches: batches('all'), ...limit });
    world.settle();
    world.end(0, 1);
    world.settle();
    const [, second] = world.run.tasks[0]!.crew.executions;
    world.run.tasks[0]!.crew.onUnknown(second!, 1, { at: world.at, ms: world.at }, HERE.instance);
    world.settle();
    expect([world.state, world.rows[1]!.state, world.reasons[1]]).toEqual(['failed', 'cancelled', 'failure-limit']);
  });

  it('counts as failed what it is said to', () => {
    const world = new RolloutWorld(3, {
      batches: batches('1'),
      maxFailed: { kind: 'count', count: 0 },
      countsAsFailed: ['lost'],
    });
    world.settle();
    endAll(world, 1);
    expect(out(world)).toEqual([1]);
  });

  it('is cancelled while it asks', () => {
    const world = new RolloutWorld(3, { batches: batches('1'), between: { kind: 'ask' } });
    world.settle();
    endAll(world);
    world.cancel();
    world.settle();
    expect([world.state, world.rows.map(({ state }) => state)]).toEqual([
      'cancelled',
      ['succeeded', 'cancelled', 'cancelled'],
    ]);
  });
});

describe('a run in batches under any events', () => {
  const deed = fc.tuple(
    fc.constantFrom(
      'end',
      'end',
      'end',
      'fail',
      'settle',
      'settle',
      'write',
      'time',
      'take over',
      'yes',
      'no',
      'pause',
      'resume',
      'cancel',
    ),
    fc.nat(60),
  );
  const policy = fc.record({
    batches: fc.constantFrom('1 2 all', '1', '50%', '1 *2', '2 +1').map(batches),
    between: fc.constantFrom(undefined, { kind: 'wait' as const, ms: 60_000 }, { kind: 'ask' as const }),
    concurrency: fc.constantFrom(undefined, 1, 2),
    maxFailed: fc.constantFrom(undefined, { kind: 'count' as const, count: 1 }),
    batchMaxFailed: fc.constantFrom(undefined, { kind: 'count' as const, count: 0 }),
    onMaxFailed: fc.constantFrom(undefined, 'drain' as const, 'abort' as const, 'pause' as const),
  });

  it('keeps to its batches, asks what it is to ask, and ends', () => {
    const ends = new Set<string>();
    const asked = new Set<string>();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        policy,
        fc.array(deed, { maxLength: 60, size: 'max' }),
        (hosts, own, deeds) => {
          const told = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
          const world = new RolloutWorld(hosts, told);
          for (const [name, n] of deeds) {
            if (name === 'end') world.end(n, 0);
            else if (name === 'fail') world.end(n, 1);
            else if (name === 'settle') world.settle();
            else if (name === 'write' && world.run.hasChanges) world.write(1 + (n % 3));
            else if (name === 'time') world.at += n * 10_000;
            else if (name === 'take over') world.takeOver();
            else if (name === 'yes') world.say(true);
            else if (name === 'no' && n % 4 === 0) world.say(false);
            else if (name === 'pause') world.run.pause('somebody');
            else if (name === 'resume') world.run.resume('somebody', world.at);
            else if (name === 'cancel' && n % 15 === 0) world.cancel();
          }
          world.run.resume('somebody', world.at);
          world.finish();
          if (!isTerminalRun(world.state) || !world.rows.every(({ state }) => isTerminalExecution(state)))
            throw new Error(`it does not end: ${world.state}, ${world.rows.map(({ state }) => state).join(' ')}`);
          ends.add(world.state);
          for (const why of world.asked) asked.add(why);
          if (new Set(world.sent).size !== world.sent.length) throw new Error('something went out twice');
        },
      ),
      { numRuns: 1_500 },
    );
    expect([...ends]).toEqual(expect.arrayContaining(['succeeded', 'failed', 'cancelled']));
    expect([...asked].sort()).toEqual(['between', 'max-failed']);
  });
});
