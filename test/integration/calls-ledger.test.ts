/** Calls over real sockets: what is sent, what is told of their answers, and what becomes of them whatever happens to the worker. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callLimits } from '../../src/base/call-limits.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { HttpWork } from '../../src/domain/work/http.ts';
import { storedWork } from '../../src/domain/work/work.ts';
import { CALL_KINDS } from '../../src/engines/calls/call-kinds.ts';
import { CertificateAuthority } from '../../src/pki/ca.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { callRig, callSpec, httpWork, withCallRig, type CallRig } from '../support/call-rig.ts';
import { nobody } from '../support/listeners.ts';
import { newAttempt } from '../support/new-attempt.ts';
import { receiver, type Receiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const SECRET = 'correct horse battery';
let far: Receiver;
/** Another origin, on the same machine. */
let other: Receiver;
let rig: CallRig;
beforeAll(async () => {
  [far, other] = [await receiver(), await receiver()];
  rig = await callRig({ allow: '127.0.0.1' });
});
beforeEach(() => {
  for (const one of [far, other]) {
    one.received.length = 0;
    one.answer = (response) => void response.end('ok');
  }
});
afterAll(async () => {
  await rig.end();
  await Promise.all([far.end(), other.end()]);
});

const stdout = (report: AgentReport): string => Buffer.from(report.stdout.inline ?? []).toString();
const stderr = (report: AgentReport): string => Buffer.from(report.stderr.inline ?? []).toString();

