/** Join tokens: made, listed, revoked. The token itself leaves here once, in the answer to whoever made it. */
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type TokenId } from '../base/ids.ts';
import { guardedChange } from '../domain/access/guarded-labels.ts';
import { formatJoinToken, hashSecret, newSecret } from '../pki/join-token.ts';
import type { JoinToken } from '../store/contract/join-token.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';
import { guardedFrom, labelProtected } from './label-guard.ts';

export interface JoinTokenContext extends AppContext {
  /** Where tokens point, and by which CA the server is known. */
  readonly publicUrl: () => string;
  readonly caFingerprint: string;
}

export interface JoinTokenInput {
  readonly role: 'agent' | 'worker';
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** Good for this host alone: its zone counts, and its labels stay. */
  readonly host?: string | undefined;
  readonly uses: number;
  readonly lifetimeMs: number;
}

export async function joinTokenCreate(
  ctx: JoinTokenContext,
  caller: Caller,
  input: JoinTokenInput,
): Promise<{ readonly record: JoinToken; readonly token: string }> {
  assertCan(caller, 'fleet.join-token.create');
  const [id, secret] = [newId<'token'>() as TokenId, newSecret()];
  const { role, labels, uses, lifetimeMs } = input;
  const host = input.host === undefined ? undefined : await hostFetch(ctx, input.host);
  const zone = host?.zone ?? input.zone;
  const guarded = guardedChange(await guardedFrom(ctx, caller), host?.labels ?? {}, { ...host?.labels, ...labels });
  if (guarded) throw labelProtected(guarded);
  const record = await ctx.store.joinTokenCreate(
    { id, hash: hashSecret(secret), role, labels, zone, ...given({ hostId: host?.id }), uses, lifetimeMs },
    auditOf(caller, 'fleet.join-token.create', `join-token/${id}`, {
      role,
      uses,
      zone,
      ...given({ host: host?.name }),
    }),
  );
  return { record, token: formatJoinToken({ url: ctx.publicUrl(), fingerprint: ctx.caFingerprint, secret }) };
}

/** Those that still can be used. */
export function joinTokenList(ctx: AppContext, caller: Caller): Promise<readonly JoinToken[]> {
  return ctx.store.joinTokenList(scopeOf(caller, 'fleet.join-token.view'));
}

export async function joinTokenRevoke(ctx: AppContext, caller: Caller, id: TokenId): Promise<void> {
  assertCan(caller, 'fleet.join-token.revoke');
  if (!(await ctx.store.joinTokenRevoke(id, auditOf(caller, 'fleet.join-token.revoke', `join-token/${id}`))))
    throw new DroverError('not-found', { detail: `There is no join token ${id}.` });
}
