/** Whoever wants to know that a run takes too long is told once for each round, while it is under way, by whichever server looks. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lateNoticesMake } from '../../src/app/notice-late.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { audit, NoticeWorld } from '../support/notice-world.ts';

let world: NoticeWorld;
beforeAll(async () => {
  world = await NoticeWorld.start();
});
beforeEach(() => world.forget());
afterAll(() => world.end());

interface Listed {
  readonly event: string;
  readonly channel: string;
  readonly run: { readonly id: string };
}
const listed = async (query = ''): Promise<readonly Listed[]> =>
  (await world.call<{ items: Listed[] }>('GET', `/notices${query}`)).body.items;

describe('a run that is under way for long', () => {
  const look = (nowMs = world.api.store.clock().nowMs()): Promise<void> => lateNoticesMake(world.api.store, nowMs);
  const finish = async (): Promise<void> => {
    await world.api.database.query('DELETE FROM run_active');
  };
  beforeEach(finish);

  it('is told once, when it is longer than was said, and is not over', async () => {
    const channel = await world.channel({ on: ['late'], lateAfter: '10m' });
    await world.channel({ on: ['failed'] });
    const id = await world.begun({ name: 'slow', states: ['failed', 'succeeded'] });
    const over = await world.begun({ name: 'over' });
    await world.over(over);
    expect(await world.api.store.noticesLook()).toMatchObject({ isLateWatched: true });
    const begunAtMs = (await world.api.store.runFetch(id))!.roundStartedAtMs;
    await look(begunAtMs + 600_000);
    expect(await listed('?event=late')).toEqual([]);
    // Several servers, again and again.
    await Promise.all([look(begunAtMs + 600_001), look(begunAtMs + 600_001)]);
    await look(begunAtMs + 900_000);
    expect(await listed('?event=late')).toMatchObject([{ channel, run: { id, name: 'slow' } }]);
    await world.look();
    const [body] = world.bodies(channel);
    expect(body).toMatchObject({ event: 'late', title: '[late] slow: under way for 10m, longer than 10m' });
    expect(body!.text).toContain('Under way for 10m; 0 of 2 done');
    await world.over(id, { states: ['failed', 'succeeded'] });
    expect(await world.api.store.noticesLook()).toMatchObject({ isLateWatched: false });
  });

  it('is told when it is longer than nineteen of twenty runs of its job, five at least, and a little more', async () => {
    const channel = await world.channel({ on: ['late'], job: 'usual' });
    const job = { name: 'usual', version: 1 };
    const took = async (ms: number): Promise<void> => {
      const id = await world.ended({ job, states: ['succeeded'] });
      await world.api.database.query('UPDATE run SET finished_at_ms = round_started_at_ms + $2 WHERE id = $1', [
        id,
        ms,
      ]);
    };
    for (let n = 1; n < noticeLimits.usualRunsMin; n++) await took(n * 1_000);
    const id = await world.begun({ job });
    const begunAtMs = (await world.api.store.runFetch(id))!.roundStartedAtMs;
    await look(begunAtMs + 86_400_000);
    expect(await listed()).toEqual([]);
    await took(60_000);
    // What failed is not what is usual.
    await world.ended({ job });
    const lateMs = 60_000 + noticeLimits.usualSlackMs;
    await look(begunAtMs + lateMs);
    expect(await listed()).toEqual([]);
    await look(begunAtMs + lateMs + 1);
    expect(await listed()).toMatchObject([{ channel, event: 'late', run: { id } }]);
  });

  it('is told where its job says so, and no other is', async () => {
    const channel = await world.channel();
    const definition = `job: slow-job\nnotify: [{ channel: ${channel}, on: [late], late_after: 1m }]\nstages: [{ stage: s, steps: [{ step: a, command: [x] }] }]\n`;
    await world.call('POST', '/jobs', { definition });
    await world.call('POST', '/jobs/slow-job/versions/draft/publish', {});
    const id = await world.begun({ job: { name: 'slow-job', version: 1 } });
    await world.begun({ name: 'a command' });
    expect(await world.api.store.noticesLook()).toMatchObject({ isLateWatched: true });
    await look(world.api.store.clock().nowMs() + 3_600_000);
    expect(await listed()).toMatchObject([{ channel, run: { id } }]);
    // Each round is late by itself.
    await world.over(id);
    await world.api.store.runRetry(id, ['failed'], audit);
    await look(world.api.store.clock().nowMs() + 3_600_000);
    expect(await listed()).toHaveLength(2);
  });

  it('is not told to be late once it is over', async () => {
    await world.channel({ on: ['late'], lateAfter: '1m' });
    const id = await world.begun();
    const read = await world.api.store.runsUnderWay(undefined, { limit: 10, isOfAll: true });
    await world.over(id);
    const store = { ...world.api.store, runsUnderWay: async () => read };
    await lateNoticesMake(store, world.api.store.clock().nowMs() + 3_600_000);
    expect(await listed()).toEqual([]);
  });
});
