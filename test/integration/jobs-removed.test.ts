/** Jobs and versions that are removed, over the API on a real database: what may go, what stays on record, and which numbers come after. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import type { Role } from '../../src/domain/access/permission.ts';
import { testApi, type TestApi } from '../support/api.ts';

const tokens = {} as Record<Role, string>;
let api: TestApi;
beforeAll(async () => {
  api = await testApi();
  for (const role of ['viewer', 'operator', 'admin'] as const) tokens[role] = await api.token(role);
}, 60_000);
afterAll(() => api.close());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly code?: string };
}
async function call(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  payload?: object,
  role: Role = 'operator',
): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: given({ authorization: `Bearer ${tokens[role]}`, 'content-type': payload && 'application/json' }),
    ...given({ payload }),
  });
  const { statusCode: status, body } = response;
  return { status, body: (body === '' ? {} : response.json()) as Answer['body'] };
}
const text = (name: string, more = ''): string =>
  `job: ${name}\n${more}stages:\n  - stage: s\n    steps: [{ step: a, command: [uptime] }]\n`;
const apply = (definition: string): Promise<Answer> => call('POST', '/jobs', { definition });
/** `created 1 draft`. */
const outcomeOf = ({ body }: Answer): string => {
  const { version, state } = (body.version ?? {}) as { version?: number; state?: string };
  return `${String(body.outcome)} ${version} ${state}`;
};
const publish = (job: string): Promise<Answer> => call('POST', `/jobs/${job}/versions/draft/publish`, {});

it('is removed once it is retired, a version or whole, and no number of a version is given twice', async () => {
  const remove = (path: string, role: Role = 'operator'): Promise<unknown> =>
    call('DELETE', `/jobs/${path}`, undefined, role).then(({ status, body }) => body.code ?? status);
  for (const owner of ['a', 'b', 'c']) {
    await apply(text('going', `owner: ${owner}\n`));
    await publish('going');
  }
  expect(await remove('going/versions/3')).toBe('job-version-state');
  expect((await call('POST', '/jobs/going/versions/3/retire', {})).status).toBe(200);
  expect(await remove('going/versions/3', 'viewer')).toBe('permission-denied');
  expect([await remove('going/versions/3'), await remove('going/versions/3')]).toEqual([204, 'job-version-not-found']);
  expect((await call('GET', '/jobs/going')).body).toMatchObject({ lastVersion: 2, publishedVersion: 2, owner: 'b' });
  expect(outcomeOf(await apply(text('going', 'owner: d\n')))).toBe('changed 4 draft');
  expect(await remove('going')).toBe('job-version-state');
  await call('POST', '/jobs/going/retire', {});
  await api.database.query("INSERT INTO host (id, name, created_at_ms) VALUES (gen_random_uuid(), 'going-host', 1)");
  const kept = text('kept-by-run').replace('[uptime]', '[uptime], targets: going-host');
  await apply(kept);
  await publish('kept-by-run');
  const { body } = await call('POST', '/jobs/kept-by-run/runs', {});
  await call('POST', '/jobs/kept-by-run/retire', {});
  expect([await remove('kept-by-run'), await remove('kept-by-run/versions/1')]).toEqual([
    'job-has-runs',
    'job-version-state',
  ]);
  expect((await call('GET', `/runs/${String(body.id)}`)).body).toMatchObject({
    job: { name: 'kept-by-run', version: 1 },
  });
  expect([await remove('going?reason=old'), await remove('going')]).toEqual([204, 'job-not-found']);
  const { items } = (await call('GET', '/audit?action=job.definition.remove', undefined, 'admin')).body;
  expect((items as { target: string; detail: object }[]).map(({ target, detail }) => [target, detail])).toEqual([
    ['job/going', expect.objectContaining({ versions: 3, reason: 'old' })],
    ['job/going', expect.objectContaining({ version: 3 })],
  ]);
  expect(outcomeOf(await apply(text('going')))).toBe('created 1 draft');
});
