/** Many watchers of one run, late ones, slow ones, ones that resume, and ones whose token ends. */
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closedAt, parsePlace } from '../../src/app/event-place.ts';
import { RunEventHub, type EventSources, type RunTold } from '../../src/app/run-events.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import type { RunId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { until } from '../support/until.ts';

let api: TestApi;
let token: string;
let url: URL;
beforeAll(async () => {
  api = await testApi({ watchers: { perServerMax: 1_000, perTokenMax: 3, stalledMsMax: 300 } });
  token = await api.token('admin', 3_600_000);
  url = new URL(await api.app.listen({ host: '127.0.0.1', port: 0 }));
  await api.app.inject({
    method: 'POST',
    url: '/api/v1/hosts',
    headers: { authorization: `Bearer ${token}` },
    payload: { name: 'h0', address: '10.0.0.1' },
  });
});
afterAll(() => api.close());

/** A run of so many hosts, of which nothing has happened yet. */
async function newRun(hosts: number): Promise<RunId> {
  const created = await api.app.inject({
    method: 'POST',
    url: '/api/v1/runs',
    headers: { authorization: `Bearer ${token}` },
    payload: { targets: 'all', script: 'true' },
  });
  const { id } = created.json<{ id: RunId }>();
  await api.database.query(
    `INSERT INTO execution (run_id, task, ordinal, attempt, round, host_id, host_name, state)
     SELECT run_id, task, n, attempt, round, host_id, 'h' || n, state FROM execution, generate_series(1, $2::int) AS n WHERE run_id = $1`,
    [id, hosts - 1],
  );
  return id;
}

/** What one commit of an owner does: executions from one ordinal to another change, and the run's seq grows. */
async function commit(id: RunId, from: number, to: number, runState = 'running'): Promise<void> {
  await api.database.query(
    `WITH moved AS (UPDATE run SET seq = seq + 1, state = $4, finished_at_ms = CASE WHEN $4 = 'succeeded' THEN 1 END WHERE id = $1 RETURNING seq),
          told AS (INSERT INTO run_event (run_id, seq, kind, at_ms, detail, place) SELECT $1, seq, kind, n, '{}', n FROM moved, unnest(ARRAY['a', 'b']) WITH ORDINALITY AS k(kind, n))
     UPDATE execution SET seq = moved.seq, state = 'running' FROM moved WHERE run_id = $1 AND ordinal >= $2 AND ordinal < $3`,
    [id, from, to, runState],
  );
}

