import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sshAccess, sshHostKeyRecord } from '../../src/app/ssh-access.ts';
import { given } from '../../src/base/given.ts';
import { newId, type HostId, type WorkerId } from '../../src/base/ids.ts';
import { limits } from '../../src/base/limits.ts';
import { hostKeyFingerprint } from '../../src/app/host-key.ts';
import { certificateRequest, newKey } from '../../src/pki/identity.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { HostAccess } from '../../src/store/contract/host-access.ts';
import { testApi, type TestApi } from '../support/api.ts';

type Body = Record<string, unknown>;
type Answer = { status: number; body: Body };

let api: TestApi;
let token: string;
beforeAll(async () => {
  api = await testApi();
  token = await api.token('admin');
});
afterAll(() => api.close());

async function call(method: 'GET' | 'POST' | 'DELETE' | 'PATCH', path: string, body?: unknown): Promise<Answer> {
  const response = await api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      authorization: `Bearer ${token}`,
      ...given({ 'content-type': body === undefined ? undefined : 'application/json' }),
    },
    ...given({ payload: body === undefined ? undefined : JSON.stringify(body) }),
  });
  return { status: response.statusCode, body: (response.body === '' ? {} : response.json()) as Body };
}

const add = async (name: string, more: Body = {}): Promise<HostId> => {
  const { status, body } = await call('POST', '/hosts', { name, address: `${name}.example`, ...more });
  expect({ status, body }).toMatchObject({ status: 201 });
  return body.id as HostId;
};
const pointers = ({ body }: Answer): string[] =>
  (body.errors as { pointer: string; code: string }[]).map((fault) => `${fault.pointer} ${fault.code}`);
const auditOf = async (action: string): Promise<Body[]> =>
  (await call('GET', `/audit?action=${action}&limit=1000`)).body.items as Body[];

/** A key as a server shows it: its kind, then bytes. */
function publicKey(seed: string, algorithm = 'ssh-ed25519'): Buffer {
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return Buffer.concat([part(Buffer.from(algorithm)), part(createHash('sha256').update(seed).digest())]);
}

async function account(name: string): Promise<void> {
  expect(
    await call('POST', '/accounts', {
      name,
      scope: 'all',
      loginUser: 'root',
      credentials: [{ kind: 'password', name: 'p', password: 'correct horse' }],
    }),
  ).toMatchObject({ status: 201 });
}