describe('a request', () => {
  it('is what the job says, with secrets where they belong, and none of them is told or kept', async () => {
    const work = httpWork([`${far.url}/a/`, { value: 'x/y ?#' }, '?q=', { secret: 'KEY' }], {
      method: 'PUT',
      headers: { 'X-Key': ['k ', { secret: 'KEY' }] },
      body: { form: 'json', text: ['{"a":"', { value: 'say "hi"\n' }, '","s":"', { secret: 'KEY' }, '"}'] },
    });
    far.answer = (response, { url, body }) => void response.end(`${url.search} ${body}`);
    const report = await rig.run(work, { secrets: { KEY: SECRET } });
    expect(report.outcome).toEqual({ kind: 'answered', status: 200 });
    const [asked] = far.received;
    expect([asked!.method, asked!.url.pathname, asked!.url.searchParams.get('q')]).toEqual([
      'PUT',
      '/a/x%2Fy%20%3F%23',
      SECRET,
    ]);
    expect(asked!.headers).toMatchObject({ 'x-key': `k ${SECRET}`, 'content-type': 'application/json' });
    expect(JSON.parse(asked!.body)).toEqual({ a: 'say "hi"\n', s: SECRET });
    expect(stdout(report)).toBe('?q=****** {"a":"say \\"hi\\"\\n","s":"******"}');
    for (const file of readdirSync(rig.dir, { recursive: true, withFileTypes: true }))
      if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), 'latin1')).not.toContain(SECRET);
  });

  it.each([
    ['a value that leads up', [`FAR/a/`, { value: '..' }, '/b'], {}],
    ['a line end in a header', [`FAR/`], { headers: { a: ['x', { value: 'b\r\nc: d' }] } }],
    ['a secret that the order does not have', [`FAR/`, { secret: 'OTHER' }], {}],
    ['an output that nobody has filled in', [`FAR/`, { step: 'a.b', output: 'c' }], {}],
    ['a URL that has become too long', [`FAR/`, { value: 'x'.repeat(callLimits.callUrlLengthMax) }], {}],
    [
      'a header that has become too long',
      [`FAR/`],
      { headers: { a: [{ value: 'x'.repeat(callLimits.callHeaderBytesMax) }] } },
    ],
    [
      'a body that has become too long',
      [`FAR/`],
      { method: 'POST', body: { form: 'text', text: [{ value: 'x'.repeat(callLimits.callBodyBytesMax) }, 'x'] } },
    ],
  ] as const)('is not made with %s', async (_what, url, more) => {
    const at = url.map((part) => (typeof part === 'string' ? part.replace('FAR', far.url) : part));
    const report = await rig.run(httpWork(at, more as Partial<HttpWork>));
    expect(report.outcome).toEqual({ kind: 'refused', reason: 'bad-input' });
    expect(far.received).toEqual([]);
  });

  it('has its headers in UTF-8, in which secrets are known again', async () => {
    far.answer = (response, { headers }) => void response.end(Buffer.from(String(headers['x-key']), 'latin1'));
    const report = await rig.run(
      httpWork(`${far.url}/`, { headers: { 'x-key': ['é✓ ', { secret: 'KEY' }], 'x-city': ['Zürich 北京'] } }),
      { secrets: { KEY: 'pässwörd-北' } },
    );
    expect(Buffer.from(String(far.received[0]!.headers['x-city']), 'latin1').toString()).toBe('Zürich 北京');
    expect(stdout(report)).toBe('é✓ ******');
  });

  it('that is sent on to another origin takes no secret with it, in a header or a body', async () => {
    far.answer = (response, { url }) =>
      void response.writeHead(url.pathname === '/303' ? 303 : 307, { location: `${other.url}/there` }).end();
    const headers = { 'x-key': [{ secret: 'KEY' }], authorization: ['Basic abc'], 'x-plain': ['plain'] };
    const secrets = { KEY: SECRET };
    const plain = { form: 'text' as const, text: ['plain body'] };
    await rig.run(httpWork(`${far.url}/307`, { method: 'POST', headers, body: plain }), { secrets });
    expect(other.received[0]).toMatchObject({ method: 'POST', body: 'plain body', headers: { 'x-plain': 'plain' } });
    expect(other.received[0]!.headers).not.toHaveProperty('x-key');
    expect(other.received[0]!.headers).not.toHaveProperty('authorization');
    const secret = { form: 'text' as const, text: [{ secret: 'KEY' }] };
    const kept = await rig.run(httpWork(`${far.url}/307`, { method: 'POST', headers, body: secret }), { secrets });
    expect(kept).toMatchObject({ outcome: { status: 307 }, detail: expect.stringContaining('did not follow') });
    await rig.run(httpWork(`${far.url}/303`, { method: 'POST', headers, body: secret }), { secrets });
    expect(other.received).toHaveLength(2);
    expect(other.received[1]).toMatchObject({ method: 'GET', body: '' });
    far.answer = (response, { url }) =>
      void (url.pathname === '/own' ? response.writeHead(307, { location: '/next' }).end() : response.end('ok'));
    await rig.run(httpWork(`${far.url}/own`, { headers }), { secrets });
    expect(far.received.at(-1)).toMatchObject({ headers: { 'x-key': SECRET, authorization: 'Basic abc' } });
  });

  it('is sent on so often and no further', async () => {
    far.answer = (response, { url }) =>
      void response.writeHead(302, { location: `/${Number(url.pathname.slice(1)) + 1}` }).end();
    for (const redirects of [0, 3]) {
      far.received.length = 0;
      expect(await rig.run(httpWork(`${far.url}/0`, { redirects }))).toMatchObject({
        outcome: { kind: 'answered', status: 302 },
      });
      expect(far.received).toHaveLength(redirects + 1);
    }
    // Only the origin of each place, for the rest is the far end's word.
    expect(stderr(await rig.run(httpWork(`${far.url}/0`, { redirects: 1 })))).toBe(`302 ${far.url}\n`);
  });

  it('over TLS counts where an authority vouches for the name, or nobody has to', async () => {
    const authority = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
    const key = newKey();
    const signed = await authority.sign(
      { csr: certificateRequest(key), id: 'far', role: 'server', lifetimeMs: 60_000, names: ['far.example'] },
      systemClock.nowMs(),
    );
    const server = createTlsServer({ key, cert: signed!.certificate }, (_request, response) => response.end('safe'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const authorities = authority.certificate;
    expect(stdout(await rig.run(httpWork(url, { tls: { authorities, serverName: 'far.example' } })))).toBe('safe');
    expect(stdout(await rig.run(httpWork(url, { tls: { isUnproved: true } })))).toBe('safe');
    for (const tls of [{}, { authorities }, { authorities, serverName: 'other.example' }])
      expect(await rig.run(httpWork(url, { tls }))).toMatchObject({
        outcome: { kind: 'faulted', reason: 'call-unreachable' },
        detail: expect.stringMatching(/vouches|another name/),
      });
    server.close();
  });
});