/** A hub on the real store, which counts the questions and can be woken. */
function countedHub(eventsKeptMax?: number): { hub: RunEventHub; asked: string[]; progress: () => void } {
  const asked: string[] = [];
  const callbacks = new Set<() => void>();
  const store = new Proxy(api.store, {
    get: (target, name: keyof EventSources['store']) => {
      if (name !== ('runSeqs' as typeof name) && name !== ('listen' as typeof name)) asked.push(name);
      return target[name].bind(target);
    },
  });
  const hub = new RunEventHub(
    {
      store,
      clock: systemClock,
      onProgress: (_id, callback) => {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
      watchOutput: () => () => undefined,
    },
    eventsKeptMax,
  );
  return { hub, asked, progress: () => callbacks.forEach((callback) => callback()) };
}

/** Ids and ends of what is told, as a client sees them. */
async function told(hub: RunEventHub, id: RunId, after = closedAt(0), onTold?: (told: RunTold) => unknown) {
  const run = (await api.store.runFetch(id))!;
  const seen: { place: string; what: string }[] = [];
  for await (const some of hub.subscribe(run, after, { output: false, signal: new AbortController().signal })) {
    await onTold?.(some);
    if (some.kind === 'end') seen.push({ place: `${some.place.seq}`, what: 'end' });
    if (some.kind === 'events')
      for (const event of some.events) {
        const { seq, phase, major, minor } = event.place;
        seen.push({ place: `${seq} ${phase} ${major} ${minor}`, what: event.kind });
      }
  }
  return seen;
}

describe('watchers of one run', () => {
  it('cost the questions of one, however many they are, and each is told everything once', async () => {
    const figures: number[] = [];
    for (const count of [1, 300]) {
      const id = await newRun(30);
      const { hub, asked, progress } = countedHub();
      let started = 0;
      const watches = Array.from({ length: count }, () => {
        let isFirst = true;
        return told(hub, id, closedAt(0), () => {
          if (isFirst) started++;
          isFirst = false;
        });
      });
      await until('all of them to be told the beginning', () => started === count);
      asked.length = 0;
      for (const part of [0, 1, 2]) {
        await commit(id, part * 10, part * 10 + 10, part === 2 ? 'succeeded' : 'running');
        progress();
      }
      const all = await Promise.all(watches);
      figures.push(asked.length);
      for (const seen of all) {
        expect(seen).toEqual(all[0]);
        expect(new Set(seen.map(({ place, what }) => `${what} ${place}`)).size).toBe(seen.length);
        expect(seen.filter(({ what }) => what === 'execution')).toHaveLength(60);
        expect(seen.filter(({ what }) => what === 'end')).toHaveLength(1);
      }
    }
    const [one, many] = figures as [number, number];
    expect(many).toBeLessThanOrEqual(one + 12);
  });

  it('that come late or are slow read for themselves what is not kept any more', async () => {
    const id = await newRun(700);
    const { hub, progress } = countedHub(200);
    let slowHas = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    // Takes the first piece, and the next only after all has happened.
    const slow = told(hub, id, closedAt(0), () => (slowHas++ === 0 ? undefined : gate));
    const steady = told(hub, id);
    await until('the slow one to have begun', () => slowHas > 0);
    for (let i = 0; i < 7; i++) {
      await commit(id, i * 100, i * 100 + 100);
      progress();
    }
    const late = told(hub, id);
    await commit(id, 0, 50, 'succeeded');
    progress();
    release();
    for (const seen of await Promise.all([slow, steady, late])) {
      // A last state of each, in order, and nothing twice.
      const executions = seen.filter(({ what }) => what === 'execution');
      expect(new Set(executions.map(({ place }) => place)).size).toBe(executions.length);
      const last = new Map(executions.map(({ place }) => [place.split(' ')[3], Number(place.split(' ')[0])]));
      expect(last.size).toBe(700);
      for (const [ordinal, seq] of last)
        expect(seq).toBe(Number(ordinal) < 50 ? 9 : 2 + Math.floor(Number(ordinal) / 100));
      expect(seen.at(-1)).toEqual({ place: '9', what: 'end' });
    }
  });
});

interface Sse {
  id?: string;
  event: string;
  data: { seq?: number; code?: string; ordinal?: number };
}

async function* stream(id: RunId, options: { bearer?: string; lastEventId?: string } = {}): AsyncGenerator<Sse> {
  const response = await fetch(new URL(`/api/v1/runs/${id}/events`, url), {
    headers: {
      authorization: `Bearer ${options.bearer ?? token}`,
      ...given({ 'last-event-id': options.lastEventId }),
    },
  });
  if (!response.ok) throw Object.assign(new Error(await response.text()), { status: response.status });
  let text = '';
  for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
    text += bytes;
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const [event, data, eventId] = [field('event'), field('data'), field('id')];
      if (event !== undefined) yield { event, data: JSON.parse(data!) as Sse['data'], ...given({ id: eventId }) };
    }
  }
}

async function hasPlace(id: RunId, bearer: string): Promise<boolean> {
  const events = stream(id, { bearer });
  const isIn = await events.next().then(
    () => true,
    () => false,
  );
  await events.return(undefined);
  return isIn;
}

async function all(events: AsyncGenerator<Sse>): Promise<Sse[]> {
  const list: Sse[] = [];
  for await (const event of events) list.push(event);
  return list;
}