describe('a host without an agent', () => {
  it('is added with all that is said of it, and shown so', async () => {
    await account('ops');
    await add('bastion');
    await add('full', {
      port: 2222,
      zone: 'dc1',
      labels: { role: 'web' },
      account: 'ops',
      jumpHost: 'bastion',
      hostKeyPolicy: 'strict',
      algorithms: { cipher: ['aes128-ctr'] },
    });
    const { body } = await call('GET', '/hosts/full');
    expect(body).toMatchObject({
      name: 'full',
      address: 'full.example',
      port: 2222,
      zone: 'dc1',
      labels: { role: 'web' },
      account: 'ops',
      jumpHost: 'bastion',
      hostKeyPolicy: 'strict',
      algorithms: { cipher: ['aes128-ctr'] },
      reachableBy: ['ssh'],
      linked: false,
      facts: {},
    });
    expect(((await call('GET', '/hosts')).body.items as Body[]).map((host) => host.name)).toEqual(['bastion', 'full']);
    expect((await call('POST', '/runs/preview', { targets: 'role=web' })).body).toMatchObject({ hosts: ['full'] });
  });

  it('is refused with every fault at once, and nothing of it stays', async () => {
    expect(
      pointers(
        await call('POST', '/hosts', {
          name: '-x',
          address: '-oProxyCommand=x',
          port: 0,
          nonsense: 1,
          hostKeyPolicy: 'never',
          labels: { 'a b': 'c' },
          algorithms: { cipher: [] },
        }),
      ).toSorted(),
    ).toEqual([
      '# bad-input',
      '#/address bad-input',
      '#/algorithms/cipher bad-input',
      '#/hostKeyPolicy bad-input',
      '#/labels/a b bad-input',
      '#/name bad-input',
      '#/port bad-input',
    ]);
    expect(
      pointers(
        await call('POST', '/hosts', { name: 'nowhere', address: 'x', account: 'nobody', jumpHost: 'nothing' }),
      ).toSorted(),
    ).toEqual(['#/account account-not-found', '#/jumpHost host-not-found']);
    expect(await call('GET', '/hosts/nowhere')).toMatchObject({ status: 404, body: { code: 'host-not-found' } });
    expect(await call('POST', '/hosts', { name: 'full', address: 'other' })).toMatchObject({
      status: 409,
      body: { code: 'host-name-taken' },
    });
    expect((await call('GET', '/hosts/full')).body).toMatchObject({ address: 'full.example' });
  });

  it('is changed field by field, renamed, and keeps its id', async () => {
    const id = await add('before', { account: 'ops', labels: { a: '1' } });
    expect(
      (await call('PATCH', '/hosts/before', { name: 'after', port: 2022, account: null, labels: { b: '2' } })).body,
    ).toMatchObject({ id, name: 'after', port: 2022, address: 'before.example', labels: { a: '1', b: '2' } });
    expect((await call('GET', `/hosts/${id}`)).body).not.toHaveProperty('account');
    expect(await call('PATCH', '/hosts/after', { name: 'full' })).toMatchObject({
      status: 409,
      body: { code: 'host-name-taken' },
    });
    expect(await call('PATCH', '/hosts/after', { address: null })).toMatchObject({ status: 400 });
    const [entry] = await auditOf('fleet.host-access.edit');
    expect(entry).toMatchObject({
      target: 'host/before',
      detail: {
        hosts: [
          {
            name: 'after',
            action: 'updated',
            changes: expect.arrayContaining([{ field: 'name', from: 'before', to: 'after' }]) as unknown,
          },
        ],
      },
    });
  });

  it('that others jump through is not removed before them, and its keys go with it', async () => {
    const gate = await add('gate');
    await add('inner', { jumpHost: 'gate' });
    expect(await call('DELETE', '/hosts/gate')).toMatchObject({ status: 409, body: { code: 'host-is-jump-host' } });
    expect(await call('PATCH', '/hosts/gate', { jumpHost: 'inner' })).toMatchObject({
      status: 422,
      body: { code: 'jump-path-invalid' },
    });
    await api.store.hostKeyRecord(gate, { algorithm: 'ssh-ed25519', key: publicKey('gate') }, { zone: 'default' });
    expect(await call('DELETE', '/hosts/inner')).toMatchObject({ status: 204 });
    expect(await call('DELETE', '/hosts/gate')).toMatchObject({ status: 204 });
    expect(await api.database.query('SELECT 1 FROM host_key WHERE host_id = $1', [gate])).toEqual([]);
    expect(await api.store.hostAccess(gate)).toEqual({ kind: 'not-found' });
  });

  it('two edits at once never close a circle', async () => {
    await add('left');
    await add('right');
    const answers = await Promise.all([
      call('PATCH', '/hosts/left', { jumpHost: 'right' }),
      call('PATCH', '/hosts/right', { jumpHost: 'left' }),
    ]);
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 422]);
  });
});

