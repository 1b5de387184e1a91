/** Accounts over the API, on a real PostgreSQL: what is secret goes in and never comes out, and the rules of use hold. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobDefinitions } from '../../src/app/job-definitions.ts';
import { HostView } from '../../src/app/host-view.ts';
import { accountChoices, accountOpen, accountUse } from '../../src/app/account.ts';
import { runRetry } from '../../src/app/run-change.ts';
import { systemClock } from '../../src/base/clock.ts';
import { given } from '../../src/base/given.ts';
import { newRunId, type AccountId, type RunId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { silentLog } from '../../src/base/log.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { testApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await testApi();
  admin = await api.token('admin', 600_000);
});
afterAll(() => api.close());

const PASSWORD = 'Tr0ub4dor&3-unmistakable';
const PASSPHRASE = 'passphrase-unmistakable';
const BECOME = 'become-unmistakable';
const KEY = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE },
}).privateKey;
const sealer = createMasterKey(Buffer.alloc(32, 1));

interface Answer {
  status: number;
  body: Record<string, unknown> & {
    id: string;
    version: number;
    code?: string;
    detail?: string;
    credentials: Record<string, string>[];
    errors?: { pointer: string; code: string; detail: string }[];
  };
  text: string;
}

async function call(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${admin}`,
      ...given({ 'content-type': body === undefined ? undefined : 'application/json' }),
      ...headers,
    },
    ...given({ payload: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: response.statusCode,
    body: (response.body === '' ? {} : response.json()) as Answer['body'],
    text: response.body,
  };
}

const full = (name: string) => ({
  name,
  scope: 'role=db and not db-9',
  loginUser: 'ops',
  become: { kind: 'sudo', user: 'postgres', password: BECOME },
  environment: 'login',
  isDefault: true,
  priority: 5,
  credentials: [
    { kind: 'key', privateKey: KEY, passphrase: PASSPHRASE },
    { kind: 'password', password: PASSWORD },
    { kind: 'agent', name: 'bastion', socket: '/run/agent.sock' },
  ],
});

async function host(name: string, labels: Record<string, string>, accountId: string | null = null): Promise<void> {
  await api.database.query(
    'INSERT INTO host (id, name, labels, account_id, created_at_ms) VALUES (gen_random_uuid(), $1, $2, $3, 1)',
    [name, JSON.stringify(labels), accountId],
  );
}

async function audits(action: string): Promise<Record<string, unknown>[]> {
  return (await call('GET', `/audit?action=${action}`)).body.items as Record<string, unknown>[];
}

describe('an account', () => {
  it('takes secrets in, tells what may be known of them, and opens them for a connection', async () => {
    const created = await call('POST', '/accounts', full('db'));
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      name: 'db',
      scope: 'role=db and not db-9',
      loginUser: 'ops',
      become: { kind: 'sudo', user: 'postgres', hasPassword: true },
      environment: 'login',
      isDefault: true,
      priority: 5,
      version: 1,
    });
    expect(created.body.credentials.map(({ kind, name, type }) => [kind, name, type])).toEqual([
      ['key', 'key', 'ssh-rsa'],
      ['password', 'password', undefined],
      ['agent', 'bastion', undefined],
    ]);
    expect(created.body.credentials[0]!.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    const opened = await accountOpen({ store: api.store, sealer }, created.body.id as AccountId);
    expect(opened.user).toBe('ops');
    expect(opened.become).toEqual({ kind: 'sudo', user: 'postgres', password: BECOME });
    expect(opened.credentials).toEqual([
      { kind: 'key', name: 'key', privateKey: KEY, passphrase: PASSPHRASE },
      { kind: 'password', name: 'password', password: PASSWORD },
      { kind: 'agent', name: 'bastion', socket: '/run/agent.sock' },
    ]);
  });

  it('changes in parts: what is not given stays, secrets too', async () => {
    const { body } = await call('POST', '/accounts', full('parts'));
    const [key, password] = body.credentials;
    const changed = await call('PATCH', '/accounts/parts', {
      priority: 7,
      credentials: [
        { kind: 'keep', id: password!.id },
        { kind: 'keyboard-interactive', password: 'another one' },
        { kind: 'keep', id: key!.id },
      ],
    });
    expect(changed.body).toMatchObject({
      priority: 7,
      version: 2,
      scope: 'role=db and not db-9',
      become: { kind: 'sudo', user: 'postgres', hasPassword: true },
    });
    const opened = await accountOpen({ store: api.store, sealer }, body.id as AccountId);
    expect(opened.credentials.map(({ kind }) => kind)).toEqual(['password', 'keyboard-interactive', 'key']);
    expect(opened.become).toMatchObject({ password: BECOME });
    // Without a password of its own, sudo is answered with that of the login.
    await call('PATCH', '/accounts/parts', { become: { kind: 'sudo', user: 'postgres', password: null } });
    expect((await accountOpen({ store: api.store, sealer }, body.id as AccountId)).become).toEqual({
      kind: 'sudo',
      user: 'postgres',
      password: PASSWORD,
    });
    await call('PATCH', '/accounts/parts', { become: { kind: 'direct' } });
    expect((await accountOpen({ store: api.store, sealer }, body.id as AccountId)).become).toEqual({ kind: 'direct' });
    expect(await api.database.query('SELECT id FROM account_secret WHERE account_id = $1', [body.id])).toHaveLength(3);
  });

  it('tells every fault of an input at once, and none of the values', async () => {
    const answer = await call('POST', '/accounts', {
      name: 'faulty',
      scope: 'role=db and',
      loginUser: '-rf',
      become: { kind: 'su', user: 'a b', password: `${PASSWORD}\n` },
      credentials: [
        { kind: 'key', privateKey: KEY, passphrase: 'wrong-unmistakable' },
        { kind: 'password', password: '' },
        { kind: 'agent', socket: 'relative' },
        { kind: 'keep', id: '01936f2e-0000-4000-8000-000000000000' },
      ],
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors!.map(({ pointer }) => pointer)).toEqual([
      '#/scope',
      '#/loginUser',
      '#/become/user',
      '#/become/password',
      '#/credentials/0/privateKey',
      '#/credentials/1/password',
      '#/credentials/2/socket',
      '#/credentials/3/id',
    ]);
    expect(answer.body.errors![4]!.detail).toBe('The passphrase is wrong, or the key is damaged.');
    expect(answer.text).not.toMatch(/unmistakable/);
    expect((await call('GET', '/accounts/faulty')).body.code).toBe('account-not-found');
  });

  it('does not quote a body that is not JSON', async () => {
    const answer = await call('POST', '/accounts', `{"credentials":[{"kind":"password","password":"${PASSWORD}"x`);
    expect(answer.status).toBe(400);
    const broken = await call('POST', '/accounts', `${PASSWORD}`);
    expect(broken.status).toBe(400);
    expect(answer.text + broken.text).not.toMatch(/unmistakable/);
  });

  it('has a name of its own, as many credentials as sshd lets one try, and one writer at a time', async () => {
    await call('POST', '/accounts', full('twin'));
    expect((await call('POST', '/accounts', full('twin'))).body.code).toBe('account-name-taken');
    await call('POST', '/accounts', full('other'));
    expect((await call('PATCH', '/accounts/other', { name: 'twin' })).body.code).toBe('account-name-taken');
    const passwords = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ kind: 'password', name: `p${i}`, password: `password ${i}` }));
    expect(
      (await call('PATCH', '/accounts/other', { credentials: passwords(limits.credentialsPerAccountMax + 1) })).status,
    ).toBe(400);
    expect(
      (await call('PATCH', '/accounts/other', { credentials: passwords(limits.credentialsPerAccountMax) })).status,
    ).toBe(200);
    const record = (await api.store.accountFetch('other'))!;
    const audit = { actor: { kind: 'system', id: 't', name: 't' }, action: 'test', target: 't', detail: {} } as const;
    expect((await api.store.accountReplace(record.id, record.version - 1, record, [], [], audit)).kind).toBe('changed');
    expect(await api.database.query('SELECT id FROM account_secret WHERE account_id = $1', [record.id])).toHaveLength(
      limits.credentialsPerAccountMax + 1,
    );
  });

  it('has keys and passwords of at most their limits', async () => {
    const attempt = async (credential: object) =>
      (await call('PATCH', '/accounts/other', { credentials: [credential] })).status;
    expect(await attempt({ kind: 'password', password: 'x'.repeat(limits.passwordBytesMax) })).toBe(200);
    expect(await attempt({ kind: 'password', password: 'x'.repeat(limits.passwordBytesMax + 1) })).toBe(400);
    expect(await attempt({ kind: 'password', password: 'ä'.repeat(limits.passwordBytesMax / 2 + 1) })).toBe(400);
    const padded = (bytes: number) => KEY.replace('\n\n', `\n${' '.repeat(bytes - KEY.length)}\n`);
    expect(
      (
        await call('PATCH', '/accounts/other', {
          credentials: [{ kind: 'key', privateKey: padded(limits.keyTextBytesMax + 1), passphrase: PASSPHRASE }],
        })
      ).body.code,
    ).toBe('bad-input');
  });

  it('is refused as one too many beyond the limit', async () => {
    const [{ count }] = (await api.database.query('SELECT count(*)::int AS count FROM account')) as [{ count: number }];
    await api.database.query(
      `INSERT INTO account (id, name, scope, login_user, become_kind, environment, is_default, priority, credentials, created_at_ms, changed_at_ms, created_by)
      SELECT gen_random_uuid(), 'filler-' || n, 'all', 'u', 'direct', 'clean', false, 0, '[]', 1, 1, '{"name":"t"}' FROM generate_series(1, $1) n`,
      [limits.accountsMax - 1 - count],
    );
    expect((await call('POST', '/accounts', full('last'))).status).toBe(201);
    expect((await call('POST', '/accounts', full('beyond'))).body.code).toBe('too-many-accounts');
    await api.database.query("DELETE FROM account WHERE name LIKE 'filler-%' OR name = 'last'");
  });

  it('stays while hosts name it, unless it is forced away; then work on them is refused', async () => {
    const { body } = await call('POST', '/accounts', full('leaving'));
    await host('db-leaving', { role: 'db' }, body.id);
    const refused = await call('DELETE', '/accounts/leaving');
    expect([refused.status, refused.body.code]).toEqual([409, 'account-in-use']);
    expect(refused.body.detail).toContain('db-leaving');
    expect((await call('DELETE', '/accounts/leaving?force=true')).status).toBe(204);
    expect((await call('GET', '/hosts/db-leaving/account')).body).toMatchObject({ code: 'account-not-found' });
    expect(await api.database.query('SELECT 1 FROM account_secret WHERE account_id = $1', [body.id])).toEqual([]);
    expect((await audits('access.account.remove'))[0]).toMatchObject({
      target: 'account/leaving',
      detail: { forced: true, hosts: 1 },
    });
  });
});

describe('the use of an account', () => {
  it('is audited once per run and account, however often it is told', async () => {
    const { body } = await call('POST', '/accounts', full('used'));
    const runId = newRunId(systemClock.nowMs());
    const actor = { kind: 'token', id: 'x', name: 'mia' } as const;
    const use = () =>
      accountUse({ store: api.store }, actor, runId, [
        { id: body.id as AccountId, name: 'used' },
        { id: body.id as AccountId, name: 'used' },
      ]);
    await Promise.all([use(), use(), use()]);
    const entries = (await audits('access.account.use')).filter(({ target }) => target === 'account/used');
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ actor: 'mia', detail: { run: runId } });
  });

  describe('by a run that is retried', () => {
    /** All hosts failed, on a server without owners; `db-ok` alone is within the scope later. */
    async function failedRun(body: object, path = '/runs'): Promise<string> {
      const command = { targets: 'db-ok,db-moved', script: 'true', name: 'n' };
      const run = await call('POST', path, path === '/runs' ? { ...command, ...body } : body);
      expect([run.status, run.text]).toEqual([201, expect.any(String)]);
      await api.database.query(
        "UPDATE execution SET state = 'failed', outcome = 'exited', exit_code = 1, finished_at_ms = 1 WHERE run_id = $1",
        [run.body.id],
      );
      await api.database.query(
        `UPDATE run SET state = 'failed', finished_at_ms = 1, counts = counts || '{"waiting": 0, "dispatched": 0, "failed": 2}'
         WHERE id = $1`,
        [run.body.id],
      );
      await api.database.query(
        "UPDATE task SET state = CASE task WHEN 0 THEN 'failed' ELSE 'skipped' END WHERE run_id = $1 AND state IS NOT NULL",
        [run.body.id],
      );
      await api.database.query('DELETE FROM run_active WHERE run_id = $1', [run.body.id]);
      return run.body.id;
    }
    const retry = (id: string) => call('POST', `/runs/${id}/retry`, { states: ['failed'] });
    beforeAll(async () => {
      for (const name of ['db-ok', 'db-moved'])
        expect(
          (await call('POST', '/hosts', { name, address: `${name}.invalid`, labels: { role: 'db' } })).status,
        ).toBe(201);
    });

    it('counts by the scope and the labels of now, for the hosts that are retried', async () => {
      await call('POST', '/accounts', { ...full('again'), scope: 'role=db', isDefault: false });
      const id = await failedRun({ account: 'again' });
      await call('PATCH', '/accounts/again', { scope: 'db-ok' });
      const refused = await retry(id);
      expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
        403,
        'account-out-of-scope',
        expect.stringMatching(/not be used on db-moved: its scope is db-ok/),
      ]);
      expect((await call('GET', `/runs/${id}`)).body).toMatchObject({ state: 'failed', round: 1 });
      await api.database.query(
        "UPDATE execution SET state = 'succeeded', outcome = 'exited', exit_code = 0 WHERE run_id = $1 AND host_name = 'db-moved'",
        [id],
      );
      expect((await retry(id)).status).toBe(201);
      expect((await retry(id)).body.code).toBe('run-not-finished');
    });

    it('tells which step it is whose account is gone, or may not be used any more', async () => {
      for (const name of ['narrow', 'gone'])
        await call('POST', '/accounts', { ...full(name), scope: 'role=db', isDefault: false });
      const step = (account: string): string => `- { step: ${account}, command: [x], account: ${account} }`;
      for (const job of ['narrow', 'gone']) {
        const definition = `job: ${job}\ntargets: db-ok,db-moved\nstages:\n- stage: s\n  steps:\n  - { step: a, command: [x] }\n  ${step(job)}\n`;
        expect((await call('POST', '/jobs', { definition })).status).toBe(200);
        expect((await call('POST', `/jobs/${job}/versions/1/publish`, {})).status).toBe(200);
      }
      const [narrow, gone] = [await failedRun({}, '/jobs/narrow/runs'), await failedRun({}, '/jobs/gone/runs')];
      await call('PATCH', '/accounts/narrow', { scope: 'db-ok' });
      await call('DELETE', '/accounts/gone?force=true');
      const details = [(await retry(narrow)).body.detail, (await retry(gone)).body.detail];
      expect(details).toEqual([
        expect.stringMatching(/^Step s\/narrow: The account narrow may not be used on db-moved/),
        expect.stringMatching(/^Step s\/gone: The account that it worked with was removed since/),
      ]);
    });

    it('is refused without the permission, and when the account is gone', async () => {
      await call('POST', '/accounts', { ...full('brief'), scope: 'role=db', isDefault: true });
      const [asked, byDefault] = [await failedRun({ account: 'brief' }), await failedRun({})];
      const ctx = {
        store: api.store,
        hosts: new HostView(api.store),
        sealer,
        clock: systemClock,
        log: silentLog,
        definitions: new JobDefinitions(),
        ownership: { owned: () => [], create: () => undefined, wake: () => undefined },
      };
      const caller = {
        actor: { kind: 'token', id: 'x', name: 'mia' },
        requestId: 'r',
        can: (permission: string) => permission !== 'access.account.use',
      } as const;
      for (const id of [asked, byDefault])
        await expect(runRetry(ctx, caller, id as RunId, ['failed'])).rejects.toMatchObject({
          code: 'permission-denied',
          detail: expect.stringContaining('access.account.use'),
        });
      await call('DELETE', '/accounts/brief?force=true');
      const gone = (await retry(asked)).body;
      expect([gone.code, gone.detail]).toEqual([
        'account-not-found',
        expect.stringMatching(/^The account .* was removed/),
      ]);
      expect((await retry(newRunId(systemClock.nowMs()))).body.code).toBe('run-not-found');
    });
  });

  it('is explained for a host', async () => {
    await host('db-7', { role: 'db' });
    const asked = await call('GET', '/hosts/db-7/account?as=used');
    expect(asked.body).toEqual({
      host: 'db-7',
      account: 'used',
      why: 'The run asks for it, and its scope covers the host.',
    });
    await host('db-9', { role: 'db' });
    expect((await call('GET', '/hosts/db-9/account?as=used')).body).toMatchObject({ code: 'account-out-of-scope' });
    expect((await call('GET', '/hosts/nobody/account')).body.code).toBe('host-not-found');
    const choose = await accountChoices({ store: api.store });
    expect(choose({ name: 'db-7', labels: { role: 'db' } }, 'used')).toMatchObject({
      kind: 'chosen',
      account: { name: 'used' },
    });
    expect((await api.store.accountIdsByName(['used', 'nobody'])).size).toBe(1);
  });
});

