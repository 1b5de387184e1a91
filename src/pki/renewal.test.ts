import { beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from './ca.ts';
import { certificateRequest, isSignedBy, newAgentKey, newKey } from './identity.ts';
import { CertificateRenewal, type RenewableIdentity } from './renewal.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2030, 0, 1);

describe('renewal of a certificate', () => {
  let ca: CertificateAuthority;
  let publicKey: Buffer;
  let identity: RenewableIdentity;
  let saved: RenewableIdentity[];
  let renewal: CertificateRenewal;
  let isDiskFull: boolean;

  async function issue(csr: string, options: { id?: string; authority?: CertificateAuthority } = {}): Promise<string> {
    return (await (options.authority ?? ca).sign(
      { csr, id: options.id ?? 'agent-1', role: 'agent', hostId: 'host-1', lifetimeMs: 30 * DAY_MS },
      START_MS + 21 * DAY_MS,
    ))!.certificate;
  }

  beforeAll(async () => {
    ca = await CertificateAuthority.load(await CertificateAuthority.create(START_MS));
  });

  async function begin(): Promise<void> {
    const privateKey = newKey();
    const signed = await ca.sign(
      { csr: certificateRequest(privateKey), id: 'agent-1', role: 'agent', hostId: 'host-1', lifetimeMs: 30 * DAY_MS },
      START_MS,
    );
    publicKey = signed!.publicKey;
    identity = { privateKey, certificate: signed!.certificate, ca: ca.certificate };
    saved = [];
    isDiskFull = false;
    renewal = new CertificateRenewal(identity, newAgentKey, () => {
      if (!isDiskFull) saved.push({ ...identity });
      return !isDiskFull;
    });
  }

  it('is due when two thirds of its life are over, not before', async () => {
    await begin();
    expect(renewal.request(START_MS + 19.9 * DAY_MS)).toBeUndefined();
    const request = renewal.request(START_MS + 20.1 * DAY_MS)!;
    expect(isSignedBy(publicKey, request.csr, request.signature)).toBe(true);
  });

  it('has its next key on disk before it asks, and asks with the same key until it is answered, also after a restart', async () => {
    await begin();
    renewal.request(START_MS + 21 * DAY_MS);
    expect(saved).toHaveLength(1);
    const restarted: RenewableIdentity = { ...saved[0]! };
    const second = new CertificateRenewal(restarted, newAgentKey, () => true);
    const { csr } = second.request(START_MS + 22 * DAY_MS)!;
    expect(restarted.nextKey).toBe(identity.nextKey);
    expect(second.accept(await issue(csr))).toBe(true);
    expect(restarted).toMatchObject({ privateKey: identity.nextKey, nextKey: undefined });
  });

  it('changes key and certificate in one step', async () => {
    await begin();
    const { csr } = renewal.request(START_MS + 21 * DAY_MS)!;
    const certificate = await issue(csr);
    const key = identity.nextKey;
    expect(renewal.accept(certificate)).toBe(true);
    expect(saved.at(-1)).toMatchObject({ privateKey: key, certificate });
    expect(renewal.request(START_MS + 22 * DAY_MS)).toBeUndefined();
  });

  it('asks with no key that a full disk did not take, goes on with the present one, and writes what it has as soon as it can', async () => {
    await begin();
    isDiskFull = true;
    expect(renewal.request(START_MS + 21 * DAY_MS)).toBeUndefined();
    expect(renewal.nextLookMs(START_MS + 21 * DAY_MS)).toBe(10_000);
    isDiskFull = false;
    const { csr } = renewal.request(START_MS + 21 * DAY_MS)!;
    expect(saved).toHaveLength(1);
    isDiskFull = true;
    expect(renewal.accept(await issue(csr))).toBe(true);
    isDiskFull = false;
    expect(renewal.request(START_MS + 22 * DAY_MS)).toBeUndefined();
    expect(saved.at(-1)).toMatchObject({ certificate: identity.certificate, nextKey: undefined });
  });

  it('takes nothing that was not asked for, is for another key or another agent, or comes from another authority', async () => {
    await begin();
    const before = { ...identity };
    expect(renewal.accept(await issue(certificateRequest(identity.privateKey)))).toBe(false);
    const { csr } = renewal.request(START_MS + 21 * DAY_MS)!;
    const stranger = await CertificateAuthority.load(await CertificateAuthority.create(START_MS));
    expect(renewal.accept(await issue(certificateRequest(newKey())))).toBe(false);
    expect(renewal.accept(await issue(csr, { id: 'agent-2' }))).toBe(false);
    expect(renewal.accept(await issue(csr, { authority: stranger }))).toBe(false);
    expect(renewal.accept('nonsense')).toBe(false);
    expect(identity).toMatchObject(before);
    expect(renewal.accept(await issue(csr))).toBe(true);
  });
});
