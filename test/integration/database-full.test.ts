/** A database without space: what writes is refused with a code of its own, what reads works, and nothing has to be done afterwards. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { FreeSpace } from '../../src/base/free-space.ts';
import { given } from '../../src/base/given.ts';
import { needsRoom } from '../../src/http/api.ts';
import { operations } from '../../src/http/routes/routes.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let token: string;

beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin');
});
afterAll(() => api.close());

async function call(method: 'GET' | 'POST', url: string): Promise<[status: number, code: unknown]> {
  const answer = await api.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { authorization: `Bearer ${token}` },
    ...given({ payload: method === 'POST' ? { name: 'ci', role: 'viewer', lifetime: '1h' } : undefined }),
  });
  return [answer.statusCode, (answer.json() as { code?: unknown }).code];
}

it('refuses what would be written, answers what is read, and recovers by itself', async () => {
  // PostgreSQL's own refusal of a write, as it comes when a table cannot be extended.
  await api.database.query(`CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'could not extend file "base/1/1": No space left on device' USING ERRCODE = 'disk_full'; END $$`);
  await api.database.query(
    'CREATE TRIGGER no_space BEFORE INSERT ON api_token FOR EACH ROW EXECUTE FUNCTION no_space()',
  );
  expect(await call('POST', '/tokens')).toEqual([507, 'database-full']);
  expect(await call('GET', '/tokens')).toEqual([200, undefined]);
  expect((await api.app.inject('/readyz')).json()).toMatchObject({ status: 'ready', databaseSpace: 'full' });
  await api.database.query('DROP TRIGGER no_space ON api_token');
  expect(await call('POST', '/tokens')).toEqual([201, undefined]);
});

it('with little space left takes no new work, whatever it is, and does all that only asks, ends or takes away', async () => {
  // As if the filesystem had to have more than any has.
  const disk = new FreeSpace({ folder: tmpdir(), bytesMin: 2 ** 60, clock: systemClock, onChange() {} });
  const low = await testApi({ disk });
  const authorization = `Bearer ${await low.token('admin')}`;
  for (const { id, method, path } of operations.filter(needsRoom)) {
    const answer = await low.app.inject({
      method,
      url: `/api/v1${path.replace(/\{\w+\}/g, 'x')}`,
      headers: { authorization, 'idempotency-key': id },
      payload: {},
    });
    expect([id, answer.statusCode, answer.json(), answer.headers['retry-after']]).toEqual([
      id,
      507,
      expect.objectContaining({ code: 'database-full', retryable: true }),
      '10',
    ]);
  }
  expect((await low.app.inject('/readyz')).json()).toMatchObject({ status: 'ready', databaseSpace: 'low' });
  const revoked = await low.app.inject({
    method: 'DELETE',
    url: '/api/v1/tokens/tok_none',
    headers: { authorization },
  });
  expect(revoked.statusCode).not.toBe(507);
  await low.close();
  const others = operations.filter((one) => !needsRoom(one) && !['GET', 'DELETE'].includes(one.method));
  expect(others.map(({ id }) => id).sort()).toEqual([
    'answerRun',
    'cancelRun',
    'cancelUpgrade',
    'drainWorker',
    'pauseRun',
    'planRun',
    'previewTargets',
    'resumeRun',
    'resumeWorker',
    'retireJob',
    'retireJobVersion',
    'revokeAgent',
    'revokeWorker',
    'skipStep',
    'testChannel',
    'testHost',
    'validateJob',
  ]);
});
