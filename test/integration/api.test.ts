import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { given } from '../../src/base/given.ts';
import { limits } from '../../src/base/limits.ts';
import { operations } from '../../src/http/routes/routes.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin');
});
afterAll(() => api.close());

async function call(
  method: 'GET' | 'POST' | 'DELETE' | 'PATCH',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown>; headers: Record<string, unknown> }> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${token}`,
      ...given({ 'content-type': body === undefined ? undefined : 'application/json' }),
      ...headers,
    },
    ...given({ payload: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: response.statusCode,
    body: (response.body === '' ? {} : response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
}

async function enrol(name: string): Promise<string> {
  const joinToken = await call('POST', '/join-tokens', {});
  const [, , secret] = JSON.parse(
    Buffer.from((joinToken.body.token as string).slice(4), 'base64url').toString(),
  ) as string[];
  const joined = await call('POST', '/agents/join', {
    secret,
    csr: certificateRequest(newKey()),
    name,
    machineId: name,
  });
  expect(joined.status).toBe(201);
  return secret!;
}

describe('input', () => {
  it('is refused with all its faults at once', async () => {
    const { status, body } = await call('POST', '/runs', {
      targets: 'all',
      script: 'x',
      command: ['y'],
      timeout: '5',
      retries: -1,
      nonsense: true,
      maxFailed: 'lots',
      successExitCodes: [],
    });
    expect(status).toBe(400);
    expect((body.errors as { pointer: string }[]).map((fault) => fault.pointer)).toEqual(
      expect.arrayContaining(['#/timeout', '#/retries', '#/maxFailed', '#/successExitCodes', '#']),
    );
    expect(body).toMatchObject({
      code: 'bad-input',
      status: 400,
      retryable: false,
      type: 'https://drover.dev/errors/bad-input',
    });
  });

  it.each([
    ['{', 400, 'bad-input'],
    [`${'['.repeat(100)}${']'.repeat(100)}`, 400, 'bad-input'],
    [`{"x":"${'y'.repeat(limits.requestBodyBytesMax)}"}`, 413, 'body-too-large'],
  ])('%.20s… is refused', async (text, status, code) =>
    expect(await call('POST', '/runs', text)).toMatchObject({ status, body: { code } }),
  );

  it('of another content type is refused', async () =>
    expect(await call('POST', '/runs', 'x', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { code: 'unsupported-media-type' },
    }));

  it.each([
    [{ script: ' \n' }, 'script-empty'],
    [{ command: [''] }, 'script-empty'],
    [{ script: 'x', env: { 'A-B': '1' } }, 'bad-input'],
    [{ script: 'x', env: { A: 'a\0b' } }, 'bad-input'],
    [{ script: 'x', secrets: { S: 'abc' } }, 'bad-input'],
    [{ script: 'x', cwd: 'relative' }, 'bad-input'],
    [{ script: 'x', targets: 'a and' }, 'bad-target'],
    [{ script: 'x', targets: 'nosuch' }, 'host-not-found'],
    [{ script: 'x', targets: 'no*' }, 'no-target-matched'],
    [{ script: 'y'.repeat(limits.scriptBytesMax + 1) }, 'script-too-large'],
  ])('a run with %.60j is refused as %s', async (more, code) => {
    await enrol(`h-${code}-${JSON.stringify(more).length % 97}`);
    expect((await call('POST', '/runs', { targets: 'all', ...more })).body).toMatchObject({ code });
  });

  it('at a limit is taken', async () =>
    expect((await call('POST', '/runs', { targets: 'all', script: 'y'.repeat(limits.scriptBytesMax) })).status).toBe(
      201,
    ));
});

describe('an idempotency key', () => {
  it('answers the same request with the first answer, and refuses another', async () => {
    const body = { name: 'idem-1', address: '10.0.0.1' };
    const first = await call('POST', '/hosts', body, { 'idempotency-key': 'k1' });
    const again = await call('POST', '/hosts', body, { 'idempotency-key': 'k1' });
    expect(again).toMatchObject({ status: 201, body: first.body, headers: { 'idempotency-replayed': 'true' } });
    expect((await call('POST', '/hosts', { ...body, name: 'idem-2' }, { 'idempotency-key': 'k1' })).body).toMatchObject(
      { code: 'idempotency-key-reused' },
    );
    await call('DELETE', '/hosts/idem-1', undefined);
  });

  it.each([
    ['/tokens', { name: 'n', role: 'viewer' }],
    ['/join-tokens', { role: 'agent' }],
  ])('of %s shows the secret once, and keeps no more of it than whose it is', async (path, body) => {
    const key = `once ${path}`;
    const first = await call('POST', path, body, { 'idempotency-key': key });
    const again = await call('POST', path, body, { 'idempotency-key': key });
    expect(again).toMatchObject({ status: 409, body: { code: 'secret-shown-once' } });
    expect(again.body.detail).toContain(first.body.id);
    const [kept] = await api.database.query('SELECT body FROM idempotency WHERE key = $1', [key]);
    expect(kept).toEqual({ body: JSON.stringify({ id: first.body.id }) });
  });

  it.each([
    ['/runs', { targets: 'all', script: 'x' }],
    ['/agents/uninstall', { targets: 'all' }],
  ])('of %s never makes a second run, even when the first answer was never kept', async (path, body) => {
    const key = `once ${path}`;
    const first = await call('POST', path, body, { 'idempotency-key': key });
    // With the run itself, and nothing after it.
    const [kept] = await api.database.query('SELECT body FROM idempotency WHERE key = $1', [key]);
    expect(kept).toEqual({ body: JSON.stringify({ id: first.body.id }) });
    // As if the server had died between the run and its answer, long ago.
    await api.database.query(
      'UPDATE idempotency SET body = $1, created_at_ms = created_at_ms - 120000 WHERE key = $2',
      [JSON.stringify({ id: first.body.id }), key],
    );
    expect(await call('POST', path, body, { 'idempotency-key': key })).toMatchObject({
      status: 201,
      body: { id: first.body.id, state: 'waiting' },
    });
  });

  it('is free again after a refusal', async () => {
    expect((await call('POST', '/runs', { targets: 'nosuch', script: 'x' }, { 'idempotency-key': 'k2' })).status).toBe(
      404,
    );
    expect((await call('POST', '/runs', { targets: 'all', script: 'x' }, { 'idempotency-key': 'k2' })).status).toBe(
      201,
    );
  });
});

describe('a question that writes nothing', () => {
  it.each([
    ['/runs/preview', { targets: 'all' }],
    ['/runs/plan', { targets: 'all', script: 'x' }],
    ['/hosts/import', { hosts: [{ name: 'asked-for', address: '10.0.0.9' }], dryRun: true }],
  ])('to %s is answered each time, and nothing is kept of it under an Idempotency-Key', async (path, body) => {
    const kept = () => api.database.query('SELECT principal, key FROM idempotency ORDER BY key');
    const before = await kept();
    for (let n = 0; n < 2; n++) {
      const { status, headers } = await call('POST', path, body, { 'idempotency-key': `asks ${path}` });
      expect([status, headers['idempotency-replayed']]).toEqual([200, undefined]);
    }
    expect(await kept()).toEqual(before);
    // Another question under the same key is another question.
    expect((await call('POST', path, { ...body, targets: 7 }, { 'idempotency-key': `asks ${path}` })).body.code).toBe(
      'bad-input',
    );
  });

  it('is every POST that only asks, and an import that is to change nothing is none that does', async () => {
    expect(operations.filter(({ asksOnly }) => asksOnly).map(({ id }) => id)).toEqual([
      'previewTargets',
      'planRun',
      'validateJob',
      'importHosts',
    ]);
    const hosts = [{ name: 'made-once', address: '10.0.0.9' }];
    const made = () => call('POST', '/hosts/import', { hosts }, { 'idempotency-key': 'import' });
    await made();
    expect((await made()).headers['idempotency-replayed']).toBe('true');
    await call('DELETE', '/hosts/made-once', undefined);
  });
});

describe('a run that needed more than to run scripts', () => {
  it('is opened anew by nobody who might not have asked for it', async () => {
    const operator = { authorization: `Bearer ${await api.token('operator')}` };
    const uninstall = await call('POST', '/agents/uninstall', { targets: 'all' });
    const script = await call('POST', '/runs', { targets: 'all', script: 'x' });
    expect((await call('POST', '/agents/uninstall', { targets: 'all' }, operator)).status).toBe(403);
    for (const { body } of [uninstall, script]) {
      await api.database.query(
        "UPDATE execution SET state = 'failed', outcome = 'exited', exit_code = 1, finished_at_ms = 1 WHERE run_id = $1",
        [body.id],
      );
      await api.database.query(
        `UPDATE run
         SET state = 'failed', finished_at_ms = 1,
           counts = counts || jsonb_build_object('waiting', 0, 'failed', host_count)
         WHERE id = $1`,
        [body.id],
      );
      await api.database.query('DELETE FROM run_active WHERE run_id = $1', [body.id]);
    }
    const retry = (id: unknown, headers = {}) =>
      call('POST', `/runs/${String(id)}/retry`, { states: ['failed'] }, headers);
    expect(await retry(uninstall.body.id, operator)).toMatchObject({
      status: 403,
      body: { code: 'permission-denied', detail: expect.stringContaining('fleet.agent.install') },
    });
    expect((await call('GET', `/runs/${String(uninstall.body.id)}`)).body).toMatchObject({ state: 'failed', round: 1 });
    expect((await retry(script.body.id, operator)).status).toBe(201);
    expect((await retry(uninstall.body.id)).status).toBe(201);
  });
});

describe('runs', () => {
  it('are told with what they do, but never with their secrets', async () => {
    const { body } = await call('POST', '/runs', {
      targets: 'all',
      script: 'echo',
      secrets: { PASS: 'hunter2hunter2' },
      maxFailed: '10%',
      successExitCodes: [3, 0, 3],
    });
    const shown = await call('GET', `/runs/${String(body.id)}`);
    expect(shown.body).toMatchObject({ script: 'echo', secretNames: ['PASS'], maxFailed: '10%', state: 'waiting' });
    expect(shown.body.successExitCodes).toEqual([0, 3]);
    const dump = JSON.stringify([
      shown,
      ...(await Promise.all(
        ['run', 'task', 'work', 'audit', 'run_event', 'idempotency', 'execution'].map((table) =>
          api.database.query(`SELECT t::text FROM ${table} t`),
        ),
      )),
    ]);
    expect(dump).not.toContain('hunter2');
    expect(dump).not.toContain(Buffer.from('hunter2').toString('hex'));
  });

  it('are listed newest first, in pages', async () => {
    const first = await call('GET', '/runs?limit=2');
    const ids = (first.body.items as { id: string }[]).map((run) => run.id);
    expect(ids).toHaveLength(2);
    expect([...ids].sort().reverse()).toEqual(ids);
    const second = await call('GET', `/runs?limit=1000&cursor=${String(first.body.next)}`);
    expect((second.body.items as { id: string }[]).some((run) => ids.includes(run.id))).toBe(false);
    expect((await call('GET', '/runs?cursor=made-up')).body).toMatchObject({ code: 'bad-input' });
  });

  it('that do not exist are not found', async () => {
    const id = '01936f2e-0000-7000-8000-000000000000';
    for (const path of [
      `/runs/${id}`,
      `/runs/${id}/executions`,
      `/runs/${id}/timeline`,
      `/runs/${id}/events`,
      `/runs/${id}/output-groups`,
    ])
      expect((await call('GET', path)).body).toMatchObject({ code: 'run-not-found' });
    expect((await call('GET', '/runs/not-an-id')).body).toMatchObject({ code: 'bad-input' });
  });
});

describe('joining', () => {
  it('needs a token that is known and not used up, and a real request', async () => {
    const secret = await enrol('once');
    const body = { csr: certificateRequest(newKey()), name: 'twice', machineId: 'm' };
    expect((await call('POST', '/agents/join', { ...body, secret })).body).toMatchObject({
      code: 'join-token-expired',
    });
    expect((await call('POST', '/agents/join', { ...body, secret: 'wrong' })).body).toMatchObject({
      code: 'join-token-invalid',
    });
    // Who has no good token learns nothing of the rest: the token is looked at first.
    const nonsense = { ...body, csr: 'nonsense' };
    expect((await call('POST', '/agents/join', { ...nonsense, secret })).body).toMatchObject({
      code: 'join-token-expired',
    });
    const fresh = (await call('POST', '/join-tokens', { role: 'agent' })).body.token as string;
    const [, , unused] = JSON.parse(Buffer.from(fresh.slice(4), 'base64url').toString()) as string[];
    expect((await call('POST', '/agents/join', { ...nonsense, secret: unused })).body).toMatchObject({
      code: 'bad-input',
    });
  });
});

describe('workers', () => {
  it('are drained and resumed by name or id, which is audited once, and a name of two is refused', async () => {
    const join = async (): Promise<string> => {
      const { body } = await call('POST', '/join-tokens', { role: 'worker' });
      const [, , secret] = JSON.parse(Buffer.from((body.token as string).slice(4), 'base64url').toString()) as string[];
      const joined = await call('POST', '/workers/join', {
        secret,
        csr: certificateRequest(newKey()),
        name: 'drainable',
        version: '1',
      });
      expect(joined.status).toBe(201);
      return joined.body.workerId as string;
    };
    const first = await join();
    expect(await call('POST', '/workers/drainable/drain')).toMatchObject({
      status: 200,
      body: { id: first, drained: true },
    });
    expect(await call('POST', `/workers/${first}/drain`)).toMatchObject({ status: 200, body: { drained: true } });
    expect(await call('GET', '/workers/drainable')).toMatchObject({
      status: 200,
      body: { drained: true, linked: false },
    });
    expect((await call('GET', '/audit?action=fleet.worker.drain')).body.items).toHaveLength(1);
    expect(await call('POST', '/workers/drainable/resume')).toMatchObject({ status: 200, body: { drained: false } });
    expect((await call('GET', '/audit?action=fleet.worker.resume')).body.items).toHaveLength(1);
    expect((await call('GET', '/audit?action=fleet.worker.drain')).body.items).toHaveLength(1);
    await join();
    expect(await call('POST', '/workers/drainable/drain')).toMatchObject({
      status: 400,
      body: { code: 'bad-input', detail: expect.stringContaining(first) },
    });
    expect(await call('POST', '/workers/nobody/drain')).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });
});

describe('the document', () => {
  it('is what the operations say, and so is the client', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        fileURLToPath(new URL('../../tools/openapi.ts', import.meta.url)),
        '--check',
      ],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([0, '']);
  });

  it('and health are there for everybody, metrics are not', async () => {
    expect((await api.app.inject('/api/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' });
    expect((await api.app.inject('/healthz')).statusCode).toBe(200);
    expect((await api.app.inject('/readyz')).json()).toMatchObject({ status: 'ready' });
    expect((await api.app.inject('/metrics')).statusCode).toBe(401);
    expect((await api.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } })).body).toContain(
      'drover_http_requests_total',
    );
  });

  it('makes one page of metrics for all who ask at the same time', async () => {
    const ask = () => api.app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } });
    const pages = await Promise.all(Array.from({ length: 50 }, ask));
    expect(new Set(pages.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    // It has the CPU time of the process in it, which stands for no two of them.
    expect(new Set(pages.map(({ body }) => body)).size).toBeLessThanOrEqual(2);
  });
});