describe('an answer', () => {
  /** Says what it is told to, whatever it is asked. */
  async function speaker(speak: (socket: Socket) => void): Promise<Server & { url: string }> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => speak(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  }

  it('is told with its status, whatever that is, and its body is the output', async () => {
    for (const status of [200, 204, 404, 503]) {
      far.answer = (response) => void response.writeHead(status).end(status === 204 ? undefined : `it is ${status}`);
      const report = await rig.run(httpWork(`${far.url}/`));
      expect([report.outcome, report.values, stdout(report)]).toEqual([
        { kind: 'answered', status },
        { status: String(status) },
        status === 204 ? '' : `it is ${status}`,
      ]);
    }
  });

  it('tells values out of its JSON, masked, and says what was not there', async () => {
    far.answer = (response) =>
      void response.end(
        `{"id": 12345678901234567890, "items": [{"name": "a"}, "b"], "key": "${SECRET}", "none": null}`,
      );
    const report = await rig.run(
      httpWork(`${far.url}/`, {
        extract: { id: '/id', name: '/items/0/name', key: '/key', none: '/none', gone: '/a/b' },
        headers: { k: [{ secret: 'KEY' }] },
      }),
      { secrets: { KEY: SECRET } },
    );
    expect(report.values).toEqual({ status: '200', id: '12345678901234567890', name: 'a', key: '******' });
    expect(report.valuesFault).toBe('none: the answer has nothing at "/none"; gone: the answer has nothing at "/a/b".');
  });

  it('tells no value that no record holds, and is answered all the same', async () => {
    far.answer = (response) => void response.end('{"nul":"a\\u0000b","half":"a\\ud800b","whole":"a"}');
    const extract = { nul: '/nul', half: '/half', whole: '/whole' };
    const report = await rig.run(httpWork(`${far.url}/`, { extract }));
    expect(report).toMatchObject({
      outcome: { kind: 'answered', status: 200 },
      values: { status: '200', whole: 'a' },
      valuesFault:
        'nul was left out: its value holds a NUL character. half was left out: its value holds half a character.',
    });
    expect(Object.keys(report.values!)).toEqual(['status', 'whole']);
  });

  it('is read as it comes, and never unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(20 * 1_048_576));
    far.answer = (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    const report = await rig.run(httpWork(`${far.url}/`, { extract: { a: '/a' } }));
    expect([report.stdout.size, far.received[0]!.headers['accept-encoding']]).toEqual([bomb.length, 'identity']);
    expect(report.valuesFault).toContain('compressed');
  });

  it.each([
    ['as much as may be', callLimits.callAnswerBytesMax, { kind: 'answered', status: 200 }],
    ['a byte more', callLimits.callAnswerBytesMax + 1, { kind: 'faulted', reason: 'output-limit' }],
  ])('of %s is %s bytes', async (_what, bytes, outcome) => {
    far.answer = (response) => {
      const piece = Buffer.alloc(1_048_576);
      let left = bytes;
      const more = (): void => {
        while (left > 0) {
          const part = piece.subarray(0, Math.min(left, piece.length));
          left -= part.length;
          if (!response.write(part)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    const report = await rig.run(httpWork(`${far.url}/`, {}), { outputKeptBytes: 1_000 });
    expect(report.outcome).toEqual(outcome);
    expect(report.stdout.head + report.stdout.tail).toBe(1_000);
  });

  it.each([
    ['as much as is looked through', callLimits.callExtractBytesMax, undefined],
    [
      'more than is looked through',
      callLimits.callExtractBytesMax + 1,
      'Nothing was taken out of the answer: it has more',
    ],
  ])('of %s tells values or says why not', async (_what, bytes, fault) => {
    const text = '{"a":"x"}'.padEnd(bytes, ' ');
    far.answer = (response) => void response.end(text);
    const report = await rig.run(httpWork(`${far.url}/`, { extract: { a: '/a' } }), { outputKeptBytes: 1_000 });
    expect(report.values?.['a']).toBe(fault === undefined ? 'x' : undefined);
    if (fault === undefined) expect(report.valuesFault).toBeUndefined();
    else expect(report.valuesFault).toContain(fault);
  });

  it.each([
    [
      'heads without end',
      (socket: Socket): void => {
        socket.write('HTTP/1.1 200 OK\r\n');
        for (let i = 0; i < 2_000; i++) socket.write(`x-${i}: ${'y'.repeat(100)}\r\n`);
      },
      `more than ${callLimits.callAnswerHeaderBytesMax} bytes`,
    ],
    ['no status of HTTP', (socket: Socket): void => void socket.end('HTTP/1.1 099 No\r\n\r\n'), 'does not speak HTTP'],
    [
      'another protocol',
      (socket: Socket): void =>
        void socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      'does not speak HTTP',
    ],
    ['no HTTP', (socket: Socket): void => void socket.write('220 mail.example ESMTP\r\n'), 'does not speak HTTP'],
    [
      'half an answer',
      (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'),
      'the connection was cut',
    ],
    ['nothing', (socket: Socket): void => void socket.end(), 'the connection was cut'],
  ] as const)('that is %s is told as none', async (_what, speak, words) => {
    const server = await speaker(speak);
    expect(await rig.run(httpWork(server.url))).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-broken' },
      detail: expect.stringContaining(words),
    });
    server.close();
  });

  it('of nobody is told as none, and why', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    expect(await rig.run(httpWork(`http://127.0.0.1:${port}/`))).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-unreachable' },
      detail: expect.stringContaining('nothing listens'),
    });
    expect(await rig.run(httpWork(`http://nowhere.invalid/`))).toMatchObject({
      outcome: { kind: 'faulted', reason: 'call-unreachable' },
    });
  });

  it('that never ends, or never comes, ends with the timeout or a cancel, and its connection is cut', async () => {
    let open = 0;
    const server = await speaker((socket) => {
      open++;
      socket.on('close', () => open--);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
      const drop = (): void => {
        if (!socket.destroyed) socket.write('x', () => systemClock.after(5, drop, { unref: true }));
      };
      drop();
    });
    const late = await rig.run(httpWork(server.url), { timeoutMs: 200 });
    expect(late).toMatchObject({
      outcome: { kind: 'timed_out' },
      detail: expect.stringContaining('may have done its work'),
    });
    const cancelled = await rig.begin(httpWork(server.url));
    await until('it to be asked', () => open > 0);
    rig.ledger.cancel(cancelled);
    expect((await rig.ended(cancelled)).outcome).toEqual({ kind: 'cancelled' });
    await until('the connections to be cut', () => open === 0);
    server.close();
    const deaf = await withCallRig({ names: { lookup: () => undefined } }, (own) =>
      own.run(httpWork('https://a.example/'), { timeoutMs: 50 }),
    );
    expect(deaf.outcome).toEqual({ kind: 'timed_out' });
  });
});

