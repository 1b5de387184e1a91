/** How agents and workers come in, stay in, and are put out. The certificate says who they are from then on. */
import { EVERYTHING } from '../domain/access/access-node.ts';
import type { AgentId, WorkerId } from '../base/ids.ts';
import type { Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { guardedLabels } from '../domain/access/guarded-labels.ts';
import type { CertificateAuthority } from '../pki/ca.ts';
import { isSignedBy } from '../pki/identity.ts';
import { hashSecret, joinProofMessage } from '../pki/join-token.ts';
import type { MasterKey } from '../pki/sealer.ts';
import type { Actor } from '../store/contract/audit.ts';
import type { Store } from '../store/contract/store.ts';
import type { WorkerRecord } from '../store/contract/worker.ts';
import { labelProtected } from './label-guard.ts';

export interface EnrolmentContext {
  readonly store: Store;
  readonly clock: Clock;
  readonly ca: CertificateAuthority;
  readonly masterKey: MasterKey /** host:port where agents of a zone link. */;
  readonly workers: () => readonly {
    readonly zone: string;
    readonly address: string;
  }[] /** How long certificates of agents and workers are valid; the default is in the limits. */;
  readonly certificateMs?: number;
}

const SYSTEM: Actor = { kind: 'system', id: 'enrolment', name: 'enrolment' };

export interface AgentJoinInput {
  readonly secret: string;
  readonly csr: string;
  readonly name: string;
  readonly machineId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, unknown>>;
  /** The joining machine's clock. */
  readonly nowMs?: number | undefined;
  /** The agent that this one was until now, proved by `joinProofMessage` being signed with a key of its. It goes on as the same agent. */
  readonly previous?: { readonly agentId: string; readonly signatures: readonly string[] } | undefined;
}
export interface AgentJoinResult {
  readonly agentId: string;
  readonly hostId: string;
  readonly certificate: string;
  readonly ca: string;
  readonly dispatchKey: string;
  readonly workers: readonly string[];
  readonly nowMs: number;
  /** As the host is on record: what the token says goes before what the machine says. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly replaced?: string;
  /** The host that this machine looks like: it gets no work until somebody has decided. */
  readonly twinOf?: string;
}

/** The id is decided with the row, so the certificate is signed after it; a crash in between costs one use of the token. */
export async function agentJoin(
  ctx: EnrolmentContext,
  input: AgentJoinInput,
  requestId: string,
): Promise<AgentJoinResult> {
  const nowMs = ctx.clock.nowMs();
  assertClockFits(nowMs, input.nowMs);
  await assertTokenOpens(ctx, input, 'agent');
  const workers = ctx.workers();
  const lifetimeMs = ctx.certificateMs ?? limits.agentCertificateMs;
  // Signed once for nobody: a malformed request must not use the token up.
  const probe = await ctx.ca.sign({ csr: input.csr, id: 'probe', role: 'agent', lifetimeMs: 1 }, nowMs);
  if (!probe) throw badCsr();
  const outcome = await ctx.store.agentJoin(
    {
      tokenHash: hashSecret(input.secret),
      name: input.name,
      machineId: input.machineId,
      labels: input.labels,
      facts: input.facts,
      publicKey: probe.publicKey,
      certificateExpiresAtMs: nowMs + lifetimeMs,
      zones: workers.map(({ zone }) => zone),
      guardedLabels: guardedLabels(await ctx.store.accountList(EVERYTHING)),
      ...(await provedAgent(ctx, input)),
    },
    { actor: SYSTEM, action: 'fleet.agent.join', detail: { name: input.name, machineId: input.machineId }, requestId },
  );
  if (outcome.kind === 'refused' && outcome.code === 'label-protected') throw labelProtected(outcome.guarded, 'join');
  if (outcome.kind === 'refused')
    throw new DroverError(outcome.code, {
      detail: refusalDetail(outcome.code, input.name),
      ...given({ retryAfterS: outcome.code === 'link-busy' ? 5 : undefined }),
    });
  if (outcome.replaced) ctx.store.notify('fleet', outcome.replaced);
  const signed = await ctx.ca.sign(
    { csr: input.csr, id: outcome.agentId, role: 'agent', hostId: outcome.hostId, lifetimeMs },
    nowMs,
  );
  return {
    agentId: outcome.agentId,
    hostId: outcome.hostId,
    certificate: signed!.certificate,
    ca: ctx.ca.certificate,
    dispatchKey: ctx.masterKey.dispatchKey(outcome.agentId).toString('base64'),
    workers: workers.filter(({ zone }) => zone === outcome.zone).map(({ address }) => address),
    nowMs,
    name: outcome.name,
    labels: outcome.labels,
    ...given({ replaced: outcome.replaced, twinOf: outcome.twinOf }),
  };
}

export interface WorkerJoinInput {
  readonly secret: string;
  readonly csr: string;
  readonly name: string;
  readonly version: string;
  readonly nowMs?: number | undefined;
}
export interface WorkerJoinResult {
  readonly workerId: string;
  readonly zone: string;
  readonly certificate: string;
  readonly ca: string;
  readonly nowMs: number;
}

export async function workerJoin(
  ctx: EnrolmentContext,
  input: WorkerJoinInput,
  requestId: string,
): Promise<WorkerJoinResult> {
  const nowMs = ctx.clock.nowMs();
  assertClockFits(nowMs, input.nowMs);
  await assertTokenOpens(ctx, input, 'worker');
  const probe = await ctx.ca.sign({ csr: input.csr, id: 'probe', role: 'worker', lifetimeMs: 1 }, nowMs);
  if (!probe) throw badCsr();
  const outcome = await ctx.store.workerJoin(
    { tokenHash: hashSecret(input.secret), name: input.name, version: input.version, publicKey: probe.publicKey },
    { actor: SYSTEM, action: 'fleet.worker.join', detail: { name: input.name }, requestId },
  );
  if (outcome.kind === 'refused')
    throw new DroverError(outcome.code, { detail: refusalDetail(outcome.code, input.name) });
  // Without any name: links go by the role, and under a name of ours a worker could play the server to people's clients.
  const signed = await ctx.ca.sign(
    {
      csr: input.csr,
      id: outcome.workerId,
      role: 'worker',
      lifetimeMs: ctx.certificateMs ?? limits.agentCertificateMs,
    },
    nowMs,
  );
  return {
    workerId: outcome.workerId,
    zone: outcome.zone,
    certificate: signed!.certificate,
    ca: ctx.ca.certificate,
    nowMs,
  };
}

/**
 * An agent's renewal is asked for through others; only what the present key has signed is believed. A request for the key that is
 * on record already is one whose answer was lost: its own signature proves the key. A worker asks over its own link, which its
 * present certificate has opened; nothing else need be proved, but it must not be revoked.
 */
export async function certificateRenew(
  ctx: EnrolmentContext,
  who: { role: 'agent'; id: AgentId } | { role: 'worker'; id: WorkerId },
  csr: string,
  signature: Uint8Array,
): Promise<{ certificate: string; ca: string } | { error: string }> {
  const nowMs = ctx.clock.nowMs();
  const agent = who.role === 'agent' ? await ctx.store.agentFetch(who.id) : undefined;
  if (who.role === 'agent' && agent?.state !== 'active') return { error: 'agent-revoked' };
  if (who.role === 'worker' && !isInForce(await ctx.store.workerFetch(who.id))) return { error: 'worker-revoked' };
  // Before anything is signed: a request that is not the agent's costs no more than its check.
  if (agent && !isSignedBy(agent.publicKey, csr, signature) && !ctx.ca.keyOf(csr)?.equals(agent.publicKey))
    return { error: 'signature-invalid' };
  const signed = await ctx.ca.sign(
    {
      csr,
      id: who.id,
      role: who.role,
      lifetimeMs: ctx.certificateMs ?? limits.agentCertificateMs,
      ...given({ hostId: agent?.hostId }),
    },
    nowMs,
  );
  if (!signed) return { error: 'certificate-invalid' };
  if (agent && !(await ctx.store.agentCertificateRenewed(agent.id, signed.publicKey, signed.expiresAtMs)))
    return { error: 'agent-revoked' };
  return { certificate: signed.certificate, ca: ctx.ca.certificate };
}

/** A worker that nobody knows is none of ours, whatever its certificate says. */
export function isInForce(worker: WorkerRecord | undefined): worker is WorkerRecord {
  return worker !== undefined && worker.revokedAtMs === undefined;
}

/** Before anything costly is done for whoever asks: anybody may. Whether it still opens is decided when it is used. */
async function assertTokenOpens(
  ctx: EnrolmentContext,
  { secret, name }: { readonly secret: string; readonly name: string },
  role: 'agent' | 'worker',
): Promise<void> {
  const code = await ctx.store.joinTokenCheck(hashSecret(secret), role);
  if (code !== 'good') throw new DroverError(code, { detail: refusalDetail(code, name) });
}

/** Before anything is used up: under clocks so far apart a certificate would not be valid yet, or not any more. */
export function assertClockFits(nowMs: number, theirNowMs: number | undefined): void {
  if (theirNowMs === undefined || Math.abs(nowMs - theirNowMs) <= limits.joinClockSkewMsMax) return;
  throw new DroverError('certificate-invalid', {
    detail:
      `The clock of the joining machine (${instant(theirNowMs)}) and the server's (${instant(nowMs)}) differ too ` +
      'much for certificates to hold. Set the clock (NTP) and join again; the token is still good.',
  });
}

function instant(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

/** A key of an agent that nobody revoked, whether its certificate has expired or not, is still that agent's. */
async function provedAgent(
  ctx: EnrolmentContext,
  { previous, secret, csr }: AgentJoinInput,
): Promise<{ keepAgentId?: AgentId }> {
  const agent = previous && (await ctx.store.agentFetch(previous.agentId as AgentId));
  if (agent?.state !== 'active') return {};
  const message = joinProofMessage(secret, csr);
  return previous!.signatures.some((signature) =>
    isSignedBy(agent.publicKey, message, Buffer.from(signature, 'base64')),
  )
    ? { keepAgentId: agent.id }
    : {};
}

function badCsr(): DroverError {
  return new DroverError('bad-input', {
    detail:
      'The certificate request is malformed, for a key that is neither P-256 nor Ed25519, or not signed by its own key.',
    faults: [{ pointer: '#/csr', code: 'bad-input', detail: 'not a valid PKCS #10 request' }],
  });
}

function refusalDetail(code: string, name: string): string {
  switch (code) {
    case 'host-name-taken':
      return (
        `There is a host ${name} already that this machine is not known to be. Give this one another name ` +
        `(--name), or remove the old host first (drover hosts remove ${name}). If this machine is that host, and ` +
        `no agent holds it, join with a token made for it: drover hosts join-token ${name}.`
      );
    case 'bad-input':
      return `${name} would have more than ${limits.labelsPerHostMax} labels. The token is still good.`;
    case 'link-busy':
      return (
        'No worker of the zone of this token is linked yet that an agent could link to. Start one (drover worker), ' +
        'then join again; the token is still good.'
      );
    case 'join-token-expired':
      return 'The join token has expired or is used up. Make a new one: drover agents join-token create.';
    default:
      return 'The server does not know this join token. Make one with: drover agents join-token create.';
  }
}
