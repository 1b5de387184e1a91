/** Tokens that agents and workers join with. */
import { z } from 'zod';
import { joinTokenCreate, joinTokenList, joinTokenRevoke } from '../../../app/join-token.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import type { TokenId } from '../../../base/ids.ts';
import * as r from '../../../protocol/rest/resources.ts';
import type { JoinToken } from '../../../store/contract/join-token.ts';
import { operation } from '../../operation.ts';
import { instant } from '../instant.ts';
import { idParams } from '../params.ts';

function joinTokenResource(token: JoinToken): z.infer<typeof r.JoinToken> {
  return {
    id: token.id,
    role: token.role,
    labels: token.labels,
    zone: token.zone,
    ...given({ hostId: token.hostId as string | undefined }),
    usesLeft: token.usesLeft,
    expiresAt: instant(token.expiresAtMs),
    createdAt: instant(token.createdAtMs),
    createdBy: token.createdBy.name,
  };
}

export const joinTokenRoutes = [
  operation({
    id: 'createJoinToken',
    method: 'POST',
    path: '/join-tokens',
    summary: 'Make a token for agents or workers to join with',
    permission: 'fleet.join-token.create',
    body: r.JoinTokenCreate,
    status: 201,
    response: r.JoinTokenCreated,
    errors: ['bad-input', 'host-not-found', 'label-protected', 'secret-shown-once'],
    shownOnce: { what: 'join token', revoke: 'drover agents join-token revoke' },
    async handle({ ctx, caller, body: { lifetime, ...input } }) {
      const { record, token } = await joinTokenCreate(ctx, caller, {
        ...input,
        lifetimeMs: parseDurationMs(lifetime)!,
      });
      return { ...joinTokenResource(record), token };
    },
  }),
  operation({
    id: 'listJoinTokens',
    method: 'GET',
    path: '/join-tokens',
    summary: 'List join tokens that still can be used',
    permission: 'fleet.join-token.view',
    status: 200,
    response: r.pageOf(r.JoinToken),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await joinTokenList(ctx, caller)).map(joinTokenResource) }),
  }),
  operation({
    id: 'revokeJoinToken',
    method: 'DELETE',
    path: '/join-tokens/{id}',
    summary: 'Revoke a join token',
    permission: 'fleet.join-token.revoke',
    params: idParams,
    status: 204,
    errors: ['not-found'],
    handle: ({ ctx, caller, params }) => joinTokenRevoke(ctx, caller, params.id as TokenId),
  }),
];
