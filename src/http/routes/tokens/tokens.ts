/** Tokens of the API, and who the caller is. */
import { z } from 'zod';
import { tokenCreate, tokenList, tokenRevoke } from '../../../app/token.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import { ROLES } from '../../../domain/access/permission.ts';
import * as r from '../../../protocol/rest/resources.ts';
import type { ApiToken } from '../../../store/contract/api-token.ts';
import { operation } from '../../operation.ts';
import { instant } from '../instant.ts';

function apiTokenResource(token: ApiToken): z.infer<typeof r.ApiToken> {
  return {
    id: token.id,
    name: token.name,
    role: token.role,
    createdAt: instant(token.createdAtMs),
    expiresAt: instant(token.expiresAtMs),
    ...given({ revokedAt: instant(token.revokedAtMs) }),
  };
}

export const tokenRoutes = [
  operation({
    id: 'createToken',
    method: 'POST',
    path: '/tokens',
    summary: 'Make an API token',
    permission: 'access.token.create',
    body: r.ApiTokenCreate,
    status: 201,
    response: r.ApiTokenCreated,
    errors: ['bad-input', 'agents-share-user', 'secret-shown-once', 'token-name-taken'],
    shownOnce: { what: 'API token', revoke: 'drover tokens revoke' },
    async handle({ ctx, caller, body: { name, role, lifetime } }) {
      const { record, token } = await tokenCreate(ctx, caller, { name, role, lifetimeMs: parseDurationMs(lifetime)! });
      return { ...apiTokenResource(record), token };
    },
  }),
  operation({
    id: 'listTokens',
    method: 'GET',
    path: '/tokens',
    summary: 'List API tokens',
    permission: 'access.token.view',
    status: 200,
    response: r.pageOf(r.ApiToken),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await tokenList(ctx, caller)).map(apiTokenResource) }),
  }),
  operation({
    id: 'revokeToken',
    method: 'DELETE',
    path: '/tokens/{token}',
    summary:
      'Revoke an API token. Its runs go on, unless they are cancelled with it, for which job.run.cancel is asked as well',
    permission: 'access.token.revoke',
    params: z.strictObject({ token: z.string().max(200).describe('Id or name') }),
    query: z.strictObject({ cancelRuns: z.enum(['true', 'false']).default('false') }),
    status: 200,
    response: r.ApiTokenRevoked,
    errors: ['not-found'],
    async handle({ ctx, caller, params, query }) {
      const cancelsRuns = query.cancelRuns === 'true';
      return { cancelledRuns: await tokenRevoke(ctx, caller, params.token, { cancelsRuns }) };
    },
  }),
  operation({
    id: 'getSelf',
    method: 'GET',
    path: '/self',
    summary: 'Who am I, and what may I do',
    permission: 'access.self.view',
    status: 200,
    response: r.Self,
    errors: [],
    handle: async ({ caller }) => ({
      id: caller.actor.id,
      name: caller.actor.name,
      role: caller.role,
      permissions: [...ROLES[caller.role]],
      expiresAt: instant(caller.expiresAtMs),
    }),
  }),
];
