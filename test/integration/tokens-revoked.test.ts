/** Tokens that are revoked while runs of them are under way, over the API on a real PostgreSQL. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await testApi();
  admin = await api.token('admin', 600_000);
  await api.database.query("INSERT INTO host (id, name, created_at_ms) VALUES (gen_random_uuid(), 'h', 1)");
});
afterAll(() => api.close());

async function call(method: 'GET' | 'POST' | 'DELETE', path: string, token: string, body?: object) {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...given({ payload: body }),
  });
  return {
    status: response.statusCode,
    body: response.json() as Record<string, unknown> & { items?: Record<string, unknown>[] },
  };
}
async function begun(name: string): Promise<{ token: string; run: string }> {
  const token = String((await call('POST', '/tokens', admin, { name, role: 'operator' })).body.token);
  const { status, body } = await call('POST', '/runs', token, { targets: 'h', command: ['true'] });
  expect(status).toBe(201);
  return { token, run: String(body.id) };
}
const cancelledBy = async (run: string): Promise<unknown> =>
  (await api.database.query('SELECT cancel_requested_by AS by FROM run WHERE id = $1', [run]))[0]?.by;

it('leave their runs alone, unless whoever revokes them cancels these too, with an entry for each', async () => {
  const [one, other] = [await begun('one'), await begun('other')];
  expect((await call('DELETE', '/tokens/one', admin)).body).toEqual({ cancelledRuns: 0 });
  expect(await cancelledBy(one.run)).toBeNull();
  const second = String((await call('POST', '/runs', other.token, { targets: 'h', command: ['true'] })).body.id);
  expect((await call('DELETE', '/tokens/other?cancelRuns=true', admin)).body).toEqual({ cancelledRuns: 2 });
  expect(await Promise.all([one.run, other.run, second].map(cancelledBy))).toEqual([
    null,
    expect.any(String),
    expect.any(String),
  ]);
  const active = await api.database.query('SELECT run_id AS id FROM run_active WHERE cancel_requested ORDER BY run_id');
  expect(active.map((row) => String(row.id))).toEqual([other.run, second].sort());
  const { items } = (await call('GET', '/audit?action=job.run.cancel', admin)).body;
  expect(items!.map(({ target }) => target).sort()).toEqual([other.run, second].map((id) => `run/${id}`).sort());
  expect((await call('DELETE', '/tokens/other?cancelRuns=true', admin)).status).toBe(404);
});

it('are revoked with their runs only by whoever may cancel runs, and say which word is none', async () => {
  await begun('third');
  expect((await call('DELETE', '/tokens/third?cancelRuns=yes', admin)).status).toBe(400);
  expect((await call('DELETE', '/tokens/third', admin)).body).toEqual({ cancelledRuns: 0 });
});