describe('an import', () => {
  const hosts = [
    { name: 'i-1', address: '10.0.0.1', jumpHost: 'i-2' },
    { name: 'i-2', address: '10.0.0.2', labels: { role: 'gate' } },
    { name: 'full', port: 2022, account: 'ops' },
  ];

  it('is told before it is done, done once, and finds nothing to do again', async () => {
    const wanted = {
      created: 2,
      updated: 1,
      unchanged: 0,
      hosts: [
        { name: 'i-1', action: 'created' },
        { name: 'i-2', action: 'created' },
        { name: 'full', action: 'updated', changes: [{ field: 'port', from: 2222, to: 2022 }] },
      ],
    };
    expect((await call('POST', '/hosts/import', { hosts, dryRun: true })).body).toMatchObject({
      dryRun: true,
      ...wanted,
    });
    expect(await call('GET', '/hosts/i-1')).toMatchObject({ status: 404 });
    expect((await call('POST', '/hosts/import', { hosts })).body).toMatchObject({ dryRun: false, ...wanted });
    expect((await call('GET', '/hosts/i-1')).body).toMatchObject({ address: '10.0.0.1', jumpHost: 'i-2' });
    const audited = (await auditOf('fleet.host.import')).length;
    expect((await call('POST', '/hosts/import', { hosts })).body).toMatchObject({
      created: 0,
      updated: 0,
      unchanged: 3,
    });
    expect(await auditOf('fleet.host.import')).toHaveLength(audited);
  });

  it('tells accounts by name, and is refused whole for one fault', async () => {
    await account('other');
    expect(
      (await call('POST', '/hosts/import', { hosts: [{ name: 'full', account: 'other' }], dryRun: true })).body.hosts,
    ).toEqual([{ name: 'full', action: 'updated', changes: [{ field: 'account', from: 'ops', to: 'other' }] }]);
    const answer = await call('POST', '/hosts/import', {
      hosts: [
        { name: 'good', address: 'good' },
        { name: 'bad' },
        { name: 'worse', address: 'w', account: 'nobody', jumpHost: 'nothing' },
        { name: 'good', address: 'again' },
      ],
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad-input' } });
    expect(pointers(answer).toSorted()).toEqual([
      '#/hosts/1/address bad-input',
      '#/hosts/2/account account-not-found',
      '#/hosts/2/jumpHost host-not-found',
      '#/hosts/3/name bad-input',
    ]);
    expect(await call('GET', '/hosts/good')).toMatchObject({ status: 404 });
  });

  it('of as many hosts as may be goes through, on record with every name; one more is refused', async () => {
    const many = Array.from({ length: limits.hostsPerImportMax }, (_, i) => ({
      name: `many-${i}`,
      address: `10.1.${i >> 8}.${i & 255}`,
      labels: { bulk: 'yes' },
      zone: 'bulk',
    }));
    expect(await call('POST', '/hosts/import', { hosts: [...many, { name: 'one-more', address: 'x' }] })).toMatchObject(
      { status: 400 },
    );
    expect((await call('POST', '/hosts/import', { hosts: many })).body).toMatchObject({ created: many.length });
    expect(
      (await auditOf('fleet.host.import'))
        .flatMap((entry) => (entry.detail as { hosts: Body[] }).hosts.map((host) => host.name))
        .filter((name) => String(name).startsWith('many-')),
    ).toHaveLength(many.length);
    expect((await call('POST', '/hosts/import', { hosts: many })).body).toMatchObject({ unchanged: many.length });
    await api.database.query("UPDATE host SET removed_at_ms = 1 WHERE zone = 'bulk'");
  });

  it('two of the same hosts at once make each host once', async () => {
    const same = Array.from({ length: 50 }, (_, i) => ({ name: `same-${i}`, address: 'x' }));
    const answers = await Promise.all([
      call('POST', '/hosts/import', { hosts: same }),
      call('POST', '/hosts/import', { hosts: same.toReversed() }),
    ]);
    expect(answers.map(({ body }) => [body.created, body.unchanged]).toSorted()).toEqual([
      [0, 50],
      [50, 0],
    ]);
  });
});

describe('the way to a host', () => {
  it('is a chain from the first jump host, with the keys that are believed', async () => {
    const [outer, inner] = [
      await add('outer', { port: 2200, account: 'ops' }),
      await add('mid', { jumpHost: 'outer' }),
    ];
    const end = await add('end', {
      jumpHost: 'mid',
      zone: 'far',
      hostKeyPolicy: 'strict',
      algorithms: { kex: ['curve25519-sha256'] },
    });
    const key = { algorithm: 'ssh-ed25519', key: publicKey('outer') };
    await api.store.hostKeyRecord(outer, key, { zone: 'far' });
    await api.store.hostKeyRecord(outer, { algorithm: 'ssh-ed25519', key: publicKey('impostor') }, { zone: 'far' });
    const access = (await api.store.hostAccess(end)) as HostAccess & { kind: 'access' };
    expect(access).toMatchObject({ kind: 'access', zone: 'far' });
    expect(access.hops).toEqual([
      {
        hostId: outer,
        hostName: 'outer',
        labels: {},
        address: 'outer.example',
        port: 2200,
        accountId: expect.any(String) as string,
        hostKeyPolicy: 'first-use',
        isOtherKeyShown: true,
        knownHostKeys: [key],
      },
      {
        hostId: inner,
        hostName: 'mid',
        labels: {},
        address: 'mid.example',
        port: 22,
        hostKeyPolicy: 'first-use',
        isOtherKeyShown: false,
        knownHostKeys: [],
      },
      {
        hostId: end,
        hostName: 'end',
        labels: {},
        address: 'end.example',
        port: 22,
        hostKeyPolicy: 'strict',
        algorithms: { kex: ['curve25519-sha256'] },
        isOtherKeyShown: false,
        knownHostKeys: [],
      },
    ]);
  });

  it('is told to a worker of its zone with the account of each stop, and to no other', async () => {
    const ctx = { store: api.store, sealer: createMasterKey(Buffer.alloc(32, 1)) };
    expect(
      await call('POST', '/accounts', {
        name: 'jumper',
        scope: 'hop',
        loginUser: 'hopper',
        credentials: [{ kind: 'password', name: 'p', password: 'over the gate' }],
        isDefault: true,
      }),
    ).toMatchObject({ status: 201 });
    expect(
      await call('POST', '/accounts', {
        name: 'boss',
        scope: 'goal',
        loginUser: 'ann',
        become: { kind: 'sudo', user: 'root' },
        credentials: [{ kind: 'password', name: 'p', password: 'of the goal' }],
      }),
    ).toMatchObject({ status: 201 });
    await add('hop', { algorithms: { cipher: ['aes128-ctr'] } });
    const goal = await add('goal', { jumpHost: 'hop', zone: 'inner', account: 'boss', hostKeyPolicy: 'strict' });
    expect(await sshAccess(ctx, 'inner', goal)).toMatchObject({
      hostId: goal,
      become: { kind: 'sudo', user: 'root', password: 'of the goal' },
      hops: [
        {
          address: 'hop.example',
          user: 'hopper',
          hostKeyPolicy: 'first-use',
          algorithms: { cipher: ['aes128-ctr'] },
          credentials: [{ kind: 'password', password: 'over the gate' }],
        },
        {
          hostId: goal,
          address: 'goal.example',
          user: 'ann',
          hostKeyPolicy: 'strict',
          knownHostKeys: [],
          credentials: [{ kind: 'password', password: 'of the goal' }],
        },
      ],
    });
    await expect(sshAccess(ctx, 'default', goal)).rejects.toMatchObject({ code: 'host-not-found' });
    const asked = (await api.store.accountIdsByName(['jumper'])).get('jumper')!;
    await expect(sshAccess(ctx, 'inner', goal, asked)).rejects.toMatchObject({ code: 'account-out-of-scope' });
    await call('PATCH', '/hosts/goal', { account: null });
    await expect(sshAccess(ctx, 'inner', goal)).rejects.toMatchObject({ code: 'account-missing' });
  });

  it('is recorded keys of by workers of the zones that it leads into only', async () => {
    const ctx = { store: api.store };
    const gate = await add('zone-gate');
    await add('zone-end', { zone: 'beyond', jumpHost: 'zone-gate' });
    const key = { algorithm: 'ssh-ed25519', key: publicKey('zone') };
    expect(await sshHostKeyRecord(ctx, 'elsewhere', gate, key)).toBe('refused');
    expect(await api.store.hostKeyList(gate)).toEqual([]);
    expect(await sshHostKeyRecord(ctx, 'beyond', gate, key)).toBe('recorded');
    expect(await sshHostKeyRecord(ctx, 'default', gate, key)).toBe('recorded');
    expect(await sshHostKeyRecord(ctx, 'default', gate, { algorithm: 'ssh-ed25519', key: publicKey('other') })).toBe(
      'refused',
    );
    expect(await api.store.hostKeyList(gate)).toMatchObject([
      { state: 'known', changedBy: 'a worker of beyond' },
      { state: 'offered' },
    ]);
  });

  it('is listed with a version that grows with each change, and hinted at', async () => {
    const first = await api.store.hostAccessList();
    if (first === 'unchanged') throw new Error('a list was asked for');
    expect(await api.store.hostAccessList(first.version)).toBe('unchanged');
    let listening: () => void;
    let hinted: () => void;
    const [isListening, isHinted] = [
      new Promise<void>((resolve) => (listening = resolve)),
      new Promise<void>((resolve) => (hinted = resolve)),
    ];
    const stop = api.store.listen(
      'hosts',
      () => hinted(),
      () => listening(),
    );
    await isListening;
    const id = await add('listed', { zone: 'z9' });
    const next = await api.store.hostAccessList(first.version);
    expect(next).toMatchObject({ hosts: expect.arrayContaining([{ id, name: 'listed', zone: 'z9' }]) as unknown });
    await call('PATCH', '/hosts/listed', { zone: 'z10' });
    await isHinted;
    stop();
  });
});

describe('a host key', () => {
  const worker = newId<'worker'>() as WorkerId;
  const record = (host: HostId, seed: string, algorithm?: string): Promise<string> =>
    api.store.hostKeyRecord(
      host,
      { algorithm: algorithm ?? 'ssh-ed25519', key: publicKey(seed, algorithm) },
      { zone: 'default', workerId: worker },
    );
  const keysOf = async (host: string): Promise<Body[]> =>
    (await call('GET', `/hosts/${host}/keys`)).body.items as Body[];

  it('is recorded at first use by whoever comes first, and known after that', async () => {
    const host = await add('k-first');
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => record(host, `racer-${i}`)));
    expect(answers.toSorted()).toEqual([...Array.from({ length: 7 }, () => 'changed'), 'recorded']);
    expect(await record(host, `racer-${answers.indexOf('recorded')}`)).toBe('known');
    expect((await keysOf('k-first')).filter((key) => key.state === 'known')).toHaveLength(1);
  });

  it('that is another one each time is told of in the audit a few times an hour, with how many there were', async () => {
    const host = await add('k-untold');
    await record(host, 'true');
    const offers = async (): Promise<Body[]> =>
      (await auditOf('fleet.host-key.offer'))
        .filter(({ target }) => target === 'host/k-untold')
        .map(({ detail }) => detail as Body)
        .toReversed();
    for (let n = 0; n < 45; n++) await record(host, `made-up-${n}`);
    const told = await offers();
    expect(told.map(({ untold }) => untold)).toEqual([...Array(5).fill(undefined), 4, 9, 19]);
    expect(told.map(({ fingerprint }) => fingerprint)).toEqual(
      [0, 1, 2, 3, 4, 9, 19, 39].map((n) => hostKeyFingerprint(publicKey(`made-up-${n}`))),
    );
    // The latest is kept for somebody to accept, told of or not; that of another host is told at once.
    expect((await keysOf('k-untold')).map(({ fingerprint }) => fingerprint)).toContain(
      hostKeyFingerprint(publicKey('made-up-44')),
    );
    await api.database.query('UPDATE host_key_offers SET since_ms = since_ms - 3600000 WHERE host_id = $1', [host]);
    await record(host, 'an hour later');
    expect((await offers()).at(-1)).toMatchObject({ untold: 5 });
  });

  it('that changed is kept as offered, told in the audit once, and believed only when accepted', async () => {
    const host = await add('k-changed');
    await record(host, 'old');
    expect([await record(host, 'new'), await record(host, 'new'), await record(host, 'new', 'ssh-rsa')]).toEqual([
      'changed',
      'changed',
      'changed',
    ]);
    expect((await auditOf('fleet.host-key.offer')).filter((entry) => entry.target === 'host/k-changed')).toHaveLength(
      2,
    );
    const fingerprint = hostKeyFingerprint(publicKey('new'));
    expect(await call('POST', `/hosts/k-changed/keys/${encodeURIComponent(fingerprint)}/accept`)).toMatchObject({
      status: 200,
      body: { state: 'known', origin: 'accepted', fingerprint },
    });
    expect([await record(host, 'new'), await record(host, 'old')]).toEqual(['known', 'changed']);
    expect((await auditOf('fleet.host-key.accept'))[0]).toMatchObject({
      target: 'host/k-changed',
      actor: 'admin',
      detail: { fingerprint, replaced: [hostKeyFingerprint(publicKey('old'))] },
    });
    expect(
      await call('POST', `/hosts/k-changed/keys/${encodeURIComponent(fingerprint.slice(7, 17))}/accept`),
    ).toMatchObject({ status: 200, body: { state: 'known' } });
  });

  it('is never taken at first use where the policy is strict', async () => {
    const host = await add('k-strict', { hostKeyPolicy: 'strict' });
    expect(await record(host, 'x')).toBe('changed');
    const offered = (await keysOf('k-strict'))[0]!;
    expect(offered).toMatchObject({ state: 'offered', changedBy: `worker ${worker}` });
    await call('POST', `/hosts/k-strict/keys/${encodeURIComponent(offered.fingerprint as string)}/accept`);
    expect(await record(host, 'x')).toBe('known');
  });

  it('is removed, and a host without keys is known anew', async () => {
    const host = await add('k-removed');
    await record(host, 'one');
    expect(
      await call('DELETE', `/hosts/k-removed/keys/${encodeURIComponent(hostKeyFingerprint(publicKey('one')))}`),
    ).toMatchObject({ status: 204 });
    expect(await call('DELETE', '/hosts/k-removed/keys/SHA256:nothing')).toMatchObject({
      status: 404,
      body: { code: 'host-key-not-found' },
    });
    expect(await call('DELETE', '/hosts/k-removed/keys/SHA')).toMatchObject({
      status: 404,
      body: { code: 'host-key-not-found' },
    });
    expect(await record(host, 'two')).toBe('recorded');
  });

  it('of an impostor that shows ever new ones does not pile up', async () => {
    const host = await add('k-flood');
    await record(host, 'true');
    for (let i = 0; i < 5; i++) await record(host, `false-${i}`);
    expect((await keysOf('k-flood')).map((key) => key.state)).toEqual(['known', 'offered']);
    for (let i = 0; i < limits.hostKeysPerHostMax + 3; i++) await record(host, 'odd', `kind-${i}`);
    expect(await keysOf('k-flood')).toHaveLength(limits.hostKeysPerHostMax);
    expect(await record(host, 'true')).toBe('known');
  });

  it('from elsewhere is believed, all or none', async () => {
    const host = await add('k-import');
    await record(host, 'seen');
    await record(host, 'offered');
    const base64 = (seed: string): string => publicKey(seed).toString('base64');
    const body = {
      hosts: [{ host: 'k-import', keys: [base64('seen'), base64('offered'), base64('more'), base64('more')] }],
    };
    expect((await call('POST', '/host-keys/import', body)).body).toEqual({ hosts: 1, added: 2 });
    expect((await call('POST', '/host-keys/import', body)).body).toEqual({ hosts: 1, added: 0 });
    expect([await record(host, 'offered'), await record(host, 'more')]).toEqual(['known', 'known']);
    expect(
      pointers(await call('POST', '/host-keys/import', { hosts: [{ host: 'k-import', keys: [base64('x'), 'AAAA'] }] })),
    ).toEqual(['#/hosts/0/keys/1 bad-input']);
    expect(
      pointers(
        await call('POST', '/host-keys/import', {
          hosts: [
            { host: 'nobody', keys: [base64('x')] },
            { host, keys: [base64('x')] },
            { host: newId(), keys: [base64('x')] },
          ],
        }),
      ),
    ).toEqual(['#/hosts/0/host host-not-found', '#/hosts/2/host host-not-found']);
    expect(
      await call('POST', '/host-keys/import', {
        hosts: [
          { host: 'k-import', keys: Array.from({ length: limits.hostKeysPerHostMax }, (_, i) => base64(`n-${i}`)) },
        ],
      }),
    ).toMatchObject({ status: 422, body: { code: 'too-many-host-keys' } });
    expect(await keysOf('k-import')).toHaveLength(3);
  });
});

