/** Channels over the real API and database, telling a real HTTP receiver: what is sent, what counts as taken, and that nothing secret comes out. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { channelChange } from '../../src/app/channel.ts';
import { rotateKeys } from '../../src/app/key-rotation.ts';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { noticeLimits } from '../../src/base/notice-limits.ts';
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { json, receiver, type Receiver } from '../support/receiver.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
let api: TestApi;
let token: string;
let far: Receiver;
beforeAll(async () => {
  far = await receiver();
  api = await testApi({ outboundAllowed: '127.0.0.1' });
  token = await api.token('admin');
});
beforeEach(() => {
  far.answer = (response) => void response.end('ok');
});
afterAll(async () => {
  await api.close();
  await far.end();
});

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
async function call<T = Record<string, unknown>>(
  method: Method,
  path: string,
  payload?: object,
): Promise<{ status: number; body: T; text: string }> {
  const answer = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...given({ payload }),
  });
  return { status: answer.statusCode, body: (answer.body === '' ? {} : answer.json()) as T, text: answer.body };
}

let count = 0;
/** Its name. */
async function made(endpoint: object, more: object = {}): Promise<string> {
  const name = `channel-${++count}`;
  const { status, text } = await call('POST', '/channels', { name, endpoint, ...more });
  expect([status, text]).toEqual([201, expect.any(String)]);
  return name;
}

interface Tested {
  readonly taken: boolean;
  readonly message: string;
  readonly answer?: string;
  readonly code?: string;
  readonly detail?: string;
}
async function tested(name: string): Promise<Tested> {
  const { status, body } = await call<Tested>('POST', `/channels/${name}/test`);
  expect(status).toBe(200);
  return body;
}

const last = () => far.received.at(-1)!;
const sent = <T>(): T => JSON.parse(last().body) as T;

