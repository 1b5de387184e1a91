/** Notices from the end of a run to the receiver: once for each end and channel, whatever dies in between, on record with every try. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import type { NoticeStore } from '../../src/store/contract/notice.ts';
import type { Store } from '../../src/store/contract/store.ts';
import { settleWhatTimeHasPassed } from '../../src/store/postgres/backup/restore-aftermath.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { audit, NoticeWorld } from '../support/notice-world.ts';
import { json } from '../support/receiver.ts';

let world: NoticeWorld;
beforeAll(async () => {
  world = await NoticeWorld.start();
});
beforeEach(() => world.forget());
afterAll(() => world.end());

const FAILED = { on: ['failed'] };
interface Listed {
  readonly id: string;
  readonly state: string;
  readonly event: string;
  readonly channel: string;
  readonly tries: number;
  readonly message: string;
  readonly code?: string;
  readonly nextTryAt?: string;
  readonly run: { readonly id: string };
}
const listed = async (query = ''): Promise<readonly Listed[]> =>
  (await world.call<{ items: Listed[] }>('GET', `/notices${query}`)).body.items;

describe('the end of a run', () => {
  it('is told with what failed where, what was said there, who began it and why, and a link', async () => {
    const channel = await world.channel(FAILED);
    const id = await world.ended({
      name: 'nightly',
      states: ['failed', 'failed', 'succeeded', 'lost'],
      said: 'first\n\u001b[31mtar: /data: No space left on device\u001b[0m\n\n',
    });
    await world.look();
    const [body, ...more] = world.bodies(channel);
    expect(more).toEqual([]);
    expect(body).toMatchObject({
      event: 'failed',
      title: '[failed] nightly: 2 failed, 1 lost of 4',
      noticeCount: 1,
      notices: [{ event: 'failed', run: { id, name: 'nightly', link: `https://drover.example/api/v1/runs/${id}` } }],
    });
    const { text } = body!;
    expect(text).toContain('Begun by ann at ');
    expect(text).toContain(': a reason');
    expect(text).toContain('exit code 2 on 2 hosts (web-1, web-2)\n  first\n  tar: /data: No space left on device');
    expect(text).toContain('link-lost on 1 host (web-4)');
    expect(text).toContain(`drover runs show ${id}`);
    expect(text).not.toContain('\u001b');
    const [notice] = await listed();
    expect(notice).toMatchObject({ channel, state: 'delivered', event: 'failed', tries: 1, message: body!.id });
    const shown = await world.call('GET', `/notices/${notice!.id}`);
    expect(shown.body).toMatchObject({
      title: body!.title,
      attempts: [{ number: 1, taken: true, answer: '200 ok' }],
    });
    expect((await world.call('GET', '/notices/00000000-0000-4000-8000-000000000000')).body).toMatchObject({
      code: 'notice-not-found',
    });
  });

  it('is told in Chinese where the channel is', async () => {
    const channel = await world.channel(FAILED, { lang: 'zh' });
    await world.ended({ name: 'nightly', states: ['failed', 'succeeded'] });
    await world.look();
    const { title, text } = world.bodies(channel)[0]!;
    expect(title).toBe('[失败] nightly: 共 2 个，1 个失败');
    expect(text).toContain('由 ann 于');
    expect(text).toContain('1 台主机 退出码 2（web-1）');
  });

  it('is noted by the write that ends it, and by no other', async () => {
    const noted = async (): Promise<number> => (await world.api.store.endedRuns(100)).length;
    await world.ended();
    // Nobody is to be told of anything.
    expect(await noted()).toBe(0);
    await world.channel(FAILED);
    const id = await world.begun();
    await world.over(id, {}, { stale: true });
    expect(await noted()).toBe(0);
    await world.over(id);
    await world.over(id);
    expect(await world.api.store.endedRuns(100)).toMatchObject([{ runId: id, round: 1, state: 'failed' }]);
    expect(await world.api.store.noticesLook()).toMatchObject({ isAny: true });
    await world.look();
    expect(await world.api.store.noticesLook()).toMatchObject({ isAny: false });
    // A late report writes the same end once more.
    await world.over(id);
    await world.look();
    expect([world.bodies().length, (await listed()).length]).toEqual([1, 1]);
  });

  it('is told to those whose rules fit: all, a job, an owner, a team', async () => {
    const definition =
      'job: backup\nowner: ann\nteam: db\nstages: [{ stage: s, steps: [{ step: a, command: [x] }] }]\n';
    await world.call('POST', '/jobs', { definition });
    await world.call('POST', '/jobs/backup/versions/draft/publish', {});
    const rules = [{}, { job: 'backup' }, { owner: 'ann' }, { team: 'db' }, { job: 'other' }, { team: 'web' }];
    const names: string[] = [];
    for (const rule of rules) names.push(await world.channel({ ...FAILED, ...rule }));
    await world.ended({ job: { name: 'backup', version: 1 } });
    await world.ended({ name: 'a command' });
    await world.look();
    expect(names.map((name) => world.bodies(name).length)).toEqual([2, 1, 1, 1, 0, 0]);
    expect(world.bodies(names[1])[0]!.text).toContain('Owner ann, team db');
    expect((await listed('?job=backup')).length).toBe(4);
  });

  it('is a recovery where the run of the job before failed, and where a retry made it good', async () => {
    const channel = await world.channel({ on: ['recovered'] });
    const job = { name: 'recovering', version: 1 };
    for (const state of ['succeeded', 'failed', 'succeeded', 'succeeded'] as const)
      await world.ended({ job, states: [state] });
    await world.look();
    expect(world.bodies(channel).map(({ event }) => event)).toEqual(['recovered']);
    const id = await world.ended({ name: 'retried' });
    await world.api.store.runRetry(id, ['failed'], audit);
    await world.over(id, { states: ['succeeded'] }, { round: 2 });
    await world.look();
    expect(world.bodies(channel).map(({ notices }) => notices[0]!.run.name)).toEqual(['recovering', 'retried']);
  });

  it('is told again for each round', async () => {
    await world.channel(FAILED);
    const id = await world.ended();
    await world.look();
    await world.api.store.runRetry(id, ['failed'], audit);
    await world.over(id, {}, { round: 2 });
    await world.look();
    expect(world.bodies().map(({ title }) => title)).toHaveLength(2);
    expect(new Set(world.bodies().map((body) => body.id)).size).toBe(2);
  });
});

it('a run that a restore ends is told of too', async () => {
  await world.channel({ on: ['lost'] });
  await world.api.database.query('DELETE FROM run_active');
  const id = await world.begun({ name: 'restored' });
  const pool = new Pool({ url: world.api.database.url, log: silentLog, max: 1 });
  try {
    await pool.transaction((tx) => settleWhatTimeHasPassed(tx, systemClock.nowMs()));
  } finally {
    await pool.close();
  }
  await world.look();
  expect(await listed()).toMatchObject([{ event: 'lost', state: 'delivered', run: { id } }]);
});

describe('a job that says who is told of its runs', () => {
  const definition = (job: string, notify: string): string =>
    `job: ${job}\nnotify:\n${notify}stages: [{ stage: s, steps: [{ step: a, command: [x] }] }]\n`;
  async function published(job: string, notify: string): Promise<void> {
    await world.call('POST', '/jobs', { definition: definition(job, notify) });
    const { status } = await world.call('POST', `/jobs/${job}/versions/draft/publish`, {});
    expect(status).toBe(200);
  }

  it('has them told, by the version that ran, beside whom rules name', async () => {
    const [first, second, ruled] = [await world.channel(), await world.channel(), await world.channel(FAILED)];
    await published('telling', `  - { channel: ${first}, on: [failed, lost], lost_share: 10% }\n`);
    await published('telling', `  - { channel: ${second}, on: [failed] }\n  - { channel: ${ruled}, on: [failed] }\n`);
    await world.ended({ job: { name: 'telling', version: 1 } });
    await world.look();
    expect([first, second, ruled].map((name) => world.bodies(name).length)).toEqual([1, 0, 1]);
    await world.ended({ job: { name: 'telling', version: 2 } });
    await world.ended({ job: { name: 'telling', version: 2 }, states: ['succeeded'] });
    await world.look();
    expect([first, second, ruled].map((name) => world.bodies(name).length)).toEqual([1, 1, 2]);
  });

  it('is not taken where it names a channel that is not there', async () => {
    const { status, body } = await world.call('POST', '/jobs', {
      definition: definition('misspelt', '  - { channel: no-such-channel, on: [failed] }\n'),
    });
    expect([status, body['code'], body['detail']]).toEqual([
      404,
      'channel-not-found',
      'notify: there is no channel no-such-channel. See: drover channels list.',
    ]);
  });

  it('keeps its channel, and the name of it; by force it tells nobody, which is on record', async () => {
    const channel = await world.channel();
    await published('keeping', `  - { channel: ${channel}, on: [failed] }\n`);
    for (const answer of [
      await world.call('DELETE', `/channels/${channel}`),
      await world.call('PATCH', `/channels/${channel}`, { name: `${channel}-b` }),
    ]) {
      expect([answer.status, answer.body['code']]).toEqual([409, 'channel-in-use']);
      expect(answer.body['detail']).toContain('keeping');
    }
    await world.channel();
    expect((await world.call('DELETE', `/channels/${channel}?force=true`)).status).toBe(204);
    await world.ended({ job: { name: 'keeping', version: 1 } });
    await world.look();
    expect(world.bodies()).toEqual([]);
    expect(await listed()).toMatchObject([{ channel, state: 'failed', code: 'channel-not-found', tries: 0 }]);
  });
});

/** A store whose server is killed at its n-th call of those that notices make: before it, or when it has written. */
class Killed {
  calls = 0;
  readonly store: Store;

