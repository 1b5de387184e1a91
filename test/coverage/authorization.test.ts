import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { given } from '../../src/base/given.ts';
import type { AccessNode } from '../../src/domain/access/access-node.ts';
import { ROLES, roleAllows, type Role } from '../../src/domain/access/permission.ts';
import { operations } from '../../src/http/routes/routes.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
const tokens = {} as Record<Role, string>;
beforeAll(async () => {
  api = await testApi();
  for (const role of Object.keys(ROLES) as Role[]) tokens[role] = await api.token(role);
});
afterAll(() => api.close());

/** Whoever calls anything of it has not asked first. */
const nothing: object = new Proxy(() => undefined, {
  get: () => nothing,
  apply: (): never => {
    throw new Error('something was done');
  },
});
const ID = '01936f2e-0000-7000-8000-000000000000';

async function call(
  operation: (typeof operations)[number],
  token: string | undefined,
): Promise<{ status: number; code: string | undefined }> {
  const url = `/api/v1${operation.path.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'task' || name === 'ordinal' ? '0' : ID))}`;
  const response = await api.app.inject({
    method: operation.method,
    url,
    headers: given({
      authorization: token ? `Bearer ${token}` : undefined,
      'content-type': operation.body ? 'application/json' : undefined,
    }),
    ...given({ payload: operation.body ? '{}' : undefined }),
  });
  const type = String(response.headers['content-type'] ?? '');
  return {
    status: response.statusCode,
    code: type.includes('problem') ? (response.json() as { code: string }).code : undefined,
  };
}

describe('every operation', () => {
  it('waits for its turn with all others, but for the four that wait for hosts, for readers or for strange machines', () => {
    // Checking a run whole and matching targets cost as much as creating one.
    expect(operations.filter(({ isLong }) => isLong).map(({ id }) => id)).toEqual([
      'watchRun',
      'readOutput',
      'testHost',
      'testChannel',
    ]);
  });

  it('has a permission that some role has, and only joining needs none', () => {
    expect(
      operations
        .filter((operation) => operation.permission === 'public')
        .map((operation) => operation.id)
        .sort(),
    ).toEqual(['joinAgent', 'joinWorker']);
    for (const operation of operations)
      if (operation.permission !== 'public') expect(roleAllows('admin', operation.permission)).toBe(true);
    expect(new Set(operations.map((operation) => operation.id)).size).toBe(operations.length);
  });

  for (const operation of operations) {
    if (operation.permission === 'public') continue;
    const { permission } = operation;
    it(`${operation.id} refuses nobody, strangers and roles without ${permission}, and nobody else`, async () => {
      expect(await call(operation, undefined)).toEqual({ status: 401, code: 'unauthenticated' });
      expect(await call(operation, 'drt_unknown')).toEqual({ status: 401, code: 'unauthenticated' });
      for (const role of Object.keys(ROLES) as Role[]) {
        const { status, code } = await call(operation, tokens[role]);
        if (roleAllows(role, permission)) expect([401, 403]).not.toContain(status);
        else expect({ status, code }).toEqual({ status: 403, code: 'permission-denied' });
      }
    });
  }

  /** As the schema would let it through, as far as a handler looks before it asks. */
  const anything = new Proxy({}, { get: () => '1h' });

  for (const operation of operations) {
    // Who I am is said to everybody who is known.
    if (operation.permission === 'public' || operation.id === 'getSelf') continue;
    it(`${operation.id} asks for its permission in the verb too, before anything else`, async () => {
      const asked: string[] = [];
      const caller = {
        actor: { kind: 'token', id: 't', name: 't' },
        requestId: 'r',
        role: 'admin',
        expiresAtMs: 0,
        can(permission: string, node: AccessNode) {
          asked.push(`${permission} at ${node.id}`);
          return false;
        },
      };
      const call = {
        ctx: nothing,
        caller,
        params: anything,
        query: anything,
        body: anything,
        request: { headers: {} },
      };
      await expect((async () => operation.handle(call as never))()).rejects.toMatchObject({
        code: 'permission-denied',
      });
      expect(asked).toEqual([`${operation.permission} at root`]);
    });
  }

  it('refuses a token that has expired or been revoked, and says so', async () => {
    const [operation] = operations;
    expect(await call(operation!, await api.token('admin', -60_000))).toEqual({ status: 401, code: 'token-expired' });
    const revoked = await api.token('admin');
    await api.database.query(
      'UPDATE api_token SET revoked_at_ms = 1 WHERE role = $1 AND id = (SELECT id FROM api_token ORDER BY created_at_ms DESC LIMIT 1)',
      ['admin'],
    );
    expect(await call(operation!, revoked)).toEqual({ status: 401, code: 'unauthenticated' });
  });
});

describe('an operation that makes a token', () => {
  const makers = operations.filter(({ response }) => response instanceof z.ZodObject && 'token' in response.shape);

  it('shows it once: its answer is not kept with the Idempotency-Key', () => {
    expect(makers.map(({ id }) => id)).toEqual(expect.arrayContaining(['createToken', 'createJoinToken']));
    for (const { id, shownOnce } of makers) expect(shownOnce, id).toBeDefined();
  });
});
