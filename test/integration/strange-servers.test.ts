/** Commands and the SDK against what is no server of Drover, or something between that stands in for one: a proxy, a login page, malice. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { allPages, createClient, dataOf, DroverClientError, watchRun } from '@drover/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { newId } from '../../src/base/ids.ts';
import { runCli } from '../support/up.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(answer: Answer): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

/** Says it, and then `more` for as long as anybody takes it. */
const endless =
  (type: string, first: string, more: Buffer): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': type });
    response.write(first);
    const go = (): void => {
      while (response.write(more));
      response.once('drain', go);
    };
    go();
  };

const codeOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof DroverClientError ? error.code : error),
  );

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('(%i) is not followed: nothing goes on to where it leads', async (status) => {
    const asked: string[] = [];
    const other = await serve((request, response) => {
      asked.push(request.url!);
      json({})(request, response);
    });
    const url = await serve((request, response) =>
      response.writeHead(status, { location: `${other}${request.url}` }).end(),
    );
    const body = { targets: 'all', script: 'true', secrets: { X: 'planted' } };
    expect(await codeOf(createClient({ baseUrl: url, token: 't' }).POST('/api/v1/runs', { body: body as never }))).toBe(
      'server-answer-invalid',
    );
    expect(await codeOf(Array.fromAsync(watchRun({ baseUrl: url, token: 't' }, newId())))).toBe(
      'server-answer-invalid',
    );
    const { code, stderr } = await runCli(['hosts', 'list', '--json'], { DROVER_URL: url, DROVER_TOKEN: 't' });
    expect([code, JSON.parse(stderr)]).toMatchObject([3, { code: 'server-answer-invalid' }]);
    expect(asked).toEqual([]);
  });
});

describe('an answer', () => {
  it.each<[string, Answer]>([
    ['that has no end', endless('application/json', '{"items":["', Buffer.alloc(1 << 20, 'x'))],
    ['that is a page for people', (_request, response) => response.end('<html>log in</html>')],
    ['that is a list instead of an object', json([])],
    ['that is nothing', json(null)],
  ])('%s is told as what it is', async (_what, answer) => {
    const url = await serve(answer);
    expect(await codeOf(createClient({ baseUrl: url }).GET('/api/v1/hosts'))).toBe('server-answer-invalid');
  });

  it('that is a refusal without an end is told as what it is', async () => {
    const url = await serve((_request, response) => {
      response.statusCode = 503;
      const go = (): void => {
        while (response.write(Buffer.alloc(1 << 16, 'x')));
        response.once('drain', go);
      };
      go();
    });
    expect(await codeOf(createClient({ baseUrl: url }).GET('/api/v1/hosts'))).toBe('server-answer-invalid');
  });

  it('with fields of other types is told with the field, and without a stack', async () => {
    const url = await serve(json({ items: [{ name: { a: 1 }, id: null, labels: null, facts: 7 }] }));
    const { code, stderr } = await runCli(['hosts', 'list'], { DROVER_URL: url, DROVER_TOKEN: 't' });
    expect([code, stderr]).toEqual([3, expect.stringMatching(/of GET \/api\/v1\/hosts is no .*server-answer-invalid/)]);
    expect(stderr).not.toMatch(/ at .*\.ts:\d/);
  });
});

describe('a list', () => {
  const listed = (url: string): Promise<unknown> =>
    codeOf(
      Array.fromAsync(
        allPages(async (cursor) =>
          dataOf(
            await createClient({ baseUrl: url }).GET('/api/v1/hosts', {
              params: { query: cursor === undefined ? {} : { cursor } },
            }),
          ),
        ),
      ),
    );

  it.each<[string, () => unknown]>([
    [
      'whose pages have nothing on them and never end',
      (
        (n = 0) =>
        () => ({ items: [], next: `c${n++}` })
      )(),
    ],
    [
      'that leads back to a page that was there',
      (
        (n = 0) =>
        () => ({ items: [{}], next: `c${n++ % 3}` })
      )(),
    ],
    ['without items', () => ({ next: 'c' })],
    ['whose cursor is a number', () => ({ items: [], next: 7 })],
  ])('%s is told as what it is', async (_what, page) => {
    expect(await listed(await serve((request, response) => json(page())(request, response)))).toBe(
      'server-answer-invalid',
    );
  });

  it('may have empty pages between others', async () => {
    let n = 0;
    const url = await serve((request, response) =>
      json(n++ === 90 ? { items: [{}] } : { items: [], next: `c${n}` })(request, response),
    );
    expect(await listed(url)).toBe('answered');
  });
});