describe('a webhook', () => {
  const url = (): string => `${far.url}/hook?token=tok-in-the-url`;

  it('is told in JSON, signed over id, time and body, as Standard Webhooks has it', async () => {
    const name = await made({ kind: 'webhook', url: url(), secret: SECRET });
    const { taken, message, answer } = await tested(name);
    expect([taken, answer]).toEqual([true, '200 ok']);
    const { headers, body, url: asked } = last();
    expect(asked.search).toBe('?token=tok-in-the-url');
    expect(JSON.parse(body)).toMatchObject({ id: message, event: 'test', by: 'admin' });
    expect(headers['webhook-id']).toBe(message);
    // By hand, as the guide says.
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`;
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  });

  it.each([
    [500, /answers 500/],
    [404, /answers 404/],
    [302, /leads elsewhere/],
  ])('that answers %d has not taken it', async (status, words) => {
    const name = await made({ kind: 'webhook', url: url(), secret: SECRET });
    far.answer = (response) => void response.writeHead(status, { location: '/x' }).end('no\n\u001b[2Jno');
    const answer = await tested(name);
    expect(answer).toMatchObject({ taken: false, code: 'channel-refused', answer: `${status} no [2Jno` });
    expect(answer.detail).toMatch(words);
  });

  it('at an address that is not allowed is not told, and it is said why', async () => {
    const name = await made({ kind: 'webhook', url: 'https://169.254.169.254/latest/meta-data/', secret: SECRET });
    expect(await tested(name)).toMatchObject({ taken: false, code: 'address-not-allowed' });
    const inner = await made({ kind: 'webhook', url: `http://127.0.0.2:${far.port}/`, secret: SECRET });
    expect(await tested(inner)).toMatchObject({ taken: false, code: 'address-not-allowed' });
  });
});

describe('a robot of a chat', () => {
  it('of Slack is told as text, in which nothing calls anybody', async () => {
    const name = await made({ kind: 'slack', url: `${far.url}/services/T/B/xxxxxx` });
    expect(await tested(name)).toMatchObject({ taken: true });
    expect(sent<{ text: string }>().text).toMatch(/^Drover: a test\nadmin tries/);
    far.answer = (response) => void response.writeHead(403).end('invalid_token');
    expect(await tested(name)).toMatchObject({ taken: false, answer: '403 invalid_token' });
  });

  it('of DingTalk is signed over time and secret, and believed by its errcode', async () => {
    const key = 'SECba5b8bc1b1b8bc1b1b8bc1b1';
    const name = await made(
      { kind: 'dingtalk', url: `${far.url}/robot/send?access_token=abc`, secret: key },
      { lang: 'zh' },
    );
    far.answer = json({ errcode: 0, errmsg: 'ok' });
    expect(await tested(name)).toMatchObject({ taken: true });
    const { searchParams } = last().url;
    const timestamp = searchParams.get('timestamp')!;
    expect(searchParams.get('access_token')).toBe('abc');
    expect(searchParams.get('sign')).toBe(createHmac('sha256', key).update(`${timestamp}\n${key}`).digest('base64'));
    expect(sent<{ msgtype: string; text: { content: string } }>()).toMatchObject({
      msgtype: 'text',
      text: { content: expect.stringContaining('测试') as unknown },
    });
    far.answer = json({ errcode: 310000, errmsg: 'sign not match' });
    const refused = await tested(name);
    expect(refused).toMatchObject({ taken: false, code: 'channel-refused' });
    expect(refused.detail).toContain('310000: sign not match');
  });

  it('of WeCom is believed by its errcode', async () => {
    const name = await made({ kind: 'wecom', url: `${far.url}/cgi-bin/webhook/send?key=abc` });
    far.answer = json({ errcode: 0, errmsg: 'ok' });
    expect(await tested(name)).toMatchObject({ taken: true });
    expect(sent()).toMatchObject({ msgtype: 'text' });
    far.answer = json({ errcode: 45009, errmsg: 'api freq out of limit' });
    expect((await tested(name)).detail).toContain('45009: api freq out of limit');
    far.answer = json({ errcode: 93000, errmsg: 'no\u0000robot\n'.repeat(500) });
    expect((await tested(name)).detail).toMatch(/^The far end refuses with 93000: (no robot ){10,}/);
    far.answer = (response) => void response.end('<html>');
    expect(await tested(name)).toMatchObject({ taken: false, code: 'channel-refused' });
  });

  it('of Feishu is signed in its body, and believed by its code', async () => {
    const key = 'a-secret-of-feishu';
    const name = await made({ kind: 'feishu', url: `${far.url}/open-apis/bot/v2/hook/abc`, secret: key });
    far.answer = json({ code: 0, msg: 'success' });
    expect(await tested(name)).toMatchObject({ taken: true });
    const { timestamp, sign, msg_type: type } = sent<{ timestamp: string; sign: string; msg_type: string }>();
    expect([sign, type]).toEqual([createHmac('sha256', `${timestamp}\n${key}`).digest('base64'), 'text']);
    far.answer = json({ code: 19021, msg: 'sign match fail or timestamp is not within one hour from current time' });
    expect((await tested(name)).detail).toContain('19021: sign match fail');
  });
});

describe('a channel', () => {
  it('shows nothing of what is secret: not in answers, not in the audit, not in the database', async () => {
    const endpoint = {
      kind: 'webhook',
      url: `${far.url}/s3cr3t-path?token=s3cr3t-token`,
      secret: 's3cr3t-of-the-hook',
    };
    const name = await made(endpoint);
    const shown = await call('GET', `/channels/${name}`);
    expect(shown.body).toMatchObject({ name, kind: 'webhook', leads: { to: far.url } });
    // As many pages do that do not find what they are asked for.
    far.answer = (response, { url, headers, body }) =>
      void response
        .writeHead(404)
        .end(
          `no ${url.pathname}${url.search} here, ${encodeURIComponent(url.pathname)}, ${endpoint.secret}, ${url.searchParams.get('token')!}, ${headers['webhook-id'] as string} ${body}`,
        );
    const answer = await tested(name);
    expect(answer.answer).toContain(`404 no ****** here, ******, ******, ******, ${answer.message}`);
    expect(JSON.stringify(answer)).not.toMatch(/s3cr3t/);
    // Where what is shown of it ends in the middle of it.
    far.answer = (response) => void response.end('x'.repeat(490) + endpoint.secret);
    expect((await tested(name)).answer).not.toMatch(/s3c/);
    const changed = await call('PATCH', `/channels/${name}`, { lang: 'zh' });
    const twice = await call('POST', '/channels', { name, endpoint });
    expect(twice.body).toMatchObject({ code: 'channel-name-taken' });
    const wrong = await call('POST', '/channels', {
      name: `${name}-x`,
      endpoint: { ...endpoint, secret: 's3cr3t of spaces ....' },
    });
    expect(wrong.body).toMatchObject({ code: 'bad-input' });
    const list = await call('GET', '/channels');
    const audit = JSON.stringify((await api.store.auditList(EVERYTHING, {}, { limit: 1_000 })).items);
    expect(audit).toContain('notice.channel.edit');
    expect(audit).toContain('notice.channel.test');
    for (const text of [shown, changed, twice, wrong, list].map((answer) => answer.text).concat(audit))
      expect(text).not.toMatch(/s3cr3t/);
    const rows = await api.database.query('SELECT channel::text AS row FROM channel');
    expect(JSON.stringify(rows)).not.toMatch(/s3cr3t|733363723374/);
  });

  it('is changed as a whole where it leads, and goes nowhere else with an old secret', async () => {
    const name = await made({ kind: 'webhook', url: `${far.url}/one`, secret: SECRET });
    const without = await call('PATCH', `/channels/${name}`, { endpoint: { kind: 'webhook', url: `${far.url}/two` } });
    expect([without.status, without.body['code']]).toEqual([400, 'bad-input']);
    const other = await call('PATCH', `/channels/${name}`, {
      name: `${name}-b`,
      endpoint: { kind: 'slack', url: `${far.url}/two` },
    });
    expect(other.body).toMatchObject({ name: `${name}-b`, kind: 'slack', version: 2 });
    await tested(`${name}-b`);
    expect(last().url.pathname).toBe('/two');
    expect((await call('PATCH', `/channels/${name}-b`, {})).body).toMatchObject({ code: 'bad-input' });
  });

  it('that two people change at once is changed by one of them', async () => {
    const name = await made({ kind: 'slack', url: `${far.url}/x` });
    const { id, version } = (await api.store.channelFetch(name))!;
    const audit = { actor: { kind: 'token', id: 't', name: 't' }, action: 'test', target: 'test', detail: {} } as const;
    const change = (lang: 'en' | 'zh') =>
      api.store.channelReplace(id, version, { name, lang, perMinute: 20, windowMs: 0 }, undefined, audit);
    expect([(await change('zh')).kind, (await change('en')).kind]).toEqual(['replaced', 'changed']);
    expect((await api.store.channelFetch(name))!.lang).toBe('zh');
    // As the verb tells it.
    const other = await made({ kind: 'slack', url: `${far.url}/y` });
    const stale = { ...(await api.store.channelFetch(other))!, version: 7 };
    const store = { ...api.store, channelFetch: async () => stale };
    const caller = { actor: audit.actor, requestId: 'r', can: () => true };
    await expect(
      channelChange({ store, sealer: createMasterKey(Buffer.alloc(32, 1)) }, caller, other, { lang: 'zh' }),
    ).rejects.toMatchObject({ code: 'channel-changed' });
  });

  it('is removed, and is no more', async () => {
    const name = await made({ kind: 'slack', url: `${far.url}/x` });
    expect((await call('DELETE', `/channels/${name}`)).status).toBe(204);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/test'],
    ] as const)
      expect((await call(method, `/channels/${name}${path}`)).body).toMatchObject({ code: 'channel-not-found' });
  });

  it('follows the newest master key, and opens under it', async () => {
    const name = await made({ kind: 'slack', url: `${far.url}/rotated` });
    const channel = (await api.store.channelFetch(name))!;
    const before = (await api.store.channelEndpoint(channel.id))!;
    const older = Buffer.alloc(32, 1);
    const sealer = createMasterKey(Buffer.alloc(32, 2), older);
    const ctx = { store: api.store, sealer, log: { error() {} } } as never;
    const caller = { actor: { kind: 'token', id: 't', name: 't' }, requestId: 'r', can: () => true } as const;
    const moved = await rotateKeys(ctx, caller);
    expect(moved).toMatchObject({ unreadable: 0 });
    expect(moved.channels).toBeGreaterThan(0);
    const after = (await api.store.channelEndpoint(channel.id))!;
    expect([before.keyId === after.keyId, after.keyId]).toEqual([false, sealer.currentKeyId]);
    // This API has the old key alone: what is under another does not open.
    expect((await call('POST', `/channels/${name}/test`)).body).toMatchObject({ code: 'secret-unreadable' });
    await rotateKeys(
      { store: api.store, sealer: createMasterKey(older, Buffer.alloc(32, 2)), log: { error() {} } } as never,
      caller,
    );
    expect(await tested(name)).toMatchObject({ taken: true });
  });
});