describe('secrets', () => {
  it('are nowhere in the database but sealed, also not in audit, idempotency keys and their digests', async () => {
    await call('POST', '/accounts', full('dumped'), { 'idempotency-key': 'dump-1' });
    const again = await call('POST', '/accounts', full('dumped'), { 'idempotency-key': 'dump-1' });
    expect(again.status).toBe(201);
    expect(
      (await call('POST', '/accounts', { ...full('dumped'), priority: 6 }, { 'idempotency-key': 'dump-1' })).body.code,
    ).toBe('idempotency-key-reused');
    const tables = await api.database.query(
      "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'",
    );
    const keyLine = KEY.split('\n')[5]!;
    for (const { name } of tables) {
      // Bytes as they are and as text, as a dump would hold them.
      for (const { row } of await api.database.query(`SELECT t::text AS row FROM ${String(name)} t`)) {
        const bytes = [...String(row).matchAll(/\\x([0-9a-f]+)/g)]
          .map((match) => Buffer.from(match[1]!, 'hex').toString('latin1'))
          .join('\n');
        for (const secret of [PASSWORD, PASSPHRASE, BECOME, keyLine])
          expect(`${String(row)}\n${bytes}`.includes(secret), `${String(name)} holds a secret`).toBe(false);
      }
    }
  });

  it('do not open in another row', async () => {
    const one = (await call('POST', '/accounts', full('row-1'))).body;
    const two = (await call('POST', '/accounts', full('row-2'))).body;
    await api.database.query(
      'UPDATE account_secret t SET data_key = s.data_key, sealed = s.sealed FROM account_secret s WHERE t.account_id = $1 AND t.id = $2 AND s.account_id = $3 AND s.id = $4',
      [two.id, 'become', one.id, 'become'],
    );
    await expect(accountOpen({ store: api.store, sealer }, two.id as AccountId)).rejects.toMatchObject({
      code: 'secret-unreadable',
    });
  });
});
