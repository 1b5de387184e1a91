/** API tokens: made, listed, revoked. The token itself leaves here once, in the answer to whoever made it. */
import { EVERYTHING } from '../domain/access/access-node.ts';
import { randomBytes } from 'node:crypto';
import { DroverError } from '../base/errors.ts';
import { newId, type RunId, type TokenId } from '../base/ids.ts';
import type { Role } from '../domain/access/permission.ts';
import { hashSecret } from '../pki/join-token.ts';
import type { ApiToken } from '../store/contract/api-token.ts';
import type { AuditEntry } from '../store/contract/audit.ts';
import { assertCan, auditOf, scopeOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';

export interface TokenInput {
  readonly name: string;
  readonly role: Role;
  readonly lifetimeMs: number;
}

export function newApiToken(): string {
  return `drt_${randomBytes(24).toString('base64url')}`;
}

/** `agentsShareUser`: scripts on this machine run as the user that keeps an administrator's token, so whoever may run them is one. */
export async function tokenCreate(
  ctx: AppContext & { readonly agentsShareUser?: boolean },
  caller: Caller,
  { name, role, lifetimeMs }: TokenInput,
): Promise<{ readonly record: ApiToken; readonly token: string }> {
  assertCan(caller, 'access.token.create');
  if (ctx.agentsShareUser && role === 'operator')
    throw new DroverError('agents-share-user', {
      detail:
        'The agents that `drover up` started run as its own user, and whoever runs scripts there can read the ' +
        "administrator's token. Start it as root (its agents then run as nobody), or with --agents 0; or say " +
        'that this is meant: --agents-as with the name of this user.',
    });
  const token = newApiToken();
  const id = newId<'token'>() as TokenId;
  const record = await ctx.store.apiTokenCreate(
    { id, hash: hashSecret(token), name, role, lifetimeMs },
    auditOf(caller, 'access.token.create', `token/${id}`, { name, role }),
  );
  if (record === 'name-taken')
    throw new DroverError('token-name-taken', {
      detail: `There is a token ${name}. Take another name, or revoke that one first: drover tokens revoke ${name}`,
      faults: [{ pointer: '#/name', code: 'token-name-taken', detail: `There is a token ${name} already.` }],
    });
  return { record, token };
}

export function tokenList(ctx: AppContext, caller: Caller): Promise<readonly ApiToken[]> {
  return ctx.store.apiTokenList(scopeOf(caller, 'access.token.view'));
}

/**
 * By id or name, of those that are not revoked. What it has begun goes on, unless `cancelsRuns`: then a cancel of each of its runs that are
 * under way is asked for by the same transaction, as `runs cancel` would. @returns how many were.
 */
export async function tokenRevoke(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  { cancelsRuns }: { readonly cancelsRuns: boolean },
): Promise<number> {
  assertCan(caller, 'access.token.revoke');
  if (cancelsRuns) assertCan(caller, 'job.run.cancel');
  const open = (await ctx.store.apiTokenList(EVERYTHING)).filter(({ revokedAtMs }) => revokedAtMs === undefined);
  const found = open.find(({ id }) => id === idOrName) ?? open.find(({ name }) => name === idOrName);
  const cancelOf = (run: RunId): AuditEntry =>
    auditOf(caller, 'job.run.cancel', `run/${run}`, { token: found!.name, isRevoked: true });
  const cancelled =
    found &&
    (await ctx.store.apiTokenRevoke(
      found.id,
      auditOf(caller, 'access.token.revoke', `token/${found.id}`, { name: found.name }),
      ...(cancelsRuns ? [cancelOf] : []),
    ));
  if (!cancelled)
    throw new DroverError('not-found', { detail: `There is no token ${idOrName} that could be revoked.` });
  for (const run of cancelled) ctx.ownership.wake(run);
  return cancelled.length;
}