describe('events', () => {
  const watched = (url: string): Promise<unknown> => codeOf(Array.fromAsync(watchRun({ baseUrl: url }, newId())));

  it.each<[string, Answer]>([
    ['of which one has no end', endless('text/event-stream', 'event: run\ndata: ', Buffer.alloc(1 << 20, 'x'))],
    [
      'whose data is no JSON',
      (_request, response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: run\ndata: <html>\n\n'),
    ],
  ])('%s are told as what they are', async (_what, answer) => {
    expect(await watched(await serve(answer))).toBe('server-answer-invalid');
  });

  it('come whole however they are cut', async () => {
    const large = 'x'.repeat(100_000);
    const text = `: hello\n\nid: 1\nevent: run\ndata: ${JSON.stringify({ name: large })}\n\nevent: end\ndata: {"name":"é"}\n\n`;
    const url = await serve(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const bytes = Buffer.from(text);
      const steps = [0, 1, 8, 9, 30_000, bytes.length - 6, bytes.length - 5, bytes.length - 1, bytes.length];
      for (const [n, at] of steps.slice(1).entries())
        await new Promise((resolve) => response.write(bytes.subarray(steps[n], at), resolve));
      response.end();
    });
    const events = await Array.fromAsync(watchRun({ baseUrl: url }, newId()));
    expect(events.map(({ event, data }) => [event, (data as { name: string }).name])).toEqual([
      ['run', large],
      ['end', 'é'],
    ]);
  });
});

describe('a token', () => {
  it.each([
    ['http://10.0.0.5:7400', 'token-in-clear'],
    ['http://drover.example', 'token-in-clear'],
    ['http://127.0.0.1.example', 'token-in-clear'],
    ['http://good.localhost', 'token-in-clear'],
    ['http://[2001:db8::1]:7400', 'token-in-clear'],
    ['https://drover.example', 'made'],
    ['http://127.0.0.1:7400', 'made'],
    ['http://127.8.0.1', 'made'],
    ['http://localhost:7400', 'made'],
    ['http://[::1]:7400', 'made'],
  ])('for %s: %s', async (baseUrl, what) => {
    const made = async (more: object): Promise<string> => {
      createClient({ baseUrl, ...more });
      return 'made';
    };
    const heard = await codeOf(made({ token: 't' }));
    expect(heard === 'answered' ? 'made' : heard).toBe(what);
    expect(await made({})).toBe('made');
    expect(await made({ token: 't', allowTokenInClear: true })).toBe('made');
    if (what === 'made') return;
    expect(await codeOf(watchRun({ baseUrl, token: 't' }, newId()).next())).toBe(what);
  });

  it('is not sent where it is none, and not repeated', async () => {
    for (const token of ['drt_secret\nsecond', 'drt_secret second', 'drt_sécret']) {
      const env = { DROVER_URL: 'https://127.0.0.1:1', DROVER_TOKEN: token };
      const { code, stderr } = await runCli(['hosts', 'list', '--json'], env);
      expect([code, JSON.parse(stderr)]).toMatchObject([
        2,
        { code: 'bad-input', detail: expect.stringContaining('The token is none') },
      ]);
      expect(stderr).not.toContain('drt_');
      expect(() => createClient({ baseUrl: env.DROVER_URL, token })).toThrow('The token is none');
    }
  });

  it('is neither sent nor asked for by a command where it would go in clear', async () => {
    const env = { DROVER_URL: 'http://drover.invalid:7400', DROVER_TOKEN: 't' };
    const asked = await runCli(['hosts', 'list', '--json'], env);
    expect([asked.code, JSON.parse(asked.stderr)]).toMatchObject([2, { code: 'token-in-clear' }]);
    const login = await runCli(['login', 'http://drover.invalid:7400'], {});
    expect([login.code, login.stderr]).toEqual([2, expect.stringContaining('(token-in-clear)')]);
    // Said, it is sent; there is nobody.
    const said = await runCli(['hosts', 'list'], { ...env, DROVER_TOKEN_IN_CLEAR: 'yes' });
    expect([said.code, said.stderr]).toEqual([4, expect.stringContaining('was not reached')]);
  });
});
