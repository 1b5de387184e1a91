/** Hosts, agents, workers, tokens, the audit trail. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { agentJoin, workerJoin } from '../app/enrolment.ts';
import { accountNamesOf, hostFetch } from '../app/host-access.ts';
import { hostLabel } from '../app/host-label.ts';
import { guardedFrom, labelProtected } from '../app/label-guard.ts';
import { parseDurationMs } from '../base/duration.ts';
import { DroverError } from '../base/errors.ts';
import { newId, type AgentId, type TokenId } from '../base/ids.ts';
import { guardedChange } from '../domain/access/guarded-labels.ts';
import { ROLES } from '../domain/access/permission.ts';
import { formatJoinToken, hashSecret, newSecret } from '../pki/join-token.ts';
import * as r from '../protocol/rest/resources.ts';
import type { HostRecord } from '../store/contract/host.ts';
import { agentResource, apiTokenResource, auditResource, hostResource, joinTokenResource } from './convert.ts';
import { operation, type ApiContext } from './operation.ts';
import { compact, page } from './run-operations.ts';

const hostParams = z.strictObject({ host: z.string().max(200).describe('Id or name') });
const idParams = z.strictObject({ id: z.uuid() });

async function oneHost(ctx: ApiContext, host: HostRecord): Promise<z.infer<typeof r.Host>> {
  return hostResource(host, await accountNamesOf(ctx, [host]));
}

export const fleetOperations = [
  operation({
    id: 'listHosts',
    method: 'GET',
    path: '/hosts',
    summary: 'List hosts by name',
    permission: 'fleet.host.view',
    query: z.strictObject({
      ...page,
      linked: z.enum(['true', 'false']).optional(),
      twins: z.enum(['true', 'false']).optional().describe('Only hosts that are a twin of another, or none of them'),
    }),
    status: 200,
    response: r.pageOf(r.Host),
    errors: ['bad-input'],
    async handle({ ctx, query }) {
      const { items, next } = await ctx.store.hostList(
        compact({
          linked: query.linked === undefined ? undefined : query.linked === 'true',
          twins: query.twins === undefined ? undefined : query.twins === 'true',
        }),
        compact({ limit: query.limit, cursor: query.cursor }),
      );
      const accounts = await accountNamesOf(ctx, items);
      return compact({ items: items.map((host) => hostResource(host, accounts)), next });
    },
  }),
  operation({
    id: 'getHost',
    method: 'GET',
    path: '/hosts/{host}',
    summary: 'Show a host and its facts',
    permission: 'fleet.host.view',
    params: hostParams,
    status: 200,
    response: r.Host,
    errors: ['host-not-found'],
    handle: async ({ ctx, params }) => oneHost(ctx, await hostFetch(ctx, params.host)),
  }),
  operation({
    id: 'labelHost',
    method: 'PATCH',
    path: '/hosts/{host}/labels',
    summary: 'Set and remove labels',
    permission: 'fleet.host.edit',
    params: hostParams,
    body: r.HostLabel,
    status: 200,
    response: r.Host,
    errors: ['host-not-found', 'bad-input', 'label-protected'],
    handle: async ({ ctx, caller, params, body }) => oneHost(ctx, await hostLabel(ctx, caller, params.host, body)),
  }),
  operation({
    id: 'removeHost',
    method: 'DELETE',
    path: '/hosts/{host}',
    summary: 'Remove a host and revoke its agent',
    permission: 'fleet.host.remove',
    params: hostParams,
    status: 204,
    errors: ['host-not-found', 'host-in-use', 'host-is-jump-host'],
    async handle({ ctx, caller, params }) {
      const host = await hostFetch(ctx, params.host);
      const answer = await ctx.store.hostRemove(host.id, {
        actor: caller.actor,
        action: 'fleet.host.remove',
        target: `host/${host.name}`,
        detail: {},
        requestId: caller.requestId,
      });
      if (answer === 'in-use')
        throw new DroverError('host-in-use', {
          detail: `${host.name} has executions in flight. Cancel their runs or wait.`,
        });
      if (answer === 'is-jump-host')
        throw new DroverError('host-is-jump-host', {
          detail: `Other hosts are reached through ${host.name}. Give them another jump host first: drover hosts edit HOST --jump-host OTHER.`,
        });
      if (host.agentId) ctx.fleet.revoke([host.agentId]);
    },
  }),
  operation({
    id: 'listAgents',
    method: 'GET',
    path: '/agents',
    summary: 'List agents',
    permission: 'fleet.agent.view',
    query: z.strictObject({ ...page, problems: z.enum(['true']).optional().describe('Only agents that have one') }),
    status: 200,
    response: r.pageOf(r.Agent),
    errors: ['bad-input'],
    async handle({ ctx, query }) {
      const troubled =
        query.problems === undefined ? undefined : ctx.fleet.health.troubled().map(({ hostId }) => hostId);
      const { items, next } = await ctx.store.agentList(
        compact({ limit: query.limit, cursor: query.cursor }),
        troubled,
      );
      return compact({ items: items.map((agent) => agentResource(agent, ctx.fleet.health)), next });
    },
  }),
  operation({
    id: 'getAgent',
    method: 'GET',
    path: '/agents/{id}',
    summary: 'Show an agent, its load and what is wrong with it',
    permission: 'fleet.agent.view',
    params: idParams,
    status: 200,
    response: r.Agent,
    errors: ['not-found'],
    async handle({ ctx, params }) {
      const agent = await ctx.store.agentFetch(params.id as AgentId);
      if (!agent) throw new DroverError('not-found', { detail: `There is no agent ${params.id}.` });
      return agentResource(agent, ctx.fleet.health);
    },
  }),
  operation({
    id: 'revokeAgent',
    method: 'POST',
    path: '/agents/{id}/revoke',
    needsNoRoom: true,
    summary: 'Cut an agent off for good',
    permission: 'fleet.agent.revoke',
    params: idParams,
    status: 200,
    response: r.Agent,
    errors: ['not-found'],
    async handle({ ctx, caller, params }) {
      const id = params.id as AgentId;
      const answer = await ctx.store.agentRevoke(id, {
        actor: caller.actor,
        action: 'fleet.agent.revoke',
        target: `agent/${id}`,
        detail: {},
        requestId: caller.requestId,
      });
      if (answer === 'not-found') throw new DroverError('not-found', { detail: `There is no agent ${id}.` });
      ctx.fleet.revoke([id]);
      return agentResource((await ctx.store.agentFetch(id))!, ctx.fleet.health);
    },
  }),
  operation({
    id: 'keepAgentInstance',
    method: 'POST',
    path: '/agents/{id}/keep',
    summary: 'Decide which of two copies of an agent is the right one; the other is never let in again',
    permission: 'fleet.agent.keep',
    params: idParams,
    body: r.AgentKeep,
    status: 200,
    response: r.Agent,
    errors: ['not-found', 'bad-input'],
    async handle({ ctx, caller, params, body: { instance } }) {
      const id = params.id as AgentId;
      const answer = await ctx.store.agentInstanceKeep(id, instance, {
        actor: caller.actor,
        action: 'fleet.agent.keep',
        target: `agent/${id}`,
        detail: { instance },
        requestId: caller.requestId,
      });
      if (answer === 'not-found') throw new DroverError('not-found', { detail: `There is no agent ${id}.` });
      if (answer === 'no-such-instance')
        throw new DroverError('bad-input', {
          detail: `The agent has no start ${instance} to decide on. See who shows itself: drover agents show.`,
        });
      return agentResource((await ctx.store.agentFetch(id))!, ctx.fleet.health);
    },
  }),
  operation({
    id: 'joinAgent',
    method: 'POST',
    path: '/agents/join',
    summary: 'Enrol an agent with a join token',
    permission: 'public',
    body: r.AgentJoin,
    status: 201,
    response: r.AgentJoined,
    errors: ['join-token-invalid', 'join-token-expired', 'host-name-taken', 'label-protected', 'bad-input'],
    handle: ({ ctx, caller, body }) => agentJoin(ctx.enrolment, body, caller.requestId),
  }),
  operation({
    id: 'joinWorker',
    method: 'POST',
    path: '/workers/join',
    summary: 'Enrol a worker with a join token',
    permission: 'public',
    body: r.WorkerJoin,
    status: 201,
    response: r.WorkerJoined,
    errors: ['join-token-invalid', 'join-token-expired', 'bad-input'],
    handle: ({ ctx, caller, body }) => workerJoin(ctx.enrolment, body, caller.requestId),
  }),
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
    async handle({ ctx, caller, body }) {
      const [id, secret] = [newId<'token'>() as TokenId, newSecret()];
      const host = body.host === undefined ? undefined : await hostFetch(ctx, body.host);
      const zone = host?.zone ?? body.zone;
      const guarded = guardedChange(await guardedFrom(ctx, caller), host?.labels ?? {}, {
        ...host?.labels,
        ...body.labels,
      });
      if (guarded) throw labelProtected(guarded);
      const record = await ctx.store.joinTokenCreate(
        {
          id,
          hash: hashSecret(secret),
          role: body.role,
          labels: body.labels,
          zone,
          ...(host ? { hostId: host.id } : {}),
          uses: body.uses,
          lifetimeMs: parseDurationMs(body.lifetime)!,
        },
        {
          actor: caller.actor,
          action: 'fleet.join-token.create',
          target: `join-token/${id}`,
          detail: { role: body.role, uses: body.uses, zone, ...(host ? { host: host.name } : {}) },
          requestId: caller.requestId,
        },
      );
      return {
        ...joinTokenResource(record),
        token: formatJoinToken({ url: ctx.publicUrl(), fingerprint: ctx.caFingerprint, secret }),
      };
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
    handle: async ({ ctx }) => ({ items: (await ctx.store.joinTokenList()).map(joinTokenResource) }),
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
    async handle({ ctx, caller, params }) {
      if (
        !(await ctx.store.joinTokenRevoke(params.id as TokenId, {
          actor: caller.actor,
          action: 'fleet.join-token.revoke',
          target: `join-token/${params.id}`,
          detail: {},
          requestId: caller.requestId,
        }))
      )
        throw new DroverError('not-found', { detail: `There is no join token ${params.id}.` });
    },
  }),
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
    async handle({ ctx, caller, body }) {
      if (ctx.agentsShareUser && body.role === 'operator')
        throw new DroverError('agents-share-user', {
          detail:
            "The agents that `drover up` started run as its own user, and whoever runs scripts there can read the administrator's token. Start it as root (its agents then run as nobody), or with --agents 0; or say that this is meant: --agents-as with the name of this user.",
        });
      const token = newApiToken();
      const id = newId<'token'>() as TokenId;
      const record = await ctx.store.apiTokenCreate(
        { id, hash: hashSecret(token), name: body.name, role: body.role, lifetimeMs: parseDurationMs(body.lifetime)! },
        {
          actor: caller.actor,
          action: 'access.token.create',
          target: `token/${id}`,
          detail: { name: body.name, role: body.role },
          requestId: caller.requestId,
        },
      );
      if (record === 'name-taken')
        throw new DroverError('token-name-taken', {
          detail: `There is a token ${body.name}. Take another name, or revoke that one first: drover tokens revoke ${body.name}`,
          faults: [{ pointer: '#/name', code: 'token-name-taken', detail: `There is a token ${body.name} already.` }],
        });
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
    handle: async ({ ctx }) => ({ items: (await ctx.store.apiTokenList()).map(apiTokenResource) }),
  }),
  operation({
    id: 'revokeToken',
    method: 'DELETE',
    path: '/tokens/{token}',
    summary: 'Revoke an API token',
    permission: 'access.token.revoke',
    params: z.strictObject({ token: z.string().max(200).describe('Id or name') }),
    status: 204,
    errors: ['not-found'],
    async handle({ ctx, caller, params: { token } }) {
      const open = (await ctx.store.apiTokenList()).filter(({ revokedAtMs }) => revokedAtMs === undefined);
      const found = open.find(({ id }) => id === token) ?? open.find(({ name }) => name === token);
      const isRevoked =
        found !== undefined &&
        (await ctx.store.apiTokenRevoke(found.id, {
          actor: caller.actor,
          action: 'access.token.revoke',
          target: `token/${found.id}`,
          detail: { name: found.name },
          requestId: caller.requestId,
        }));
      if (!isRevoked)
        throw new DroverError('not-found', { detail: `There is no token ${token} that could be revoked.` });
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
      expiresAt: new Date(caller.expiresAtMs).toISOString(),
    }),
  }),
  operation({
    id: 'listAudit',
    method: 'GET',
    path: '/audit',
    summary: 'Read the audit trail, newest first',
    permission: 'audit.event.view',
    query: z.strictObject({ ...page, action: z.string().max(200).optional(), actor: z.string().max(200).optional() }),
    status: 200,
    response: r.pageOf(r.AuditEntry),
    errors: ['bad-input'],
    async handle({ ctx, query }) {
      const { items, next } = await ctx.store.auditList(
        compact({ action: query.action, actor: query.actor }),
        compact({ limit: query.limit, cursor: query.cursor }),
      );
      return compact({ items: items.map(auditResource), next });
    },
  }),
  operation({
    id: 'verifyAudit',
    method: 'GET',
    path: '/audit/verification',
    summary: 'Check the chain of the audit, a page at a time: neither whole nor with a fault, go on after `through`',
    permission: 'audit.event.view',
    query: z.strictObject({
      after: z
        .string()
        .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'NUMBER:HASH of an entry')
        .optional()
        .describe('NUMBER:HASH of an entry that is believed; from the first entry without it'),
    }),
    status: 200,
    response: r.AuditCheck,
    errors: ['bad-input'],
    async handle({ ctx, query }) {
      const [seq, hash] = query.after?.split(':') ?? [];
      const after = hash === undefined ? undefined : { seq: Number(seq), hash };
      const { isWhole, ...check } = await ctx.store.auditVerify(after);
      return { ...check, whole: isWhole };
    },
  }),
];

export function newApiToken(): string {
  return `drt_${randomBytes(24).toString('base64url')}`;
}
