/** What is given by name or id is the thing that has the id, whoever is named how; and nobody takes a name that could be an id, or that commands a terminal. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newId } from '../../src/base/ids.ts';
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
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...given({ payload: body }),
  });
  return { status: answer.statusCode, body: answer.json() };
}

async function secretFor(role: 'agent' | 'worker'): Promise<string> {
  const { body } = await call('POST', '/join-tokens', { role });
  return (JSON.parse(Buffer.from((body.token as string).slice(4), 'base64url').toString()) as string[])[2]!;
}

const joinAgent = async (name: string) =>
  call('POST', '/agents/join', {
    secret: await secretFor('agent'),
    csr: certificateRequest(newKey()),
    name,
    machineId: newId(),
  });
const joinWorker = async (name: string) =>
  call('POST', '/workers/join', {
    secret: await secretFor('worker'),
    csr: certificateRequest(newKey()),
    name,
    version: '0.1.0',
  });

describe.each([
  ['an id', newId()],
  ['an id in capitals', newId().toUpperCase()],
  ['a title for a terminal', 'a\x1b]0;t\x07'],
  ['a control of eight bits', 'a\x9b31m'],
  ['a turn of the direction', 'a\u202eb'],
])('%s', (_what, name) => {
  it.each([
    ['a host', async () => call('POST', '/hosts', { name, address: '192.0.2.1' })],
    ['an agent', async () => joinAgent(name)],
    ['a worker', async () => joinWorker(name)],
    ['an account', async () => call('POST', '/accounts', { name, scope: 'all', loginUser: 'root', credentials: [] })],
    ['a token', async () => call('POST', '/tokens', { name, role: 'viewer' })],
  ])('is no name for %s', async (_noun, make) => {
    const { status, body } = await make();
    expect([status, body.code]).toEqual([400, 'bad-input']);
    expect(JSON.stringify(body.errors)).toMatch(/name/);
  });
});

describe('an id', () => {
  it('means the host that has it, whoever is on record under it as a name', async () => {
    const { body: meant } = await call('POST', '/hosts', { name: 'meant', address: '192.0.2.1' });
    const { body: other } = await call('POST', '/hosts', { name: 'other', address: '192.0.2.2' });
    await api.database.query('UPDATE host SET name = $1 WHERE id = $2', [meant.id, other.id]);
    expect((await call('GET', `/hosts/${meant.id as string}`)).body.name).toBe('meant');
  });

  it('means the worker that has it, which can be revoked for good', async () => {
    const { body: one } = await joinWorker('night');
    const { body: other } = await joinWorker('day');
    await api.database.query('UPDATE worker SET name = $1 WHERE id = $2', [one.workerId, other.workerId]);
    const { status, body } = await call('POST', `/workers/${one.workerId as string}/revoke`, {});
    expect([status, body.name]).toEqual([200, 'night']);
  });
});