describe('a limit of channels', () => {
  const x = (n: number): string => 'x'.repeat(n);
  const slack = (n: number): object => ({ kind: 'slack', url: `https://a.example/${x(n - 18)}` });
  const webhook = (more: object): object => ({ kind: 'webhook', url: 'https://a.example/', secret: SECRET, ...more });
  const pem = '-----BEGIN CERTIFICATE-----';
  it.each([
    ['characters of a URL', noticeLimits.channelUrlLengthMax, 1, slack],
    ['characters of a secret', noticeLimits.channelSecretLengthMax, 1, (n: number) => webhook({ secret: x(n) })],
    [
      'characters of a secret at least',
      noticeLimits.channelSecretLengthMin,
      -1,
      (n: number) => webhook({ secret: x(n) }),
    ],
    [
      'bytes of authorities',
      noticeLimits.channelAuthoritiesBytesMax,
      1,
      (n: number) => webhook({ authorities: pem.padEnd(n) }),
    ],
  ] as const)('%s: %d are taken, and no more (or less)', async (_what, limit, step, endpoint) => {
    await made(endpoint(limit));
    const { status, body } = await call('POST', '/channels', { name: `c${++count}`, endpoint: endpoint(limit + step) });
    expect([status, body['code']]).toEqual([400, 'bad-input']);
  });

  it.each([
    ['messages a minute', noticeLimits.channelPerMinuteMax, (n: number) => ({ perMinute: n }), 'bad-input'],
    [
      'milliseconds of a window',
      noticeLimits.channelWindowMsMax,
      (n: number) => ({ window: `${n}ms` }),
      'bad-duration',
    ],
  ] as const)('%s: %d are taken, and one more is not', async (_what, limit, more, code) => {
    const endpoint = { kind: 'slack', url: 'https://a.example/' };
    const name = await made(endpoint, more(limit));
    expect((await call('PATCH', `/channels/${name}`, more(limit + 1))).body).toMatchObject({ code });
    expect((await call('POST', '/channels', { name: `${name}-x`, endpoint, ...more(limit + 1) })).body).toMatchObject({
      code,
    });
  });

  it('characters of a name, and channels in all', async () => {
    const endpoint = { kind: 'slack', url: 'https://a.example/' };
    expect((await call('POST', '/channels', { name: x(limits.nameLengthMax), endpoint })).status).toBe(201);
    expect((await call('POST', '/channels', { name: x(limits.nameLengthMax + 1), endpoint })).status).toBe(400);
    const [row] = await api.database.query('SELECT count(*) AS count FROM channel');
    await api.database.query(
      `INSERT INTO channel
         (id, name, kind, lang, per_minute, group_ms, shown, key_id, data_key, sealed, created_at_ms, changed_at_ms, created_by)
       SELECT gen_random_uuid(), 'filled-' || n, kind, lang, 1, 0, shown, key_id, data_key, sealed, 0, 0, created_by
       FROM (SELECT * FROM channel LIMIT 1) one, generate_series(1, ${noticeLimits.channelsMax - 1 - Number(row!['count'])}) n`,
    );
    expect((await call('POST', '/channels', { name: 'the-last', endpoint })).status).toBe(201);
    expect((await call('POST', '/channels', { name: 'too-many', endpoint })).body).toMatchObject({
      code: 'too-many-channels',
    });
  });
});
