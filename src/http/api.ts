/**
 * The API as a Fastify instance: every operation of the table gets its route, and every request goes the same way: who is it,
 * may they, is the input right (all faults at once), was it done before (Idempotency-Key), do it.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { DroverError, errorCodeOf, errors, isErrorCode, type ErrorCode, type InputFault } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { isRole, roleAllows } from '../domain/access/permission.ts';
import { hashSecret } from '../pki/join-token.ts';
import type { ApiToken, Actor } from '../store/store.ts';
import { accountOperations } from './account-operations.ts';
import { fleetOperations } from './fleet-operations.ts';
import { hostOperations } from './host-operations.ts';
import { apiMetrics, renderMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import type { ApiContext, Call, Operation } from './operation.ts';
import { workerOperations } from './worker-operations.ts';
import { addPackageRoute } from './package-route.ts';
import { runOperations } from './run-operations.ts';
import { upgradeOperations } from './upgrade-operations.ts';

export const operations: readonly Operation[] = [
  ...runOperations,
  ...fleetOperations,
  ...workerOperations,
  ...hostOperations,
  ...accountOperations,
  ...upgradeOperations,
];

/** A token's row is believed for this long: a revocation takes effect within it. */
const TOKEN_CACHE_MS = 3_000;
const TOKEN_CACHE_MAX = 10_000;
const PUBLIC_ACTOR: Actor = { kind: 'system', id: 'public', name: 'public' };

export interface ApiOptions {
  readonly readiness: () => Promise<Readonly<Record<string, boolean>>>;
}