  constructor(store: Store, at: number, when: 'before' | 'after') {
    const KILLED: readonly (keyof NoticeStore)[] = ['noticesMake', 'messagesClaim', 'messageSettle'];
    this.store = new Proxy(store, {
      get: (target, name) => {
        const method = target[name as keyof Store] as (...args: unknown[]) => Promise<unknown>;
        if (!KILLED.includes(name as keyof NoticeStore)) return method;
        return async (...args: unknown[]) => {
          const isLast = ++this.calls === at;
          if (this.calls > at || (isLast && when === 'before')) throw new Error('killed');
          const answer = await method(...args);
          if (isLast) throw new Error('killed');
          return answer;
        };
      },
    });
  }
}

describe('a server that is killed', () => {
  it.each(['before', 'after'] as const)(
    '%s any of its writes leaves nothing untold, and tells nothing under two ids',
    async (when) => {
      for (let at = 1; ; at++) {
        await world.forget();
        await world.channel(FAILED);
        await world.channel(FAILED);
        await world.ended();
        const killed = new Killed(world.api.store, at, when);
        await world.look(killed.store).catch(() => undefined);
        if (killed.calls < at) break;
        // Another server, once the lease of the dead one is over.
        await world.due();
        await world.look();
        const notices = await listed();
        expect([at, notices.map(({ state }) => state)]).toEqual([at, ['delivered', 'delivered']]);
        expect([at, new Set(world.bodies().map(({ id }) => id)).size]).toEqual([at, 2]);
        expect(at).toBeLessThan(10);
      }
    },
  );

  it('in the middle of a try has it on record, and leaves its lease to run out', async () => {
    await world.channel(FAILED);
    await world.ended();
    const killed = new Killed(world.api.store, 3, 'before');
    await world.look(killed.store).catch(() => undefined);
    expect(world.bodies()).toHaveLength(1);
    const [notice] = await listed();
    expect(notice).toMatchObject({ state: 'waiting', tries: 1 });
    const leaseMs = Date.parse(notice!.nextTryAt!) - systemClock.nowMs();
    expect(leaseMs).toBeGreaterThan(noticeLimits.outboundMsMax);
    expect(leaseMs).toBeLessThanOrEqual(noticeLimits.messageLeaseMs);
    expect(await world.look()).toBe(0);
    const before = await world.call('GET', `/notices/${notice!.id}`);
    expect(before.body['attempts']).toEqual([{ number: 1, beganAt: expect.any(String) as string }]);
    await world.due();
    expect(await world.look()).toBe(1);
    expect(world.bodies().map(({ id }) => id)).toEqual([notice!.message, notice!.message]);
  });
});

