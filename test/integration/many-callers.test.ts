/** Many callers at once, and callers without a token: each is served or told in time to come back, and nobody takes the place of all others. */
import { EVERYTHING } from '../../src/domain/access/access-node.ts';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { othersTurn, systemClock } from '../../src/base/clock.ts';
import { newId, newRunId, type AgentId, type HostId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { newApiToken } from '../../src/app/token.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { Pool } from '../../src/store/postgres/pool.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

describe('a burst', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await testApi({ admission: { atOnceMax: 8, waitingMax: 300, waitingBytesMax: 1e6, waitMsMax: 60_000 } });
  });
  afterAll(() => api.close());

  const create = (token: string) =>
    api.app.inject({
      method: 'POST',
      url: '/api/v1/runs',
      headers: { authorization: `Bearer ${token}` },
      payload: { targets: 'all', script: 'true' },
    });

  it('of a thousand creates makes each run or tells that there is too much to do, and another caller gets through', async () => {
    const [greedy, modest] = [await api.token('operator', 600_000), await api.token('operator', 600_000)];
    await api.app.inject({
      method: 'POST',
      url: '/api/v1/hosts',
      headers: { authorization: `Bearer ${await api.token('admin', 600_000)}` },
      payload: { name: 'web-1', address: '10.0.0.1' },
    });
    const all = Array.from({ length: 1_000 }, () => create(greedy));
    const other = create(modest);
    const answers = await Promise.all(all);
    const refused = answers.filter(({ statusCode }) => statusCode !== 201);
    expect(new Set(refused.map((answer) => answer.json<{ code: string }>().code))).toEqual(new Set(['overloaded']));
    for (const { statusCode, headers } of refused) {
      expect(statusCode).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(300);
    expect((await other).statusCode).toBe(201);
    const [{ count }] = (await api.database.query('SELECT count(*)::int AS count FROM run')) as [{ count: number }];
    expect(count).toBe(answers.length - refused.length + 1);
  });

  it('of reads and writes leaves what the server owns its own connections', async () => {
    // Every connection for requests is held by a statement that waits.
    const held = Array.from({ length: limits.requestConnectionsMax + 5 }, () => create('x'));
    const locker = await api.database.hold('LOCK TABLE api_token IN ACCESS EXCLUSIVE MODE');
    const tokens = Array.from({ length: 30 }, () => newApiToken());
    const waiting = tokens.map((token) => create(token));
    expect((await api.store.fleetLook()).servers).toEqual([]);
    // The same where callers have every connection of theirs, whatever let them in.
    const listed = Array.from({ length: limits.requestConnectionsMax }, () => api.store.apiTokenList(EVERYTHING));
    expect(await api.store.runFetch(newRunId(systemClock.nowMs()), 'own')).toBeUndefined();
    expect((await api.store.fleetLook()).revoked).toEqual([]);
    await api.store.ping();
    // And what workers and agents ask of the server.
    const { forFleet } = api.store;
    expect(await forFleet.hostAccessList()).toMatchObject({ hosts: [expect.anything()] });
    const [hostId, agentId] = [newId<'host'>() as HostId, newId<'agent'>() as AgentId];
    expect(await forFleet.hostAccess(hostId)).toEqual({ kind: 'not-found' });
    expect(await forFleet.hostKeyRecord(hostId, { algorithm: 'a', key: Buffer.alloc(1) }, { zone: 'z' })).toBe(
      'changed',
    );
    expect(await forFleet.agentFetch(agentId)).toBeUndefined();
    expect(await forFleet.agentCertificateRenewed(agentId, Buffer.alloc(1), 1)).toBe(false);
    expect(await forFleet.accountList(EVERYTHING)).toEqual([]);
    await locker.release();
    await Promise.all(listed);
    for (const answer of await Promise.all([...held, ...waiting])) expect(answer.statusCode).toBe(401);
  });
});

describe('a process that has its hands full', () => {
  it('for longer than PostgreSQL may be silent takes the connections that were made meanwhile', async () => {
    const database = await testDatabase();
    const pool = new Pool({ url: database.url, log: silentLog });
    const answers = Promise.all([pool.query('SELECT 1 AS one'), pool.query('SELECT 1 AS one')]);
    await othersTurn();
    // They are being made, and nobody listens, as in the turn in which a thousand requests begin on a machine that is busy too.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_200);
    expect((await answers).map(({ rows }) => rows)).toEqual([[{ one: 1 }], [{ one: 1 }]]);
    await pool.close();
    await database.drop();
  });

  it('still tells of a database that says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const pool = new Pool({ url: `postgres://nobody@127.0.0.1:${port}/none`, log: silentLog });
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'database-unavailable' });
    await pool.close();
    silent.close();
  });
});

