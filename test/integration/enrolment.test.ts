/** Coming in and staying in: joining over pinned TLS, and renewals that survive a lost answer and refuse a stolen request. */
import { X509Certificate } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  agentJoin,
  certificateRenew,
  workerJoin,
  type AgentJoinResult,
  type EnrolmentContext,
} from '../../src/app/enrolment.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId, type AgentId, type TokenId, type WorkerId } from '../../src/base/ids.ts';
import { postJoin } from '../../src/enrol/join-client.ts';
import { silentLog } from '../../src/base/log.ts';
import { createPort, type Port } from '../../src/http/port.ts';
import { CertificateAuthority, fingerprint } from '../../src/pki/ca.ts';
import { certificateRequest, newAgentKey, newKey, signWith } from '../../src/pki/identity.ts';
import { formatJoinToken, hashSecret, joinProofMessage, newSecret, parseJoinToken } from '../../src/pki/join-token.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import type { AuditEntry } from '../../src/store/contract/audit.ts';
import { testApi, type TestApi } from '../support/api.ts';

const audit: AuditEntry = {
  actor: { kind: 'system', id: 'test', name: 'test' },
  action: 'test',
  target: 'test',
  detail: {},
};
let api: TestApi;
let ctx: EnrolmentContext;
const ports: Port[] = [];

beforeAll(async () => {
  api = await testApi();
  ctx = {
    store: api.store,
    clock: systemClock,
    ca: api.ca,
    masterKey: createMasterKey(Buffer.alloc(32, 1)),
    workers: () => [{ zone: 'default', address: '127.0.0.1:1' }],
  };
});
afterEach(() => Promise.all(ports.splice(0).map((port) => port.stop())));
afterAll(() => api.close());

async function secretFor(role: 'agent' | 'worker', lifetimeMs = 60_000, zone = 'default'): Promise<string> {
  const secret = newSecret();
  await api.store.joinTokenCreate(
    { id: newId<'token'>() as TokenId, hash: hashSecret(secret), role, labels: {}, zone, uses: 1, lifetimeMs },
    audit,
  );
  return secret;
}