describe('a call and its worker', () => {
  it('is made once, however often it is ordered', async () => {
    const attempt = newAttempt();
    const spec = callSpec(httpWork(`${far.url}/`));
    await Promise.all([rig.ledger.startAttempt(attempt, spec, {}), rig.ledger.startAttempt(attempt, spec, {})]);
    await rig.ended(attempt);
    expect(await rig.ledger.startAttempt(attempt, spec, {})).toBe('accepted');
    await rig.ledger.forget([attempt]);
    expect(await rig.ledger.startAttempt(attempt, spec, {})).toBe('settled');
    expect(far.received).toHaveLength(1);
  });

  it('is lost with its worker, and not made again; one that had ended is told as it ended', async () => {
    await withCallRig({ allow: '127.0.0.1' }, async (own) => {
      const ended = await own.begin(httpWork(`${far.url}/`));
      const before = await own.ended(ended);
      far.answer = () => undefined;
      const under = await own.begin(httpWork(`${far.url}/slow`), { secrets: { KEY: SECRET } });
      await until('it to be asked', () => far.received.length === 2);
      await own.restart();
      expect(await own.ended(under)).toMatchObject({ outcome: { kind: 'unknown', reason: 'worker-restarted' } });
      expect(await own.ended(ended)).toEqual(before);
      await own.restart();
      expect((await own.ended(under)).outcome).toEqual({ kind: 'unknown', reason: 'worker-restarted' });
      expect(far.received).toHaveLength(2);
    });
  });

  it('refuses work of a kind, or of a form, that it does not know', async () => {
    const known = callSpec(httpWork(`${far.url}/`));
    const script = {
      kind: 'script',
      v: 1,
      script: Buffer.from('true'),
      args: [],
      env: {},
      params: {},
      secretNames: [],
    };
    for (const work of [{ ...known.work, kind: 'of-tomorrow' }, { ...known.work, v: 2 }, script]) {
      const attempt = newAttempt();
      await rig.ledger.startAttempt(attempt, { ...known, work }, {});
      expect((await rig.ended(attempt)).outcome).toEqual({ kind: 'refused', reason: 'work-kind-unknown' });
    }
    expect(far.received).toEqual([]);
  });

  it('is taken up to as many as a worker holds', async () => {
    await withCallRig({ names: { lookup: () => undefined } }, async ({ ledger }) => {
      const spec = callSpec(httpWork('https://a.example/'));
      const start = (): Promise<string> => ledger.startAttempt(newAttempt(), spec, {});
      const answers = await Promise.all(Array.from({ length: callLimits.workerCallsMax }, start));
      expect(new Set(answers)).toEqual(new Set(['accepted']));
      expect(await start()).toBe('busy');
    });
  });

  it('is shown live while somebody looks on', async () => {
    const seen: Buffer[] = [];
    const listener = {
      ...nobody,
      output: (_a: string, _s: 1 | 2, _o: number, bytes: Uint8Array) => void seen.push(Buffer.from(bytes)),
    };
    await withCallRig({ allow: '127.0.0.1', listener }, async (own) => {
      far.answer = (response) => void response.write('first words ');
      const attempt = await own.begin(httpWork(`${far.url}/`));
      own.ledger.watch(attempt, true);
      await until('live output', () => Buffer.concat(seen).toString() === 'first words ');
      own.ledger.cancel(attempt);
      await own.ended(attempt);
    });
  });

  it('may be of another kind, by a function in the place of the one that there is', async () => {
    const kinds = {
      ...CALL_KINDS,
      http: async ({
        output,
        begun,
      }: {
        output: (stream: 1 | 2, bytes: Uint8Array) => Promise<void>;
        begun: () => void;
      }) => {
        begun();
        await output(1, Buffer.from('of a test'));
        return { outcome: { kind: 'answered' as const, status: 299 }, values: { found: { own: 'yes' } } };
      },
    };
    await withCallRig({ kinds }, async (own) => {
      const report = await own.run(httpWork('https://a.example/'));
      expect([report.outcome, report.values, stdout(report)]).toEqual([
        { kind: 'answered', status: 299 },
        { own: 'yes' },
        'of a test',
      ]);
    });
    expect(storedWork(httpWork('https://a.example/'))).toMatchObject({ v: 1, kind: 'http' });
  });
});
