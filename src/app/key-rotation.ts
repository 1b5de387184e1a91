/**
 * Brings everything that is sealed under the newest master key, so that older ones can be taken away. In small batches,
 * each landing only on what was read: it may die at any point and be run again, on several servers at once, beside all other
 * work. Credentials get new data keys too; run secrets and the installation's own are sealed anew.
 */
import type { AccountId, ChannelId, RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { openEnvelope, sealEnvelope } from '../pki/envelope.ts';
import { secretPurpose } from './account-credential.ts';
import { endpointPurpose } from './channel.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

export interface RotationResult {
  /** The key that everything is under now. */
  readonly keyId: string;
  readonly accountSecrets: number;
  readonly runSecrets: number;
  readonly channels: number;
  readonly systemSecrets: number;
  /** Values that open under none of this server's keys: they are left as they are. */
  readonly unreadable: number;
}

export async function rotateKeys(ctx: AppContext, caller: Caller): Promise<RotationResult> {
  assertCan(caller, 'access.key.rotate');
  const keyId = ctx.sealer.currentKeyId;
  const audit = (detail: Record<string, unknown>): Promise<void> =>
    ctx.store.auditAppend(auditOf(caller, 'access.key.rotate', `key/${keyId}`, detail));
  await audit({ phase: 'begun' });
  const accounts = await rotateAccountSecrets(ctx);
  const runs = await rotateRunSecrets(ctx);
  const channels = await rotateChannels(ctx);
  const system = await rotateSystemSecrets(ctx);
  const result = {
    accountSecrets: accounts.moved,
    runSecrets: runs.moved,
    channels: channels.moved,
    systemSecrets: system.moved,
    unreadable: accounts.unreadable + runs.unreadable + channels.unreadable + system.unreadable,
  };
  await audit({ phase: 'finished', ...result });
  return { keyId, ...result };
}

interface Moved {
  moved: number;
  unreadable: number;
}

/** What does not open is counted, not fatal: the rest must still come under the new key. */
function attempt<T>(ctx: AppContext, sum: Moved, what: string, work: () => T): T[] {
  try {
    return [work()];
  } catch (error) {
    sum.unreadable++;
    ctx.log.error(
      { what, err: (error as Error).message },
      'a sealed value does not open under any master key of this server',
    );
    return [];
  }
}

async function rotateAccountSecrets(ctx: AppContext): Promise<Moved> {
  const sum = { moved: 0, unreadable: 0 };
  for (let after: { accountId: AccountId; id: string } | undefined; ; ) {
    const batch = await ctx.store.accountSecretsNotUnder(ctx.sealer.currentKeyId, after, limits.rotationBatch);
    if (batch.length === 0) return sum;
    const changes = batch.flatMap((secret) =>
      attempt(ctx, sum, `account/${secret.accountId}`, () => {
        const purpose = secretPurpose(secret.accountId, secret.id);
        const plain = openEnvelope(ctx.sealer, purpose, secret);
        const to = sealEnvelope(ctx.sealer, purpose, plain);
        plain.fill(0);
        return { accountId: secret.accountId, id: secret.id, from: secret.dataKey, to };
      }),
    );
    sum.moved += await ctx.store.accountSecretsReseal(changes);
    after = batch.at(-1)!;
  }
}

async function rotateChannels(ctx: AppContext): Promise<Moved> {
  const sum = { moved: 0, unreadable: 0 };
  for (let after: ChannelId | undefined; ; ) {
    const batch = await ctx.store.channelEndpointsNotUnder(ctx.sealer.currentKeyId, after, limits.rotationBatch);
    if (batch.length === 0) return sum;
    const changes = batch.flatMap((endpoint) =>
      attempt(ctx, sum, `channel/${endpoint.id}`, () => {
        const plain = openEnvelope(ctx.sealer, endpointPurpose(endpoint.id), endpoint);
        const to = sealEnvelope(ctx.sealer, endpointPurpose(endpoint.id), plain);
        plain.fill(0);
        return { id: endpoint.id, from: endpoint.dataKey, to };
      }),
    );
    sum.moved += await ctx.store.channelEndpointsReseal(changes);
    after = batch.at(-1)!.id;
  }
}

async function rotateRunSecrets(ctx: AppContext): Promise<Moved> {
  const sum = { moved: 0, unreadable: 0 };
  for (let after: { runId: RunId; task: number } | undefined; ; ) {
    const batch = await ctx.store.runSecretsList(after, limits.rotationBatch);
    if (batch.length === 0) return sum;
    const changes = batch
      .flatMap((run) =>
        attempt(ctx, sum, `run/${run.runId}`, () => ({
          runId: run.runId,
          task: run.task,
          from: run.sealed,
          to: resealed(ctx, `run/${run.runId}`, run.sealed),
        })),
      )
      .flatMap(({ to, ...change }) => (to ? [{ ...change, to }] : []));
    if (changes.length > 0) sum.moved += await ctx.store.runSecretsReseal(changes);
    after = batch.at(-1)!;
  }
}

async function rotateSystemSecrets(ctx: AppContext): Promise<Moved> {
  const sum = { moved: 0, unreadable: 0 };
  for (const { name, sealed } of await ctx.store.secretList()) {
    for (const to of attempt(ctx, sum, name, () => resealed(ctx, name, sealed)))
      if (to && (await ctx.store.secretReseal(name, sealed, to))) sum.moved++;
  }
  return sum;
}

/** Undefined where it is under the newest key already. */
function resealed({ sealer }: AppContext, purpose: string, sealed: Uint8Array): Uint8Array | undefined {
  return sealer.keyIdOf(purpose, sealed) === sealer.currentKeyId
    ? undefined
    : sealer.seal(purpose, sealer.open(purpose, sealed));
}
