import { describe, expect, it } from 'vitest';
import { limits } from '../../base/limits.ts';
import { copyOf, judgeWorkerStart, withoutHolder, type WorkerStarts } from './worker-start.ts';

const SILENT = limits.linkSilentMsMax;
const LEASE = limits.serverLeaseMs;
/** Long enough for servers that have just started to be none. */
const T = 10_000_000;

class World {
  starts: WorkerStarts | undefined;
  now = T;
  readonly leases = new Map<string, number>();
  startedAtMs = 0;
  /** Of each server, the start that it has a link of. */
  readonly links = new Map<string, string>();

  shows(instance: string, serverId = 's1'): string {
    this.leases.set(serverId, this.now + LEASE);
    const there = this.links.get(serverId);
    const isOtherHere = there !== undefined && there !== instance;
    const { nowMs, leases, startedAtMs } = { nowMs: this.now, leases: this.leases, startedAtMs: this.startedAtMs };
    const { verdict, starts } = judgeWorkerStart(
      this.starts,
      { instance, serverId, isOtherHere },
      { nowMs, leases, startedAtMs },
    );
    this.starts = starts;
    if (verdict === 'admitted') this.links.set(serverId, instance);
    return verdict;
  }
  goes(serverId = 's1'): void {
    const instance = this.links.get(serverId)!;
    this.links.delete(serverId);
    this.starts = withoutHolder(this.starts!, { instance, serverId }, this.now);
  }
  /** Living servers renew their leases. */
  passes(ms: number, ...alive: readonly string[]): void {
    this.now += ms;
    for (const id of alive) this.leases.set(id, this.now + LEASE);
  }
}

describe('the start of a worker that counts', () => {
  it('is the first, on each server, and the next once the former has left them all', () => {
    const world = new World();
    expect([world.shows('a'), world.shows('a', 's2'), world.shows('a')]).toEqual(['admitted', 'admitted', 'admitted']);
    world.goes('s1');
    expect([world.shows('b'), copyOf(world.starts, world.now)]).toEqual(['held', undefined]);
    world.goes('s2');
    expect([world.shows('b'), world.shows('b', 's2')]).toEqual(['admitted', 'admitted']);
  });

  it('is the next at once where the server that held the former is dead, and so is its lease', () => {
    const world = new World();
    world.shows('a', 's1');
    world.passes(LEASE - 1);
    expect(world.shows('b', 's2')).toBe('held');
    world.passes(2, 's2');
    expect(world.shows('b', 's2')).toBe('admitted');
  });

  it('is never a second one beside it: a copy, once that has gone on for longer than links of the dead can stand', () => {
    const world = new World();
    world.shows('a');
    expect(world.shows('b')).toBe('held');
    expect(world.shows('b', 's2')).toBe('held');
    world.passes(SILENT, 's1', 's2');
    expect(world.shows('b')).toBe('held');
    world.passes(LEASE + 1, 's1', 's2');
    expect(world.shows('b')).toBe('copied');
    expect(copyOf(world.starts, world.now)).toMatchObject({ instance: 'b', sinceMs: T });
    world.passes(2 * SILENT + 1, 's1');
    expect(copyOf(world.starts, world.now)).toBeUndefined();
  });

  it('stays so where it links anew: the other is a copy then, and does not slip in while it is away', () => {
    const world = new World();
    world.shows('a');
    expect(world.shows('b')).toBe('held');
    world.goes();
    expect(world.shows('a')).toBe('admitted');
    world.goes();
    expect(world.shows('b')).toBe('copied');
    world.passes(SILENT, 's1');
    expect(world.shows('b')).toBe('copied');
    expect(world.shows('a')).toBe('admitted');
  });

  it('is the copy once the other has been away for long, and the other is one then', () => {
    const world = new World();
    world.shows('a');
    world.shows('b');
    world.shows('a');
    world.goes();
    for (let i = 0; i < 4; i++) {
      expect(world.shows('b')).toBe('copied');
      world.passes(SILENT / 2 + 1, 's1');
    }
    expect(world.shows('b')).toBe('admitted');
    expect([world.shows('a'), copyOf(world.starts, world.now)]).toEqual(['held', undefined]);
  });

  it('is no copy by an accident of servers: of one that has just started nobody knows who is away', () => {
    const world = new World();
    world.shows('a', 's1');
    world.shows('b', 's1');
    world.shows('a', 's1');
    world.goes('s1');
    world.passes(10 * SILENT);
    world.starts = { ...world.starts!, rival: { ...world.starts!.rival!, seenAtMs: world.now } };
    world.startedAtMs = world.now;
    expect([world.shows('b', 's2'), world.shows('a', 's2')]).toEqual(['copied', 'admitted']);
  });

  it('has a copy beside it still when it is started again itself', () => {
    const world = new World();
    world.shows('a');
    world.shows('copy');
    world.shows('a');
    world.goes();
    expect([world.shows('next'), world.shows('copy')]).toEqual(['admitted', 'copied']);
  });

  it('is let go by a server that has no link of it, though it was written later that it took one', () => {
    const world = new World();
    world.shows('a');
    world.shows('a', 's2');
    for (const id of ['s1', 's2']) world.goes(id);
    // That the two had taken a link of it lands now, and it is dead.
    world.starts = { ...world.starts!, heldBy: ['s1', 's2'], seenAtMs: world.now };
    expect([world.shows('b'), world.shows('b', 's2'), world.shows('b')]).toEqual(['held', 'admitted', 'admitted']);
  });

  it('is not let go by a server that has a link of it', () => {
    const world = new World();
    world.shows('a');
    expect([world.shows('b'), world.shows('b', 's2'), world.shows('b')]).toEqual(['held', 'held', 'held']);
    expect(world.starts).toMatchObject({ current: 'a', heldBy: ['s1'] });
  });

  it('is not left by whom it does not know', () => {
    const starts: WorkerStarts = { current: 'a', heldBy: ['s1'], seenAtMs: 1 };
    expect(withoutHolder(starts, { instance: 'b', serverId: 's1' }, 2)).toBe(starts);
    expect(withoutHolder(starts, { instance: 'a', serverId: 's2' }, 2)).toBe(starts);
  });
});