export function createApi(ctx: ApiContext, options: ApiOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.requestBodyBytesMax,
    genReqId: () => newId(),
    requestIdHeader: false,
    routerOptions: { maxParamLength: 500 },
    forceCloseConnections: true,
    requestTimeout: 60_000,
    keepAliveTimeout: 75_000,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', 'application/json; charset=utf-8'],
    { parseAs: 'string' },
    (_request, text, done) => parseJson(String(text), done),
  );
  app.setErrorHandler((error, request, reply) => sendProblem(ctx, request, reply, error));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      ctx,
      request,
      reply,
      new DroverError('not-found', { detail: `There is nothing at ${request.method} ${request.url.split('?')[0]}.` }),
    ),
  );
  app.addHook('onRequest', async (request, reply) => void reply.header('drover-request-id', request.id));
  app.addHook('onResponse', async (request, reply) => {
    const operation = request.routeOptions.config as { operationId?: string };
    apiMetrics.requests.inc({ operation: operation.operationId ?? 'other', status: String(reply.statusCode) });
    apiMetrics.duration.observe(reply.elapsedTime / 1_000);
    ctx.log.debug(
      {
        requestId: request.id,
        method: request.method,
        url: request.url.split('?')[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });
  const authenticate = authenticator(ctx);
  for (const operation of operations) {
    app.route({
      method: operation.method,
      url: `/api/v1${operation.path.replace(/\{(\w+)\}/g, ':$1')}`,
      config: { operationId: operation.id },
      handler: (request, reply) => serve(ctx, operation, authenticate, request, reply),
    });
  }
  const document = JSON.stringify(openApiDocument(operations));
  app.get('/api/openapi.json', async (_request, reply) => reply.type('application/json').send(document));
  addPackageRoute(app, ctx.packages);
  app.get('/healthz', async () => ({ status: 'alive' }));
  app.get('/readyz', async (_request, reply) => {
    const checks = await options.readiness();
    const ready = Object.values(checks).every(Boolean);
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not-ready', checks });
  });
  app.get('/metrics', async (request, reply) => {
    await authorize(await authenticate(request), 'system.metrics.view');
    return reply.type('text/plain; version=0.0.4').send(await renderMetrics(ctx));
  });
  return app;
}

function parseJson(text: string, done: (error: Error | null, body?: unknown) => void): void {
  if (text.trim() === '') return done(null, undefined);
  try {
    const body: unknown = JSON.parse(text);
    if (depthOf(body, 0) > limits.jsonDepthMax) throw new SyntaxError(`nested deeper than ${limits.jsonDepthMax}`);
    done(null, body);
  } catch (error) {
    // The engine's message quotes the text, which may hold a secret.
    const why = (error as Error).message.replace(/^Unexpected token .*$/s, 'an unexpected character');
    done(
      new DroverError('bad-input', {
        detail: `The body is not JSON: ${why}`,
        faults: [{ pointer: '#', code: 'bad-input', detail: why }],
      }),
    );
  }
}

function depthOf(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null || depth > limits.jsonDepthMax) return depth;
  let most = depth;
  for (const part of Object.values(value)) most = Math.max(most, depthOf(part, depth + 1));
  return most;
}

// — the way of a request —

type Authenticate = (request: FastifyRequest) => Promise<Call<never, never, never>['caller']>;

async function serve(
  ctx: ApiContext,
  operation: Operation,
  authenticate: Authenticate,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const isPublic = operation.permission === 'public';
  const caller = isPublic
    ? { actor: PUBLIC_ACTOR, requestId: request.id, role: 'viewer' as const, expiresAtMs: 0 }
    : await authenticate(request);
  if (operation.permission !== 'public') await authorize(caller, operation.permission);
  const input = validate(operation, request);
  const call = { ctx, caller, request, reply, ...input } as unknown as Call<never, never, never>;
  const key = operation.method === 'GET' || isPublic ? undefined : request.headers['idempotency-key'];
  if (key === undefined) return answer(operation, reply, await operation.handle(call));
  return serveOnce(ctx, operation, call, String(key), reply);
}

/** The first request with a key is carried out; the same again gets the same answer, another one a refusal. */
async function serveOnce(
  ctx: ApiContext,
  operation: Operation,
  call: Call<never, never, never>,
  key: string,
  reply: FastifyReply,
): Promise<unknown> {
  if (key.length > limits.idempotencyKeyLengthMax || key === '')
    throw new DroverError('bad-input', {
      detail: `An Idempotency-Key has 1 to ${limits.idempotencyKeyLengthMax} characters.`,
      faults: [{ pointer: 'Idempotency-Key', code: 'bad-input', detail: 'too long or empty' }],
    });
  const { store } = ctx;
  const principal = call.caller.actor.id;
  // Under a key: the body may hold a password, and a bare digest would let whoever has the table guess it.
  const hash = ctx.sealer.digest(JSON.stringify([operation.id, call.params, call.body]));
  const claim = await store.idempotencyClaim(key, principal, hash);
  switch (claim.kind) {
    case 'busy':
      throw new DroverError('idempotency-in-progress', {
        detail: 'The first request with this Idempotency-Key is still running.',
        retryAfterS: 1,
      });
    case 'reused':
      throw new DroverError('idempotency-key-reused', {
        detail: 'This Idempotency-Key was used for another request. Take a new key for each new request.',
      });
    case 'replay':
      if (operation.shownOnce) throw shownOnceBefore(operation.shownOnce, claim.body);
      return reply
        .header('idempotency-replayed', 'true')
        .status(claim.status)
        .type('application/json')
        .send(
          operation.replay
            ? JSON.stringify(await operation.replay(ctx, claim.body))
            : claim.body === ''
              ? undefined
              : claim.body,
        );
    case 'claimed':
  }
  let result: unknown;
  try {
    result = await operation.handle({ ...call, caller: { ...call.caller, claim: { principal, key } } });
  } catch (error) {
    // A refusal had no effect: the key may be used again. After a fault nobody knows, so the claim stands for its minute.
    if (errors[errorCodeOf(error)].status < 500) await store.idempotencyRelease(key, principal).catch(() => undefined);
    throw error;
  }
  const kept = operation.shownOnce ? { id: (result as { id: string }).id } : result;
  const body = kept === undefined ? '' : JSON.stringify(kept);
  await store.idempotencyStore(key, principal, operation.status, body);
  return answer(operation, reply, result);
}

/** Who repeats the request has lost the answer, or never had it: what it made must not stay about unknown. */
function shownOnceBefore({ what, revoke }: NonNullable<Operation['shownOnce']>, kept: string): DroverError {
  const { id } = JSON.parse(kept) as { id: string };
  return new DroverError('secret-shown-once', {
    detail: `This request was carried out before and made the ${what} ${id}, which was shown in that answer only. If the answer is lost, revoke it (${revoke} ${id}) and make another.`,
  });
}

function answer(operation: Operation, reply: FastifyReply, result: unknown): unknown {
  if (operation.contentType === 'text/event-stream') return reply;
  if (operation.status === 204) return reply.status(204).send();
  void reply.status(operation.status);
  return reply.send(result);
}

// — who, and may they —

function authenticator(ctx: ApiContext): Authenticate {
  const cache = new Map<string, { token: ApiToken | undefined; untilMs: number }>();
  const lookUp = async (text: string): Promise<ApiToken | undefined> => {
    const now = ctx.clock.monotonicMs();
    const hash = hashSecret(text);
    const key = hash.toString('latin1');
    const known = cache.get(key);
    if (known && known.untilMs > now) return known.token;
    const token = await ctx.store.apiTokenFetch(hash);
    if (cache.size >= TOKEN_CACHE_MAX) cache.clear();
    cache.set(key, { token, untilMs: now + TOKEN_CACHE_MS });
    return token;
  };
  return async (request) => {
    const match = /^Bearer ([\x21-\x7e]{1,500})$/i.exec(request.headers.authorization ?? '');
    if (!match)
      throw new DroverError('unauthenticated', {
        detail: 'Send a token: Authorization: Bearer drt_… (make one with `drover tokens create`).',
      });
    const token = await lookUp(match[1]!);
    if (!token || token.revokedAtMs !== undefined || !isRole(token.role))
      throw new DroverError('unauthenticated', { detail: 'The token is not known or has been revoked.' });
    if (token.expiresAtMs <= ctx.clock.nowMs())
      throw new DroverError('token-expired', {
        detail: `The token ${token.name} expired at ${new Date(token.expiresAtMs).toISOString()}. Make a new one with: drover tokens create.`,
      });
    return {
      actor: { kind: 'token', id: token.id, name: token.name },
      requestId: request.id,
      role: token.role,
      expiresAtMs: token.expiresAtMs,
    };
  };
}

async function authorize(
  caller: { readonly role: Call<never, never, never>['caller']['role'] },
  permission: Exclude<Operation['permission'], 'public'>,
): Promise<void> {
  if (!roleAllows(caller.role, permission))
    throw new DroverError('permission-denied', {
      detail: `The role ${caller.role} does not have the permission ${permission}.`,
    });
}

// — is the input right —

function validate(operation: Operation, request: FastifyRequest): { params: unknown; query: unknown; body: unknown } {
  const faults: InputFault[] = [];
  const check = (
    schema: z.ZodType | undefined,
    value: unknown,
    pointer: (path: readonly PropertyKey[]) => string,
  ): unknown => {
    if (!schema) return undefined;
    const parsed = schema.safeParse(value ?? {});
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) faults.push(faultOf(issue, pointer));
    return undefined;
  };
  const params = check(operation.params, request.params, (path) => path.join('.'));
  const query = check(operation.query, request.query, (path) => path.join('.'));
  const body = check(
    operation.body,
    request.body,
    (path) => `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`,
  );
  if (faults.length === 0) return { params, query, body };
  throw new DroverError(faults.length === 1 ? faults[0]!.code : 'bad-input', {
    detail: faults.map((fault) => `${fault.pointer}: ${fault.detail}`).join('; '),
    faults,
  });
}