describe('several servers', () => {
  it('make one notice of each end, and send each message once', async () => {
    await world.channel(FAILED);
    await world.channel(FAILED);
    for (let n = 0; n < 10; n++) await world.ended({ name: `run-${n}` });
    await Promise.all([world.look(), world.look(), world.look(), world.look()]);
    for (let tries = 0; (await world.look()) > 0 && tries < 10; tries++);
    expect((await listed('?limit=100')).map(({ state }) => state)).toEqual(Array(20).fill('delivered'));
    const ids = world.bodies().map(({ id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([20, 20]);
  });
});

describe('a channel that does not take a message', () => {
  it('is tried again, ever later, and in the end has failed', async () => {
    await world.channel(FAILED);
    await world.ended();
    world.far.answer = (response) => void response.writeHead(500).end('no');
    const delays: number[] = [];
    for (let number = 1; number <= noticeLimits.noticeTriesMax; number++) {
      await world.due();
      const begunAtMs = systemClock.nowMs();
      expect(await world.look()).toBe(1);
      const [notice] = await listed();
      expect(notice!.tries).toBe(number);
      if (number < noticeLimits.noticeTriesMax) delays.push(Date.parse(notice!.nextTryAt!) - begunAtMs);
      else expect(notice).toMatchObject({ state: 'failed', code: 'channel-refused' });
    }
    for (const [i, delay] of delays.entries()) {
      const meant = Math.min(noticeLimits.noticeRetryMsMax, noticeLimits.noticeRetryMs * 2 ** i);
      expect(delay).toBeGreaterThanOrEqual(0.75 * meant - 1_000);
      expect(delay).toBeLessThan(1.25 * meant + 60_000);
    }
    await world.due();
    expect(await world.look()).toBe(0);
    const [{ id }] = (await listed('?state=failed')) as [Listed];
    const { attempts } = (await world.call<{ attempts: { answer: string }[] }>('GET', `/notices/${id}`)).body;
    expect(attempts).toHaveLength(noticeLimits.noticeTriesMax);
    expect(new Set(attempts.map(({ answer }) => answer))).toEqual(new Set(['500 no']));
    expect(new Set(world.bodies().map((body) => body.id)).size).toBe(1);
  });

  it('is left alone for as long as it asks', async () => {
    await world.channel(FAILED);
    await world.ended();
    world.far.answer = (response) => void response.writeHead(429, { 'retry-after': '1800' }).end();
    await world.look();
    const [notice] = await listed();
    expect(Date.parse(notice!.nextTryAt!) - systemClock.nowMs()).toBeGreaterThan(1_700_000);
  });

  it('has failed when its last try was under way in a server that was killed', async () => {
    await world.channel(FAILED);
    await world.ended();
    await world.look(new Killed(world.api.store, 3, 'before').store).catch(() => undefined);
    await world.api.database.query('UPDATE notice_message SET tries = $1, due_at_ms = 0', [
      noticeLimits.noticeTriesMax,
    ]);
    expect(await world.look()).toBe(0);
    expect(await listed()).toMatchObject([{ state: 'failed', code: 'outbound-timeout' }]);
  });

  it('keeps no other channel from being told', async () => {
    await world.channel(FAILED);
    const good = await world.channel(FAILED);
    world.far.answer = (response, { url }) =>
      void (url.pathname === `/${good}` ? response.end('ok') : response.writeHead(500).end());
    await world.ended();
    await world.look();
    expect((await listed()).map(({ channel, state }) => [channel === good, state])).toEqual(
      expect.arrayContaining([
        [true, 'delivered'],
        [false, 'waiting'],
      ]),
    );
  });
});

describe('many ends at once', () => {
  it('of one job share a message, after the first one', async () => {
    const channel = await world.channel(FAILED, { window: '10m' });
    await world.ended({ name: 'flapping' });
    await world.look();
    for (let n = 0; n < 3; n++) await world.ended({ name: 'flapping' });
    await world.ended({ name: 'another' });
    await world.look();
    expect(world.bodies(channel).map(({ title }) => title)).toEqual([
      '[failed] flapping: 1 failed of 1',
      '[failed] another: 1 failed of 1',
    ]);
    const [waiting] = await listed('?state=waiting');
    const waitsMs = Date.parse(waiting!.nextTryAt!) - systemClock.nowMs();
    expect(waitsMs).toBeGreaterThan(500_000);
    expect(waitsMs).toBeLessThanOrEqual(600_000);
    await world.due();
    await world.look();
    expect(world.bodies(channel).at(-1)).toMatchObject({
      title: '3 notices of flapping',
      event: 'several',
      noticeCount: 3,
    });
  });

  it('stay messages of their own while the channel takes them, however many a server sends at once', async () => {
    const channel = await world.channel(FAILED);
    const count = noticeLimits.messagesOfChannelAtOnceMax + 1;
    for (let n = 0; n < count; n++) await world.ended({ name: `run-${n}` });
    expect([await world.look(), await world.look()]).toEqual([count - 1, 1]);
    expect(world.bodies(channel).map(({ noticeCount }) => noticeCount)).toEqual(Array(count).fill(1));
  });

  it('of many jobs become one message where the channel takes no more', async () => {
    const channel = await world.channel(FAILED, { perMinute: 2 });
    for (let n = 0; n < 15; n++) await world.ended({ name: `run-${n}` });
    await world.look();
    await world.look();
    expect(world.bodies(channel)).toHaveLength(1);
    const [body] = world.bodies(channel);
    expect(body).toMatchObject({ noticeCount: 15, title: '15 notices' });
    expect(body!.text).toContain('[failed] run-0: 1 failed of 1');
    expect(body!.text).toContain('and 5 more');
    await world.ended({ name: 'one more' });
    await world.look();
    await world.ended({ name: 'too many for this minute' });
    await world.look();
    expect(world.bodies(channel)).toHaveLength(2);
    // A minute later.
    await world.api.database.query('UPDATE notice_try SET began_at_ms = began_at_ms - 60001');
    await world.look();
    expect(world.bodies(channel)).toHaveLength(3);
    expect((await listed('?limit=100')).every(({ state }) => state === 'delivered')).toBe(true);
  });
});

it('output of scripts calls nobody in a chat', async () => {
  for (const kind of ['slack', 'wecom', 'feishu'])
    await world.channel(FAILED, { endpoint: { kind, url: `${world.far.url}/${kind}` } });
  world.far.answer = json({ errcode: 0, code: 0 });
  await world.ended({ said: 'no luck <@ann> <!channel> <at user_id="all"></at>\n' });
  await world.look();
  expect((await listed()).map(({ state }) => state)).toEqual(Array(3).fill('delivered'));
  for (const { body } of world.far.received)
    expect([body.includes('no luck'), /<[@!a]/.test(body)]).toEqual([true, false]);
});

describe('a channel with rules', () => {
  it('is not removed by accident; by force its rules go with it, and what waits has failed', async () => {
    const name = await world.channel(FAILED);
    const refused = await world.call('DELETE', `/channels/${name}`);
    expect([refused.status, refused.body['code']]).toEqual([409, 'channel-in-use']);
    await world.ended();
    world.far.answer = (response) => void response.writeHead(500).end();
    await world.look();
    expect((await world.call('DELETE', `/channels/${name}?force=true`)).status).toBe(204);
    expect(await listed()).toMatchObject([{ state: 'failed', code: 'channel-not-found' }]);
    expect((await world.call<{ items: unknown[] }>('GET', '/notice-rules')).body.items).toEqual([]);
    expect((await world.call('POST', '/notice-rules', { channel: name, on: ['failed'] })).body).toMatchObject({
      code: 'channel-not-found',
    });
  });

  it('whose endpoint does not open waits for the key', async () => {
    await world.channel(FAILED);
    await world.ended();
    await world.api.database.query("UPDATE channel SET sealed = sealed || '\\x00'");
    await world.look();
    expect(await listed()).toMatchObject([{ state: 'waiting', code: 'secret-unreadable', tries: 1 }]);
  });
});

describe('rules', () => {
  it('are added, listed and removed, each in the audit', async () => {
    const channel = await world.channel();
    const id = await world.rule({ channel, on: ['lost', 'lost', 'failed'], lostShare: 10, team: 'web' });
    const rules = (await world.call<{ items: object[] }>('GET', '/notice-rules')).body.items;
    expect(rules).toMatchObject([
      { id, channel, on: ['lost', 'failed'], lostShare: 10, team: 'web', createdBy: 'admin' },
    ]);
    expect((await world.call('DELETE', `/notice-rules/${id}`)).status).toBe(204);
    expect((await world.call('DELETE', `/notice-rules/${id}`)).body).toMatchObject({ code: 'notice-rule-not-found' });
    const audited = await world.call<{ items: { target: string }[] }>('GET', '/audit?action=notice.rule.edit');
    expect(audited.body.items.filter(({ target }) => target === `notice-rule/${id}`)).toHaveLength(2);
  });

  it('are bounded in number', async () => {
    const channel = await world.channel();
    await world.api.database.query(
      `INSERT INTO notice_rule (id, channel_id, events, created_at_ms, created_by)
       SELECT gen_random_uuid(), id, '{failed}', 0, '{"name": "t"}' FROM channel, generate_series(1, $1)`,
      [noticeLimits.noticeRulesMax - 1],
    );
    await world.rule({ channel, on: ['failed'] });
    expect((await world.call('POST', '/notice-rules', { channel, on: ['failed'] })).body).toMatchObject({
      code: 'too-many-notice-rules',
    });
  });
});

describe('what is over', () => {
  it('is forgotten with the runs of its time', async () => {
    await world.channel(FAILED);
    await world.ended();
    await world.look();
    await world.api.database.query('UPDATE notice_message SET finished_at_ms = 1');
    await world.api.store.maintain({ runsKeptMs: 86_400_000, aheadDays: 1 });
    expect(await listed()).toEqual([]);
  });
});