/** The API on one port, with a certificate of `issuer`; says which requests came through. */
async function serve(issuer: CertificateAuthority, chain: string): Promise<{ url: string; paths: string[] }> {
  const key = newKey();
  const signed = await issuer.sign(
    { csr: certificateRequest(key), id: newId(), role: 'server', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
    systemClock.nowMs(),
  );
  const paths: string[] = [];
  const port = createPort({
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    tls: { key, cert: `${signed!.certificate}\n${chain}` },
    onUpgrade: (_request, socket) => !socket.destroy(),
    onRequest(request, response) {
      paths.push(request.url!);
      api.app.routing(request, response);
    },
  });
  await port.start();
  ports.push(port);
  return { url: `https://127.0.0.1:${port.address.port}`, paths };
}

function joinBody(
  secret: string,
  name = `host-${newId()}`,
): { secret: string; csr: string; name: string; machineId: string } {
  return { secret, csr: certificateRequest(newKey()), name, machineId: name };
}

describe('joining', () => {
  it('works with nothing but the token: address, authority and secret are in it', async () => {
    const { url } = await serve(api.ca, api.ca.certificate);
    const token = parseJoinToken(
      formatJoinToken({ url, fingerprint: fingerprint(api.ca.certificate), secret: await secretFor('agent') }),
    );
    const answer = await postJoin<AgentJoinResult>(token, '/api/v1/agents/join', () => joinBody(token.secret));
    expect(answer.ca).toBe(api.ca.certificate);
    expect(new X509Certificate(answer.certificate).subject.split('\n')).toEqual([
      `CN=${answer.agentId}`,
      'OU=agent',
      `O=${answer.hostId}`,
    ]);
  });

  it('tells its secret to no server of another authority', async () => {
    const stranger = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
    const { url, paths } = await serve(stranger, stranger.certificate);
    await expect(
      postJoin({ url, fingerprint: fingerprint(api.ca.certificate), secret: 's' }, '/api/v1/agents/join', () =>
        joinBody('s'),
      ),
    ).rejects.toMatchObject({ code: 'certificate-invalid' });
    expect(paths).toEqual([]);
  });

  it('is not deceived by a server that shows the right authority beside a certificate that it did not sign', async () => {
    const stranger = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
    const { url, paths } = await serve(stranger, api.ca.certificate);
    await expect(
      postJoin({ url, fingerprint: fingerprint(api.ca.certificate), secret: 's' }, '/api/v1/agents/join', () =>
        joinBody('s'),
      ),
    ).rejects.toMatchObject({ code: 'certificate-invalid' });
    expect(paths).toEqual([]);
  });

  it('is not deceived by an agent or worker of the fleet that plays the server', async () => {
    const key = newKey();
    const signed = await api.ca.sign(
      { csr: certificateRequest(key), id: newId(), role: 'worker', lifetimeMs: 3_600_000, names: ['127.0.0.1'] },
      systemClock.nowMs(),
    );
    const port = createPort({
      log: silentLog,
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      tls: { key, cert: `${signed!.certificate}\n${api.ca.certificate}` },
      onUpgrade: (_request, socket) => !socket.destroy(),
      onRequest: (_request, response) => response.end('{}'),
    });
    await port.start();
    ports.push(port);
    await expect(
      postJoin(
        { url: `https://127.0.0.1:${port.address.port}`, fingerprint: fingerprint(api.ca.certificate), secret: 's' },
        '/api/v1/agents/join',
        () => joinBody('s'),
      ),
    ).rejects.toMatchObject({ code: 'certificate-invalid' });
  });

  it('says which server was not reached', async () => {
    await expect(
      postJoin({ url: 'https://127.0.0.1:1', fingerprint: 'x', secret: 's' }, '/api/v1/agents/join', () => ({})),
    ).rejects.toMatchObject({ detail: expect.stringContaining('https://127.0.0.1:1') });
  });

  it.each([
    '',
    'drj_',
    'drj_!!!',
    'abc',
    `drj_${Buffer.from('["ftp://x","f","s"]').toString('base64url')}`,
    `drj_${Buffer.from('[1,2,3]').toString('base64url')}`,
  ])('with %j instead of a token says what a token is', (text) => {
    expect(() => parseJoinToken(text)).toThrow(
      expect.objectContaining({ code: 'join-token-invalid', detail: expect.stringContaining('drj_') }),
    );
  });

  it('with a token that has expired, is used up or is for another role is refused, each with its code', async () => {
    await expect(agentJoin(ctx, full(await secretFor('agent', -1)), 'r')).rejects.toMatchObject({
      code: 'join-token-expired',
    });
    const used = await secretFor('agent');
    await agentJoin(ctx, full(used), 'r');
    await expect(agentJoin(ctx, full(used), 'r')).rejects.toMatchObject({ code: 'join-token-expired' });
    await expect(agentJoin(ctx, full(await secretFor('worker')), 'r')).rejects.toMatchObject({
      code: 'join-token-invalid',
    });
  });

  it('under the name of another machine is refused; the same machine id is no proof and makes a twin', async () => {
    const first = await agentJoin(ctx, full(await secretFor('agent'), 'web-1', 'machine-a'), 'r');
    await expect(agentJoin(ctx, full(await secretFor('agent'), 'web-1', 'machine-b'), 'r')).rejects.toMatchObject({
      code: 'host-name-taken',
      detail: expect.stringContaining('web-1'),
    });
    const again = await agentJoin(ctx, full(await secretFor('agent'), 'web-1', 'machine-a'), 'r');
    expect(again).toMatchObject({ twinOf: 'web-1', name: expect.stringMatching(/^web-1-twin-[0-9a-f]{6}$/) });
    expect(again.hostId).not.toBe(first.hostId);
    expect(again.replaced).toBeUndefined();
    expect((await ctx.store.fleetLook()).revoked).not.toContain(first.agentId);
  });

  it('with a token that opens nothing costs the server no signature', async () => {
    const used = await secretFor('agent');
    await agentJoin(ctx, full(used), 'r');
    let signatures = 0;
    const ca: CertificateAuthority = new Proxy(api.ca, {
      get(target, name: keyof CertificateAuthority) {
        if (name === 'sign') signatures++;
        const value = target[name];
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });
    for (const [secret, code] of [
      ['unknown', 'join-token-invalid'],
      [await secretFor('worker'), 'join-token-invalid'],
      [used, 'join-token-expired'],
      [await secretFor('agent', 0), 'join-token-expired'],
    ] as const)
      await expect(agentJoin({ ...ctx, ca }, full(secret), 'r')).rejects.toMatchObject({ code });
    await expect(
      workerJoin({ ...ctx, ca }, { secret: 'x', csr: certificateRequest(newKey()), name: 'w', version: '0' }, 'r'),
    ).rejects.toMatchObject({ code: 'join-token-invalid' });
    expect(signatures).toBe(0);
  });

  it('under a clock that is off is refused with both clocks, and the token is still good', async () => {
    for (const [role, join] of [
      ['agent', (secret: string, nowMs: number) => agentJoin(ctx, { ...full(secret), nowMs }, 'r')],
      [
        'worker',
        (secret: string, nowMs: number) =>
          workerJoin(ctx, { secret, csr: certificateRequest(newKey()), name: 'w', version: '0', nowMs }, 'r'),
      ],
    ] as const) {
      const secret = await secretFor(role);
      for (const off of [-600_000, 600_000])
        await expect(join(secret, systemClock.nowMs() + off)).rejects.toMatchObject({
          code: 'certificate-invalid',
          detail: expect.stringMatching(/T.*Z.*T.*Z.*NTP.*still good/),
        });
      await join(secret, systemClock.nowMs() + 200_000);
    }
  });

  it('into a zone without a worker is refused, and uses nothing up; otherwise one is told the workers of that zone', async () => {
    const secret = await secretFor('agent', 60_000, 'mars');
    await expect(agentJoin(ctx, full(secret), 'r')).rejects.toMatchObject({
      code: 'link-busy',
      detail: expect.stringContaining('still good'),
    });
    const workers = [
      { zone: 'mars', address: 'mars:1' },
      { zone: 'default', address: 'earth:1' },
      { zone: 'mars', address: 'mars:2' },
    ];
    expect((await agentJoin({ ...ctx, workers: () => workers }, full(secret), 'r')).workers).toEqual([
      'mars:1',
      'mars:2',
    ]);
  });

  it('as a worker gives a certificate without names: it cannot play the server to anybody', async () => {
    const { certificate } = await workerJoin(
      ctx,
      { secret: await secretFor('worker'), csr: certificateRequest(newKey()), name: 'w', version: '0' },
      'r',
    );
    expect(new X509Certificate(certificate).subjectAltName).toBeUndefined();
  });
});

describe('joining again', () => {
  const again = async (name: string, machineId: string, previous: { agentId: string; keys: readonly string[] }) => {
    const csr = certificateRequest(newKey());
    const secret = await secretFor('agent');
    return agentJoin(
      ctx,
      {
        ...full(secret, name, machineId),
        csr,
        previous: {
          agentId: previous.agentId,
          signatures: previous.keys.map((key) => signWith(key, joinProofMessage(secret, csr)).toString('base64')),
        },
      },
      'r',
    );
  };

  it('with a key of the agent keeps the agent and the host, even if the certificate has long expired or the machine got another id', async () => {
    const [name, key] = [`host-${newId()}`, newKey()];
    const first = await agentJoin(ctx, { ...full(await secretFor('agent'), name), csr: certificateRequest(key) }, 'r');
    const second = await again(name, 'another-machine-id', { agentId: first.agentId, keys: [newKey(), key] });
    expect(second).toMatchObject({ agentId: first.agentId, hostId: first.hostId, dispatchKey: first.dispatchKey });
    expect(second.replaced).toBeUndefined();
    expect(new X509Certificate(second.certificate).subject.split('\n')).toEqual([
      `CN=${first.agentId}`,
      'OU=agent',
      `O=${first.hostId}`,
    ]);
    // The key on record is the new one now: the old one proves nothing any more.
    expect((await again(name, 'another-machine-id', { agentId: first.agentId, keys: [key] })).agentId).not.toBe(
      first.agentId,
    );
  });

  it('keeps the host also under another name, and keeps the name that the host has on record', async () => {
    const [name, key] = [`host-${newId()}`, newKey()];
    const first = await agentJoin(ctx, { ...full(await secretFor('agent'), name), csr: certificateRequest(key) }, 'r');
    expect(await again(`host-${newId()}`, 'm', { agentId: first.agentId, keys: [key] })).toMatchObject({
      agentId: first.agentId,
      hostId: first.hostId,
      name,
    });
  });

  it('with a renewal that somebody on the way has seen is proof of nothing: neither the agent nor its key is given', async () => {
    const [name, key] = [`host-${newId()}`, newKey()];
    const first = await agentJoin(ctx, { ...full(await secretFor('agent'), name), csr: certificateRequest(key) }, 'r');
    const csr = certificateRequest(newAgentKey());
    const [renewal, proof] = [signWith(key, csr), signWith(key, joinProofMessage(await secretFor('agent'), csr))];
    for (const signature of [renewal, proof]) {
      const answer = await agentJoin(
        ctx,
        {
          ...full(await secretFor('agent'), `host-${newId()}`, newId()),
          csr,
          previous: { agentId: first.agentId, signatures: [signature.toString('base64')] },
        },
        'r',
      );
      expect(answer.agentId).not.toBe(first.agentId);
      expect(answer.hostId).not.toBe(first.hostId);
      expect(answer.dispatchKey).not.toBe(first.dispatchKey);
    }
  });

  it('without its key, or as an agent that was revoked, is a twin', async () => {
    const [name, key] = [`host-${newId()}`, newKey()];
    const first = await agentJoin(ctx, { ...full(await secretFor('agent'), name), csr: certificateRequest(key) }, 'r');
    const forged = await again(name, name, { agentId: first.agentId, keys: [newKey()] });
    expect(forged).toMatchObject({ twinOf: name });
    expect(forged.dispatchKey).not.toBe(first.dispatchKey);
    const [other, otherKey] = [`host-${newId()}`, newKey()];
    const revoked = await agentJoin(
      ctx,
      { ...full(await secretFor('agent'), other), csr: certificateRequest(otherKey) },
      'r',
    );
    await api.store.agentRevoke(revoked.agentId as AgentId, audit);
    expect(await again(other, other, { agentId: revoked.agentId, keys: [otherKey] })).toMatchObject({ twinOf: other });
    // And nobody takes another host's name with a key of his own.
    await expect(again(name, 'stranger', { agentId: revoked.agentId, keys: [otherKey] })).rejects.toMatchObject({
      code: 'host-name-taken',
    });
  });
});

function full(secret: string, name = `host-${newId()}`, machineId = name): Parameters<typeof agentJoin>[1] {
  return { secret, csr: certificateRequest(newKey()), name, machineId, labels: {}, facts: {} };
}

describe('renewing', () => {
  async function joined(): Promise<{ agentId: AgentId; hostId: string; key: string }> {
    const key = newKey();
    const { agentId, hostId } = await agentJoin(
      ctx,
      { ...full(await secretFor('agent')), csr: certificateRequest(key) },
      'r',
    );
    return { agentId: agentId as AgentId, hostId, key };
  }

  function asked(presentKey: string, nextKey = newAgentKey()): { nextKey: string; csr: string; signature: Buffer } {
    const csr = certificateRequest(nextKey);
    return { nextKey, csr, signature: signWith(presentKey, csr) };
  }

  it('an agent gets a certificate for its next key and its host, and renews with that key the next time', async () => {
    const { agentId, hostId, key } = await joined();
    const first = asked(key);
    const answer = await certificateRenew(ctx, { role: 'agent', id: agentId }, first.csr, first.signature);
    expect(new X509Certificate((answer as { certificate: string }).certificate).subject.split('\n')).toEqual([
      `CN=${agentId}`,
      'OU=agent',
      `O=${hostId}`,
    ]);
    const second = asked(first.nextKey);
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, second.csr, second.signature)).toHaveProperty(
      'certificate',
    );
  });

  it('an answer that was lost is got by asking again: the next key is on record, the present one still signs', async () => {
    const { agentId, key } = await joined();
    const request = asked(key);
    await certificateRenew(ctx, { role: 'agent', id: agentId }, request.csr, request.signature);
    const again = asked(key, request.nextKey);
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, again.csr, again.signature)).toHaveProperty(
      'certificate',
    );
  });

  it('nobody else can ask for an agent', async () => {
    const [{ agentId, key }, other] = [await joined(), await joined()];
    const forged = asked(other.key);
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, forged.csr, forged.signature)).toEqual({
      error: 'signature-invalid',
    });
    const good = asked(key);
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, asked(key).csr, good.signature)).toEqual({
      error: 'signature-invalid',
    });
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, 'nonsense', good.signature)).toHaveProperty(
      'error',
    );
  });

  it('a revoked agent gets nothing', async () => {
    const { agentId, key } = await joined();
    await ctx.store.agentRevoke(agentId, audit);
    const request = asked(key);
    expect(await certificateRenew(ctx, { role: 'agent', id: agentId }, request.csr, request.signature)).toEqual({
      error: 'agent-revoked',
    });
  });

  it('a worker renews for as long as it lives: the second time as well as the first', async () => {
    let key = newKey();
    const { workerId } = await workerJoin(
      ctx,
      { secret: await secretFor('worker'), csr: certificateRequest(key), name: 'w', version: '0' },
      'r',
    );
    for (let time = 0; time < 3; time++) {
      const request = asked(key);
      expect(
        await certificateRenew(ctx, { role: 'worker', id: workerId as WorkerId }, request.csr, request.signature),
      ).toHaveProperty('certificate');
      key = request.nextKey;
    }
  });
});
