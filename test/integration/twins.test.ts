/** A machine that looks like a host is not that host until it proves it or somebody says so; and who may change which label. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { given } from '../../src/base/given.ts';
import { newId, type HostId } from '../../src/base/ids.ts';
import { certificateRequest, newKey, signWith } from '../../src/pki/identity.ts';
import type { Role } from '../../src/domain/access/permission.ts';
import { hashSecret, joinProofMessage, newSecret } from '../../src/pki/join-token.ts';
import { testApi, type TestApi } from '../support/api.ts';
import { runCli } from '../support/up.ts';

type Body = Record<string, unknown>;
type Answer = { status: number; body: Body };

let api: TestApi;
const tokens = {} as Record<'admin' | 'operator', string>;
beforeAll(async () => {
  api = await testApi();
  for (const role of ['admin', 'operator'] as const) tokens[role] = await api.token(role, 600_000);
});
afterAll(() => api.close());
let n = 0;
let name: string;
beforeEach(() => {
  name = `box-${++n}`;
});

async function call(
  method: 'GET' | 'POST' | 'DELETE' | 'PATCH',
  path: string,
  body?: unknown,
  role: Exclude<Role, 'viewer'> = 'admin',
): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${tokens[role]}`,
      ...given({ 'content-type': body === undefined ? undefined : 'application/json' }),
    },
    ...given({ payload: body === undefined ? undefined : JSON.stringify(body) }),
  });
  return { status: response.statusCode, body: (response.body === '' ? {} : response.json()) as Body };
}

async function secretOf(token: Body = {}): Promise<string> {
  const { body } = await call('POST', '/join-tokens', token);
  return (JSON.parse(Buffer.from((body.token as string).slice(4), 'base64url').toString()) as string[])[2]!;
}

interface Join {
  readonly token?: Body;
  readonly secret?: string;
  readonly machineId?: string;
  readonly labels?: Body;
  readonly key?: string;
  readonly previous?: { agentId: string; key: string };
}
async function join(hostName: string, more: Join = {}): Promise<Answer> {
  const csr = certificateRequest(more.key ?? newKey());
  const { previous } = more;
  const secret = more.secret ?? (await secretOf(more.token));
  return call('POST', '/agents/join', {
    secret,
    csr,
    name: hostName,
    machineId: more.machineId ?? `machine of ${hostName}`,
    labels: more.labels ?? {},
    ...given({
      previous: previous
        ? {
            agentId: previous.agentId,
            signatures: [signWith(previous.key, joinProofMessage(secret, csr)).toString('base64')],
          }
        : undefined,
    }),
  });
}
let listening: Promise<string> | undefined;
const url = (): Promise<string> => (listening ??= api.app.listen({ host: '127.0.0.1', port: 0 }));
const host = async (idOrName: unknown): Promise<Body> => (await call('GET', `/hosts/${String(idOrName)}`)).body;
const targets = async (expression: string): Promise<Answer> =>
  call('POST', '/runs', { targets: expression, command: ['true'] });

describe('a machine that joins with the machine id of a host', () => {
  it('becomes a host of its own: it has no label, no agent and no work of the other', async () => {
    const first = await join(name, { token: { labels: { role: 'db' } } });
    const clone = await join(name);
    expect(clone).toMatchObject({ status: 201, body: { twinOf: name, labels: {} } });
    expect(clone.body.hostId).not.toBe(first.body.hostId);
    expect(await host(name)).toMatchObject({
      id: first.body.hostId,
      agentId: first.body.agentId,
      labels: { role: 'db' },
    });
    expect(await host(clone.body.name)).toMatchObject({ twinOf: name, labels: {} });
    expect((await call('GET', '/hosts?twins=true')).body.items).toMatchObject([
      { name: clone.body.name, twinOf: name },
    ]);
    expect((await call('GET', '/hosts?twins=false')).body.items).not.toContainEqual(
      expect.objectContaining({ name: clone.body.name }),
    );
    // Not by a pattern, and by its name with the reason.
    expect(await targets(`${name}*`)).toMatchObject({ status: 201, body: { hostCount: 1 } });
    expect(await targets(String(clone.body.name))).toMatchObject({ status: 409, body: { code: 'host-is-twin' } });
    await call('DELETE', `/hosts/${String(clone.body.name)}`);
  });

  it('is told as a twin, in the list of hosts and by itself', async () => {
    await join(name, { machineId: `id of ${name}` });
    const twin = (await join(name, { machineId: `id of ${name}` })).body.name as string;
    const env = { DROVER_URL: await url(), DROVER_TOKEN: tokens.admin };
    const line = (await runCli(['hosts', 'list'], env)).stdout.split('\n').find((one) => one.startsWith(twin));
    expect(line).toContain(`twin of ${name}: no work`);
    expect((await runCli(['hosts', 'show', twin], env)).stdout).toMatch(
      new RegExp(`^twin of +${name}: no work until somebody decides \\(drover hosts twins\\)$`, 'm'),
    );
  });

  it('is meant by no target expression, of a list or of labels either, and whoever names it is told why', async () => {
    await join(name);
    const twin = (await join(name)).body.name as string;
    const env = { DROVER_URL: await url(), DROVER_TOKEN: tokens.admin };
    const names = async (...words: string[]): Promise<string[]> =>
      (await runCli(['hosts', 'list', '-o', 'name', ...words], env)).stdout.trim().split('\n');
    expect(await names()).toContain(twin);
    for (const expression of ['all', `${name}*`, `not ${name}`])
      expect(await names('-t', expression)).not.toContain(twin);
    expect(await names('-t', `${name}*`)).toEqual([name]);
    expect((await runCli(['hosts', 'label', '-t', `${name}*`, 'touched=yes'], env)).stdout).toBe(
      `${name}: touched=yes\n`,
    );
    expect(await host(twin)).toMatchObject({ labels: {} });
    for (const words of [['list'], ['label', 'touched=yes']]) {
      const [verb, ...rest] = words as [string, ...string[]];
      const refused = await runCli(['hosts', verb, '-t', `${name},${twin}`, ...rest], env);
      expect([refused.code, refused.stderr]).toEqual([
        3,
        expect.stringContaining(`${twin} is a twin of ${name}`) as string,
      ]);
    }
    expect(await host(name)).toMatchObject({ labels: { touched: 'yes' } });
    // By its own name, without an expression, it is changed as any other.
    expect((await runCli(['hosts', 'label', twin, 'touched=yes'], env)).code).toBe(0);
  });

  it('is a twin also under a name of its own, and when two join at once one of them is', async () => {
    await join(name);
    expect(await join(`${name}-b`, { machineId: `machine of ${name}` })).toMatchObject({
      body: { twinOf: name, name: expect.stringMatching(new RegExp(`^${name}-b-twin-`)) as string },
    });
    const answers = await Promise.all(
      [1, 2, 3].map(async (i) => join(`${name}-at-once-${i}`, { machineId: `clone of ${name}` })),
    );
    expect(answers.filter(({ body }) => body.twinOf === undefined)).toHaveLength(1);
  });

  it('is that host by a key of its agent, or by a token that was made for it', async () => {
    const key = newKey();
    const first = await join(name, { key });
    const proved = await join(name, { previous: { agentId: first.body.agentId as string, key } });
    expect(proved.body).toMatchObject({ hostId: first.body.hostId, agentId: first.body.agentId, name });
    const made = await join('whatever', { token: { host: name }, machineId: `machine of ${name}` });
    expect(made.body).toMatchObject({ hostId: first.body.hostId, replaced: first.body.agentId, name });
    const installed = await join(name, { secret: await installSecret(name) });
    expect(installed.body).toMatchObject({ hostId: first.body.hostId, replaced: made.body.agentId });
  });

  it('is a twin no more when it is taken as a machine of its own', async () => {
    await join(name);
    const { body } = await join(name);
    const path = `/hosts/${String(body.name)}/twin`;
    expect(await call('POST', `${path}/accept`, undefined, 'operator')).toMatchObject({ status: 403 });
    expect(await call('POST', `${path}/accept`)).toMatchObject({ status: 200, body: { id: body.hostId } });
    expect(await host(body.name)).not.toHaveProperty('twinOf');
    expect(await targets(`${name}*`)).toMatchObject({ body: { hostCount: 2 } });
    for (const decision of ['accept', 'replace'])
      expect(await call('POST', `${path}/${decision}`)).toMatchObject({ status: 409, body: { code: 'host-not-twin' } });
    // The next clone is told again.
    expect((await join(name)).body).toHaveProperty('twinOf');
  });

  it('takes the place of the host that it is, with everything that was set for it', async () => {
    const { body: jump } = await call('POST', '/hosts', { name: `${name}-behind`, address: 'b.example' });
    const first = await join(name, { token: { labels: { role: 'db' } } });
    await call('PATCH', `/hosts/${name}`, { address: 'db.example', port: 2222, hostKeyPolicy: 'strict' });
    await call('PATCH', `/hosts/${name}-behind`, { jumpHost: name });
    const length = (bytes: number): Buffer => Buffer.from([0, 0, 0, bytes]);
    const key = Buffer.concat([length(11), Buffer.from('ssh-ed25519'), length(32), Buffer.alloc(32, 7)]).toString(
      'base64',
    );
    expect(await call('POST', '/host-keys/import', { hosts: [{ host: name, keys: [key] }] })).toMatchObject({
      status: 200,
    });
    const twin = await join(name, { token: { labels: { fresh: 'yes' } } });
    expect(await call('POST', `/hosts/${String(twin.body.name)}/twin/replace`)).toMatchObject({
      status: 200,
      body: {
        id: twin.body.hostId,
        name,
        address: 'db.example',
        port: 2222,
        hostKeyPolicy: 'strict',
        labels: { role: 'db', fresh: 'yes' },
      },
    });
    expect(await host(jump.id)).toMatchObject({ jumpHost: name });
    expect(await call('GET', `/hosts/${String(first.body.hostId)}`)).toMatchObject({ status: 404 });
    expect(await call('GET', `/agents/${String(first.body.agentId)}`)).toMatchObject({ body: { state: 'revoked' } });
    expect(await call('GET', `/agents/${String(twin.body.agentId)}`)).toMatchObject({ body: { state: 'active' } });
    expect((await call('GET', `/hosts/${name}/keys`)).body.items).toHaveLength(1);
  });

  it('takes no place while work is under way on the host that it is', async () => {
    await join(name);
    expect(await targets(name)).toMatchObject({ status: 201 });
    const { body } = await join(name);
    expect(await call('POST', `/hosts/${String(body.name)}/twin/replace`)).toMatchObject({
      status: 409,
      body: { code: 'host-in-use' },
    });
  });
});

describe('labels of a token', () => {
  it('hold against what the machine says, when it joins and when it joins again', async () => {
    const key = newKey();
    const first = await join(name, { token: { labels: { env: 'test' } }, labels: { env: 'prod', rack: '1' }, key });
    expect(first.body.labels).toEqual({ env: 'test', rack: '1' });
    const again = await join(name, {
      token: { labels: { env: 'lab' } },
      labels: { env: 'prod', rack: '2' },
      previous: { agentId: first.body.agentId as string, key },
    });
    expect(again.body.labels).toEqual({ env: 'lab', rack: '2' });
    expect(await host(name)).toMatchObject({ labels: { env: 'lab', rack: '2' } });
  });
});

describe('a label that the scope of an account counts on', () => {
  const refused = { status: 403, body: { code: 'label-protected' } };
  let label: string;
  beforeEach(async () => {
    label = `role${n}`;
    expect(
      await call('POST', '/accounts', {
        name: `acc-${n}`,
        scope: `${label}=web and not tier${n}=gold`,
        loginUser: 'root',
        credentials: [{ kind: 'password', name: 'p', password: 'correct horse' }],
      }),
    ).toMatchObject({ status: 201 });
    await call('POST', '/hosts', { name, address: 'x.example', labels: { [label]: 'db', [`tier${n}`]: 'gold' } });
  });

  it('is changed by who manages accounts alone: set, changed or taken off', async () => {
    const path = `/hosts/${name}/labels`;
    for (const change of [{ set: { [label]: 'web' } }, { set: { a: 'b', [label]: 'web' } }, { remove: [`tier${n}`] }]) {
      const answer = await call('PATCH', path, change, 'operator');
      expect(answer).toMatchObject(refused);
      expect(answer.body.detail).toMatch(/access\.account\.edit/);
      expect(answer.body.detail).toContain(`acc-${n}`);
    }
    expect(await host(name)).toMatchObject({ labels: { [label]: 'db', [`tier${n}`]: 'gold' } });
    // Others are free, and so is what changes nothing.
    expect(await call('PATCH', path, { set: { note: 'x', [label]: 'db' } }, 'operator')).toMatchObject({ status: 200 });
    expect(await call('PATCH', path, { set: { [label]: 'web' } })).toMatchObject({ status: 200 });
  });

  it('is set by no machine that joins, unless its token says so', async () => {
    const secret = await secretOf();
    const wants = { [label]: 'web' };
    expect(await join(`${name}-new`, { secret, labels: wants })).toMatchObject(refused);
    expect(await join(`${name}-new`, { secret, labels: { other: 'x' } })).toMatchObject({ status: 201 });
    expect(await join(`${name}-c`, { token: { labels: wants } })).toMatchObject({
      status: 201,
      body: { labels: wants },
    });
    expect(await join(`${name}-d`, { token: { labels: wants }, labels: wants })).toMatchObject({ status: 201 });
    const key = newKey();
    const known = await join(`${name}-e`, { token: { labels: wants }, key });
    const previous = { agentId: known.body.agentId as string, key };
    expect(await join(`${name}-e`, { previous, labels: { [label]: 'db' } })).toMatchObject(refused);
    // What it is already, it may say.
    expect(await join(`${name}-e`, { previous, labels: wants })).toMatchObject({ status: 201 });
    // A twin has nothing of the other.
    expect(await join(`${name}-e`, { labels: wants })).toMatchObject(refused);
  });

  it('is changed by no import of who may import but not manage accounts', async () => {
    const guarded = new Map([[label, 'acc']]);
    const entry = { actor: { kind: 'token' as const, id: 't', name: 't' }, action: 'x', target: 'hosts', detail: {} };
    const how = { dryRun: false, onlyNew: false, guarded };
    for (const entries of [
      [{ name, labels: { [label]: 'web' } }],
      [{ name: `${name}-fresh`, address: 'y.example', labels: { [label]: 'web' } }],
    ])
      expect(await api.store.hostImport(entries, how, entry)).toMatchObject({
        kind: 'refused',
        faults: [{ field: 'labels', code: 'label-protected' }],
      });
    const id = (await host(name)).id as HostId;
    expect(await api.store.hostEdit(id, { labels: { [label]: 'web' } }, guarded, entry)).toMatchObject({
      kind: 'refused',
      faults: [{ code: 'label-protected' }],
    });
    expect(await api.store.hostImport([{ name, labels: { [label]: 'db', z: '1' } }], how, entry)).toMatchObject({
      kind: 'done',
    });
  });
});

/** As `drover agents install` makes it. */
async function installSecret(hostName: string): Promise<string> {
  const secret = newSecret();
  await api.store.joinTokenCreate(
    {
      id: newId<'token'>(),
      role: 'agent',
      labels: {},
      zone: 'default',
      uses: 1,
      lifetimeMs: 60_000,
      hosts: [{ id: (await host(hostName)).id as HostId, hash: hashSecret(secret) }],
    },
    { actor: { kind: 'system', id: 't', name: 't' }, action: 'x', target: 'x', detail: {} },
  );
  return secret;
}
