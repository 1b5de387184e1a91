/** A database without space: what writes is refused with a code of its own, what reads works, and nothing has to be done afterwards. */
import { afterAll, beforeAll, expect, it } from 'vitest';
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
    ...(method === 'POST' ? { payload: { name: 'ci', role: 'viewer', lifetime: '1h' } } : {}),
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
  await api.database.query('DROP TRIGGER no_space ON api_token');
  expect(await call('POST', '/tokens')).toEqual([201, undefined]);
});