describe('the stream', () => {
  it('gives each event an id, and goes on after any of them: nothing is lost, nothing told twice', async () => {
    const id = await newRun(8);
    await commit(id, 0, 5);
    await commit(id, 3, 8, 'succeeded');
    const whole = await all(stream(id));
    expect(whole.map(({ event }) => event).filter((event) => event !== 'execution')).toEqual([
      ...Array<string>(5).fill('timeline'),
      'run',
      'end',
    ]);
    for (const [at, { id: eventId }] of whole.entries()) {
      expect(parsePlace(eventId!)).toBeDefined();
      const rest = await all(stream(id, { lastEventId: eventId! }));
      // The end has the id of the run's last word: whoever has that is told the end again, and that only.
      expect(rest).toEqual(at === whole.length - 1 ? whole.slice(-1) : whole.slice(at + 1));
    }
  });

  it('tells all 25,000 executions of one commit', async () => {
    const id = await newRun(25_000);
    await commit(id, 0, 25_000, 'succeeded');
    const events = await all(stream(id));
    expect(new Set(events.filter(({ event }) => event === 'execution').map(({ data }) => data.ordinal)).size).toBe(
      25_000,
    );
    expect(events.at(-1)!.event).toBe('end');
  });

  it.each(['1e3', '-1', 'x', '999999', '1.t', '1.e.0', '1.e.0.99999999999'])(
    'refuses %s, which is no id of it',
    async (lastEventId) => {
      const id = await newRun(1);
      await expect(stream(id, { lastEventId }).next()).rejects.toMatchObject({ status: 400 });
    },
  );

  it('has so many places for a token, and others for another', async () => {
    const id = await newRun(1);
    const [greedy, other] = [await api.token('viewer'), await api.token('viewer')];
    const open = [1, 2, 3].map(() => stream(id, { bearer: greedy }));
    for (const events of open) await events.next();
    const refused = stream(id, { bearer: greedy }).next();
    await expect(refused).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining('too-many-watchers') as string,
    });
    const theirs = stream(id, { bearer: other });
    expect((await theirs.next()).value).toBeDefined();
    for (const events of [...open, theirs]) await events.return(undefined);
    await until('a place to be free again', () => hasPlace(id, greedy));
  });

  it.each([
    ['is revoked, though nobody gives a hint', 3_600_000, 'unauthenticated'],
    ['expires', 1_500, 'token-expired'],
  ])('ends when its token %s', async (_what, lifetimeMs, code) => {
    const id = await newRun(1);
    const bearer = await api.token('viewer', lifetimeMs);
    const events = stream(id, { bearer });
    await events.next();
    if (code === 'unauthenticated')
      await api.database.query(
        'UPDATE api_token SET revoked_at_ms = 1 WHERE created_at_ms = (SELECT max(created_at_ms) FROM api_token)',
      );
    const rest = await all(events);
    expect(rest.at(-1)).toMatchObject({ event: 'error', data: { code } });
  });
});

/** Asks and reads nothing. */
function silentReader(path: string, bearer: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), '127.0.0.1', () => {
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n\r\n`);
      resolve(socket);
    }).once('error', reject);
  });
}

describe('a reader who takes nothing', () => {
  it('of events is cut off, and its place is free', async () => {
    const id = await newRun(25_000);
    await commit(id, 0, 25_000);
    const bearer = await api.token('viewer');
    const silent = [];
    for (let i = 0; i < 3; i++) silent.push(await silentReader(`/api/v1/runs/${id}/events`, bearer));
    await until('all three to be cut off', async () =>
      (await api.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } })).body.includes(
        'drover_event_streams_cut_total{reason="reader-too-slow"} 3',
      ),
    );
    expect(await hasPlace(id, bearer)).toBe(true);
    for (const socket of silent) socket.destroy();
  });

  it('of large output makes the server hold a piece of it, and a reader who reads gets all of it', async () => {
    const id = await newRun(1);
    const size = 32 * 1024 * 1024;
    await api.database.query(
      `INSERT INTO output_chunk (run_id, task, ordinal, attempt, stream, seq, bytes)
       SELECT $1, 0, 0, 1, 1, n, decode(repeat(lpad(to_hex(n), 4, '0'), 65536), 'hex') FROM generate_series(0, 255) AS n`,
      [id],
    );
    await api.database.query(
      'UPDATE execution SET out_size = $2::int, out_head = $2::int, out_digest = $3 WHERE run_id = $1',
      [id, size, Buffer.alloc(32)],
    );
    let reads = 0;
    const { outputRead } = api.store;
    const store: { outputRead: typeof outputRead } = api.store;
    store.outputRead = (...args) => {
      reads++;
      return outputRead(...args);
    };
    const path = `/api/v1/runs/${id}/executions/0/0/output`;
    const silent = await silentReader(path, token);
    await until('the first pieces to be read', () => reads > 1);
    const answer = await fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}` } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.length).toBe(size);
    expect(createHash('sha256').update(bytes.subarray(131_072, 262_144)).digest('hex')).toBe(
      createHash('sha256')
        .update(Buffer.alloc(131_072, Buffer.from('0001', 'hex')))
        .digest('hex'),
    );
    // All of one, and of the other what the kernel's buffers took and a piece more.
    expect(reads).toBeLessThan(size / limits.outputReadBytes + 16);
    silent.destroy();
    store.outputRead = outputRead;
  });
});
