/** Who is believed to be whom, over real TLS connections, and that nothing else is. */
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureVersion, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { CertificateAuthority, type CertificateRole } from './ca.ts';
import { certificateRequest, newAgentKey, newKey } from './identity.ts';
import { isPeerSpki, PeerProofs, provePeer, type PeerKeys } from './peer-proof.ts';

const NOW_MS = Date.UTC(2026, 10, 29, 12);
const HOUR_MS = 3_600_000;

let ca: CertificateAuthority;
let proofs: PeerProofs;
let server: Server;
let latest: TLSSocket;

beforeAll(async () => {
  ca = await authority();
  proofs = new PeerProofs(ca.certificate);
  const key = newKey();
  const signed = await ca.sign({ csr: certificateRequest(key), id: 's', role: 'server', lifetimeMs: HOUR_MS }, NOW_MS);
  server = createServer({ key, cert: signed!.certificate }, (socket) => {
    latest = socket;
    socket.on('error', () => undefined);
    socket.write('.');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

async function authority(): Promise<CertificateAuthority> {
  return CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
}

async function keysOf(
  role: CertificateRole,
  {
    by = ca,
    key = newAgentKey(),
    hostId = 'host-1',
  }: { by?: CertificateAuthority; key?: string; hostId?: string } = {},
): Promise<PeerKeys> {
  const request = { csr: certificateRequest(key), id: 'peer-1', role, hostId, lifetimeMs: HOUR_MS };
  return { privateKey: key, certificate: (await by.sign(request, NOW_MS))!.certificate };
}

/** Both ends of a connection, when both know that the handshake is over. */
async function connected(maxVersion: SecureVersion = 'TLSv1.3'): Promise<{ near: TLSSocket; far: TLSSocket }> {
  const { port } = server.address() as AddressInfo;
  const near = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion });
  await new Promise((resolve) => near.once('data', resolve));
  return { near, far: latest };
}

describe('a certificate that is proved', () => {
  it.each([
    ['of an agent, Ed25519', 'agent', newAgentKey],
    ['of a worker, P-256', 'worker', newKey],
  ] as const)('%s: says who it is', async (_what, role, makeKey) => {
    const { near, far } = await connected();
    const proof = provePeer(near, await keysOf(role, { key: makeKey() }));
    expect(proof.length).toBeLessThan(limits.peerProofBytesMax / 2);
    expect(proofs.check(far, proof, NOW_MS)).toEqual({
      kind: 'proved',
      peer: { id: 'peer-1', role, hostId: 'host-1' },
    });
    near.destroy();
  });

  it('counts from its first moment to its last', async () => {
    const { near, far } = await connected();
    const proof = provePeer(near, await keysOf('agent'));
    const at = (nowMs: number): string => proofs.check(far, proof, nowMs).kind;
    expect([at(NOW_MS + HOUR_MS), at(NOW_MS + HOUR_MS + 1_000)]).toEqual(['proved', 'ended']);
    expect([at(NOW_MS - 5 * 60_000), at(NOW_MS - 5 * 60_000 - 1_000)]).toEqual(['proved', 'not-begun']);
    near.destroy();
  });
});

describe('what is not believed', () => {
  const told = async (
    make: (near: TLSSocket) => Promise<string | string[]> | string | string[],
    version?: SecureVersion,
  ): Promise<unknown> => {
    const { near, far } = await connected(version);
    const check = proofs.check(far, await make(near), NOW_MS);
    near.destroy();
    return check.kind === 'not-believed' ? check.why : check;
  };

  it('a proof of another connection', async () => {
    const other = await connected();
    const proof = provePeer(other.near, await keysOf('agent'));
    expect(await told(() => proof)).toBe('its key has not signed this connection');
    other.near.destroy();
  });

  it("somebody else's certificate, with a signature of one's own key", async () => {
    const { certificate } = await keysOf('agent');
    expect(await told((near) => provePeer(near, { certificate, privateKey: newAgentKey() }))).toBe(
      'its key has not signed this connection',
    );
  });

  it('a certificate of another authority of the same name', async () => {
    const by = await authority();
    expect(await told(async (near) => provePeer(near, await keysOf('agent', { by })))).toBe(
      'another authority has signed it',
    );
  });

  it('a certificate of ours of which one bit is another', async () => {
    const proved = await keysOf('agent');
    const der = Buffer.from(proved.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    for (const at of [5, 40, der.indexOf('peer-1'), der.length - 1]) {
      const changed = Buffer.from(der);
      changed[at]! ^= 1;
      const certificate = changed.toString('base64');
      expect(await told((near) => provePeer(near, { ...proved, certificate })), String(at)).toMatch(
        /another authority has signed it/,
      );
    }
  });

  it('anything below TLS 1.3, and a certificate without a name', async () => {
    const good = await connected();
    const proof = provePeer(good.near, await keysOf('agent'));
    expect(await told(() => proof, 'TLSv1.2')).toBe('it is shown below TLS 1.3');
    const older = await connected('TLSv1.2');
    await expect(keysOf('agent').then((keys) => provePeer(older.near, keys))).rejects.toThrow(/TLS 1\.3/);
    good.near.destroy();
    older.near.destroy();
  });

  it.each<[string, string | string[], string]>([
    ['nothing', '', 'it cannot be read'],
    ['one part', 'AAAA', 'it cannot be read'],
    ['no certificate', `${Buffer.from('no certificate').toString('base64')}.AAAA`, 'another authority has signed it'],
    [
      'lengths beyond the end',
      `${Buffer.from('3082ffff3082ffff', 'hex').toString('base64')}.AAAA`,
      'another authority has signed it',
    ],
    ['a length of lengths', `${Buffer.from('30ff', 'hex').toString('base64')}.AAAA`, 'another authority has signed it'],
    ['two of them', ['AAAA.AAAA', 'AAAA.AAAA'], 'it is too long'],
    ['more than the limit', `${'A'.repeat(limits.peerProofBytesMax - 4)}.AAAA`, 'it is too long'],
    ['as much as the limit', `${'A'.repeat(limits.peerProofBytesMax - 5)}.AAAA`, 'another authority has signed it'],
  ])('%s', async (_what, value, why) => {
    expect(await told(() => value)).toBe(why);
  });
});

describe('keys that peers may have', () => {
  const spki = (type: 'rsa' | 'ec' | 'ed25519', options: object): Buffer =>
    (generateKeyPairSync as (type: string, options: object) => { publicKey: { export(o: object): Buffer } })(
      type,
      options,
    ).publicKey.export({ type: 'spki', format: 'der' });

  it('are those that our programs make', async () => {
    expect([
      isPeerSpki(spki('ed25519', {})),
      isPeerSpki(spki('ec', { namedCurve: 'P-256' })),
      isPeerSpki(spki('ec', { namedCurve: 'secp256k1' })),
      isPeerSpki(spki('ec', { namedCurve: 'P-384' })),
      isPeerSpki(spki('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' })),
      isPeerSpki(spki('rsa', { modulusLength: 2_048 })),
      isPeerSpki(Buffer.alloc(91)),
    ]).toEqual([true, true, false, false, false, false, false]);
  });

  it('and no other is certified', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const request = { csr: certificateRequest(key), id: 'x', role: 'agent' as const, lifetimeMs: HOUR_MS };
    expect(await ca.sign(request, NOW_MS)).toBeUndefined();
  });
});