describe('an agent', () => {
  const join = async (joinToken: Body, name: string, machineId = name): Promise<Answer> => {
    const created = await call('POST', '/join-tokens', joinToken);
    expect(created).toMatchObject({ status: 201 });
    const [, , secret] = JSON.parse(
      Buffer.from((created.body.token as string).slice(4), 'base64url').toString(),
    ) as string[];
    return call('POST', '/agents/join', { secret, csr: certificateRequest(newKey()), name, machineId });
  };

  it('does not become a host without an agent by its name alone', async () => {
    await add('claimed');
    expect(await join({}, 'claimed')).toMatchObject({
      status: 409,
      body: { code: 'host-name-taken', detail: expect.stringContaining('drover hosts join-token claimed') as string },
    });
  });

  it('becomes the host that its token was made for, whatever it calls itself, once', async () => {
    const id = await add('chosen', { labels: { a: '1' } });
    const joined = await join({ host: 'chosen', labels: { b: '2' } }, 'some-machine');
    expect(joined).toMatchObject({ status: 201, body: { hostId: id } });
    expect((await call('GET', '/hosts/chosen')).body).toMatchObject({
      id,
      address: 'chosen.example',
      agentId: joined.body.agentId,
      labels: { a: '1', b: '2' },
      reachableBy: ['ssh'],
    });
    expect(await join({ host: 'chosen' }, 'another-machine')).toMatchObject({
      status: 409,
      body: { code: 'host-name-taken' },
    });
    expect(await join({ host: 'chosen' }, 'some-machine')).toMatchObject({ status: 201, body: { hostId: id } });
    expect((await call('PATCH', '/hosts/chosen', { address: null })).body).not.toHaveProperty('address');
    expect(await api.store.hostAccess(id)).toEqual({ kind: 'no-address', hostName: 'chosen' });
  });

  it('takes over from one that was revoked, and none with a token for many or for workers', async () => {
    await add('reinstalled');
    const first = await join({ host: 'reinstalled' }, 'm1');
    await call('POST', `/agents/${first.body.agentId as string}/revoke`);
    expect(await join({ host: 'reinstalled' }, 'm2')).toMatchObject({
      status: 201,
      body: { hostId: first.body.hostId },
    });
    expect(await call('POST', '/join-tokens', { host: 'reinstalled', uses: 2 })).toMatchObject({ status: 400 });
    expect(await call('POST', '/join-tokens', { host: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'host-not-found' },
    });
  });
});