describe('a caller without a token', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await testApi({ publicRate: { burst: 5, perSecond: 0.001 }, healthRate: { burst: 8, perSecond: 0.001 } });
  });
  afterAll(() => api.close());

  const join = (remoteAddress: string, more: object = {}) =>
    api.app.inject({
      method: 'POST',
      url: '/api/v1/agents/join',
      remoteAddress,
      payload: { secret: 'x', csr: certificateRequest(newKey()), name: 'n', machineId: 'm', ...more },
    });

  it('may send no more than 64 KiB', async () => {
    const answer = await join('10.0.0.1', { facts: { x: 'y'.repeat(limits.publicBodyBytesMax) } });
    expect(answer.json()).toMatchObject({ status: 413, code: 'body-too-large' });
  });

  it('is told when to come back after its burst, and others are not', async () => {
    for (let i = 0; i < 5; i++) expect((await join('10.0.0.2')).json()).toMatchObject({ code: 'join-token-invalid' });
    const late = await join('10.0.0.2');
    expect(late.json()).toMatchObject({ status: 429, code: 'too-many-requests' });
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(late.headers.connection).toBe('close');
    expect((await join('10.0.0.3')).json()).toMatchObject({ code: 'join-token-invalid' });
  });

  it('fetches the installer and packages at no other rate', async () => {
    const fetched = (url: string) => api.app.inject({ url, remoteAddress: '10.0.0.4' });
    for (let i = 0; i < 4; i++) expect((await fetched('/agent-packages/none')).json()).toMatchObject({ status: 404 });
    expect((await fetched('/agent-install.sh')).statusCode).toBe(200);
    for (const url of ['/agent-packages/none', '/agent-install.sh'])
      expect((await fetched(url)).json()).toMatchObject({ status: 429, code: 'too-many-requests' });
  });

  it('asks for what is not there at no other rate, whatever the method', async () => {
    const asked = (method: 'GET' | 'POST', url: string) => api.app.inject({ method, url, remoteAddress: '10.0.0.5' });
    for (const url of ['/nowhere', '/healthz', '/api/v1/nowhere', '/readyz', '/%zz'])
      expect((await asked('POST', url)).json(), url).toMatchObject({ status: url === '/%zz' ? 400 : 404 });
    for (const url of ['/nowhere', '/%zz']) {
      const late = await asked('GET', url);
      expect(late.json()).toMatchObject({ status: 429, code: 'too-many-requests' });
      expect(late.headers.connection).toBe('close');
    }
  });

  it('asks whether the server is well at a rate of its own, and this machine at none', async () => {
    const asked = (url: string, remoteAddress: string) => api.app.inject({ url, remoteAddress });
    for (let i = 0; i < 4; i++) {
      expect((await asked('/healthz', '10.0.0.6')).statusCode).toBe(200);
      expect((await asked('/readyz', '10.0.0.6')).statusCode).toBe(200);
    }
    for (const url of ['/healthz', '/readyz']) {
      const late = await asked(url, '10.0.0.6');
      expect(late.json()).toMatchObject({ status: 429, code: 'too-many-requests' });
      expect(late.headers.connection).toBe('close');
      for (const other of ['10.0.0.7', '127.0.0.1', '::ffff:127.0.0.1', '::1'])
        expect((await asked(url, other)).statusCode).toBe(200);
    }
    for (let i = 0; i < 20; i++) expect((await asked('/healthz', '127.0.0.1')).statusCode).toBe(200);
    // Joining is another matter.
    expect((await join('10.0.0.6')).json()).toMatchObject({ code: 'join-token-invalid' });
  });

  it('cannot make the server hold a body where a token is needed', async () => {
    const answer = await api.app.inject({ method: 'POST', url: '/api/v1/hosts/import', payload: '{'.repeat(100_000) });
    expect(answer.json()).toMatchObject({ status: 401 });
  });
});

describe('what is on its way', () => {
  const MiB = 1_048_576;
  let api: TestApi;
  let port: number;
  let tokens: string[];
  beforeAll(async () => {
    api = await testApi({
      bodies: { allMax: 3 * MiB, perCallerMax: 2 * MiB },
      answers: { allMax: 8 * MiB, perCallerMax: 4 * MiB },
    });
    tokens = await Promise.all([api.token('operator'), api.token('operator')]);
    port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
    const created = await fetch(`http://127.0.0.1:${port}/api/v1/hosts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await api.token('admin')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'web-1', address: '192.0.2.1' }),
    });
    expect(created.status).toBe(201);
  });
  afterAll(() => api.close());

  const open = (text: string): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).once('connect', () => void socket.pause().write(text));
    return socket;
  };
  const head = (token: string, line: string, more = ''): string =>
    `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;
  const preview = async (token: string): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${port}/api/v1/runs/preview`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ targets: 'all' }),
      })
    ).status;

  it('to the server has room for each caller and for all, and gives it back when it is broken off', async () => {
    const [greedy, modest] = tokens as [string, string];
    expect(await preview(greedy)).toBe(200);
    const body = head(
      greedy,
      'POST /api/v1/runs/plan',
      `Content-Type: application/json\r\nContent-Length: ${2 * MiB}\r\n`,
    );
    let half: Socket | undefined;
    // One that finds another under way is refused itself.
    await until('there is no room', async () => {
      half?.destroy();
      half = open(`${body}{`);
      // Sent later, and answered: by then this one has come as well.
      await preview(modest);
      return (await preview(greedy)) === 503 && (await preview(greedy)) === 503;
    });
    expect(await preview(modest)).toBe(200);
    half?.destroy();
    await until('there is room again', async () => (await preview(greedy)) === 200);
  });

  it('from the server has room for each caller and for all, and gives it back when it is taken or broken off', async () => {
    const [greedy, modest] = tokens as [string, string];
    const run = await fetch(`http://127.0.0.1:${port}/api/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${greedy}`, 'content-type': 'application/json' },
      body: JSON.stringify({ targets: 'web-1', script: `true # ${'x'.repeat(MiB - 100)}` }),
    });
    const { id } = (await run.json()) as { id: string };
    expect([run.status, id]).toEqual([201, expect.any(String)]);
    const show = async (token: string): Promise<number> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/runs/${id}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await show(greedy)).toBe(200);
    const unread = [1, 2, 3].map(() => open(''));
    // What the system holds for a socket, some megabytes, is filled first; then the answers wait in the server.
    await until('there is no room', async () => {
      for (const socket of unread) socket.write(head(greedy, `GET /api/v1/runs/${id}`));
      return (await show(greedy)) === 503;
    });
    expect(await show(modest)).toBe(200);
    for (const socket of unread) socket.destroy();
    await until('there is room again', async () => (await show(greedy)) === 200);
  });
});