function faultOf(issue: z.core.$ZodIssue, pointer: (path: readonly PropertyKey[]) => string): InputFault {
  const coded = /^([a-z-]+): (.*)$/s.exec(issue.message);
  if (coded && isErrorCode(coded[1]!)) return { pointer: pointer(issue.path), code: coded[1]!, detail: coded[2]! };
  return { pointer: pointer(issue.path), code: 'bad-input', detail: issue.message };
}

// — problems (RFC 9457) —

function sendProblem(ctx: ApiContext, request: FastifyRequest, reply: FastifyReply, thrown: unknown): unknown {
  const error = toDroverError(thrown);
  const { code } = error;
  const { status, title, retryable } = errors[code];
  // What is away for now is told to whoever asked; a stack is for what should not be.
  if (status === 503)
    ctx.log.warn(
      { requestId: request.id, code, err: error.message, ...error.context },
      'a request could not be served now',
    );
  else if (status >= 500)
    ctx.log.error({ requestId: request.id, code, err: thrown, ...error.context }, 'a request failed');
  const retryAfterS = error.retryAfterS ?? (status === 503 ? 1 : undefined);
  if (retryAfterS !== undefined) void reply.header('retry-after', String(retryAfterS));
  const problem = {
    type: `https://drover.dev/errors/${code}`,
    title,
    status,
    detail:
      code === 'internal' ? `Something went wrong here; the log tells more under request ${request.id}.` : error.detail,
    instance: request.url.split('?')[0],
    code,
    retryable,
    requestId: request.id,
    ...(error.faults.length > 0 ? { errors: error.faults } : {}),
  };
  return reply.status(status).type('application/problem+json').send(JSON.stringify(problem));
}

/** Fastify's own refusals have codes of their own. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-input',
  FST_ERR_BAD_URL: 'bad-input',
};

function toDroverError(thrown: unknown): DroverError {
  if (thrown instanceof DroverError) return thrown;
  const code = (thrown as { code?: unknown } | undefined)?.code;
  const known = typeof code === 'string' ? FASTIFY_CODES[code] : undefined;
  return new DroverError(known ?? 'internal', {
    ...(known ? { detail: (thrown as Error).message } : {}),
    cause: thrown,
  });
}
