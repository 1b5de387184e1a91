/** Tests of a channel count as messages: nobody is flooded by them, and no robot shuts us out for them. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { NoticeWorld } from '../support/notice-world.ts';

let world: NoticeWorld;
beforeAll(async () => {
  world = await NoticeWorld.start();
});
beforeEach(() => world.forget());
afterAll(() => world.end());

const test = (channel: string) => world.call<{ code?: string; detail?: string }>('POST', `/channels/${channel}/test`);
const minutePasses = (table: 'channel_test' | 'notice_try'): Promise<unknown> =>
  world.api.database.query(`UPDATE ${table} SET began_at_ms = began_at_ms - 60001`);
const audited = async (): Promise<number> =>
  (await world.call<{ items: unknown[] }>('GET', '/audit?action=notice.channel.test&limit=100')).body.items.length;

it('tests beyond the messages that a channel is sent in a minute are refused, however many come at once', async () => {
  const channel = await world.channel(undefined, { perMinute: 3 });
  const before = await audited();
  const answers = await Promise.all(Array.from({ length: 12 }, () => test(channel)));
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(3).fill(200), ...Array(9).fill(429)]);
  expect(answers.find(({ status }) => status === 429)!.body).toMatchObject({
    code: 'channel-busy',
    detail: expect.stringContaining('3 messages in a minute') as unknown,
  });
  expect([world.far.received.length, (await audited()) - before]).toEqual([3, 3]);
  await minutePasses('channel_test');
  expect((await test(channel)).status).toBe(200);
  // What no count needs any more is not kept.
  expect(await world.api.database.query('SELECT began_at_ms FROM channel_test')).toHaveLength(1);
});

it('tests and notices are of one minute', async () => {
  const channel = await world.channel({ on: ['failed'] }, { perMinute: 1 });
  await world.ended();
  expect((await test(channel)).status).toBe(200);
  expect(await world.look()).toBe(0);
  await minutePasses('channel_test');
  expect(await world.look()).toBe(1);
  expect((await test(channel)).body.code).toBe('channel-busy');
  await minutePasses('notice_try');
  expect((await test(channel)).status).toBe(200);
});
