/** Far ends that take connections and say nothing, as robots of one service do together, and messages with which something is wrong: others are told meanwhile. */
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { NoticeTeller } from '../../src/loops/notice-teller.ts';
import { parseAllowList } from '../../src/outbound/allow-list.ts';
import { createOutbound } from '../../src/outbound/outbound.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { NoticeWorld } from '../support/notice-world.ts';
import { until } from '../support/until.ts';

let world: NoticeWorld;
beforeAll(async () => {
  world = await NoticeWorld.start();
});
beforeEach(() => world.forget());
afterAll(() => world.end());

/** More than it takes to have all the places that they share. */
const SILENT = Math.ceil(noticeLimits.messagesSharedAtOnceMax / (noticeLimits.messagesOfChannelAtOnceMax - 1)) + 1;
const PLACES = SILENT + noticeLimits.messagesSharedAtOnceMax;

it('keep nobody else from being told, nor any notice from being made, while they are waited for', async () => {
  for (let n = 0; n < SILENT; n++) await world.channel({ on: ['failed'] });
  const quick = await world.channel({ on: ['lost'] });
  const held: ServerResponse[] = [];
  world.far.answer = (response, { url }) =>
    void (url.pathname === `/${quick}` ? response.end('ok') : held.push(response));
  // As a server does all of it, but that it waits for far ends for as long as this test likes.
  const outbound = createOutbound({ allowed: parseAllowList('127.0.0.1'), clock: systemClock, withinMs: 600_000 });
  const teller = new NoticeTeller({ ...world.sending(), store: world.api.store, outbound });
  await teller.start();
  try {
    for (let n = 0; n < noticeLimits.messagesOfChannelAtOnceMax; n++) await world.ended({ name: `run-${n}` });
    teller.wake();
    await until('all places to be taken by the silent', () => held.length >= PLACES);
    for (const name of ['one', 'another']) {
      await world.ended({ name, states: ['lost'] });
      teller.wake();
      await until('the message to the quick', () => world.bodies(quick).some(({ title }) => title.includes(name)));
    }
    const [ended] = await world.api.database.query(
      `SELECT count(*) AS count FROM notice_try
       WHERE ended_at_ms IS NOT NULL AND channel_id <> (SELECT id FROM channel WHERE name = '${quick}')`,
    );
    expect(Number(ended!['count'])).toBe(0);
  } finally {
    world.far.answer = (response) => void response.end('ok');
    for (const response of held) response.end('ok');
    await teller.stop();
  }
  // What waited for a place among the silent is sent too.
  while ((await world.look()) > 0);
  const [waiting] = await world.api.database.query(
    "SELECT count(*) AS count FROM notice_message WHERE state = 'waiting'",
  );
  expect(Number(waiting!['count'])).toBe(0);
});

it('nor does a message whose end cannot be written, or a channel whose messages cannot be claimed', async () => {
  const [unwritten, unclaimed] = [await world.channel({ on: ['failed'] }), await world.channel({ on: ['failed'] })];
  await world.channel({ on: ['failed'] });
  await world.ended();
  const { store } = world.api;
  const refused = (await store.channelFetch(unclaimed))!.id;
  const messages = new Map<string, string>();
  const broken: Store = {
    ...store,
    async messagesClaim(channel, leaseMs, limit) {
      if (channel === refused) throw new Error('not claimed');
      const claimed = await store.messagesClaim(channel, leaseMs, limit);
      if (claimed !== 'elsewhere') for (const message of claimed) messages.set(message.id, message.channel.name);
      return claimed;
    },
    async messageSettle(id, number, end) {
      if (messages.get(id) === unwritten) throw new Error('not written');
      await store.messageSettle(id, number, end);
    },
  };
  expect(await world.look(broken)).toBe(2);
  const states = (): Promise<unknown> =>
    world.api.database.query('SELECT state, tries FROM notice_message ORDER BY state, tries');
  expect(await states()).toEqual([
    { state: 'delivered', tries: 1 },
    { state: 'waiting', tries: 0 },
    { state: 'waiting', tries: 1 },
  ]);
  await world.due();
  await world.look();
  expect(await states()).toMatchObject(Array(3).fill({ state: 'delivered' }));
});
