/**
 * The API as a Fastify instance: every operation of the table gets its route, and every request goes the same way: who is it,
 * may they, is the input right (all faults at once), was it done before (Idempotency-Key), do it.
 */
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { DroverError, errorCodeOf, errors } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { ROOT } from '../domain/access/access-node.ts';
import { jobJsonSchema } from '../domain/job/job-shape.ts';
import type { Actor } from '../store/contract/audit.ts';
import { PeerProofs } from '../pki/peer-proof.ts';
import { isLoopback, networkOf } from '../base/network.ts';
import { portLimits } from '../base/port-limits.ts';
import { AddressRate, type AddressRateOptions } from './address-rate.ts';
import { Admission, longRequestAdmission, type AdmissionLimits } from './admission.ts';
import { Authentication, type Authenticated } from './authentication.ts';
import { answerLimits, bodyBytesOf, bodyLimits, BytePlaces, type ByteLimits } from './byte-places.ts';
import { DownloadPlaces, type DownloadLimits } from './download-places.ts';
import { HeldFor } from './held-for.ts';
import { parseBody } from './body-json.ts';
import { validate } from './input.ts';
import { openApiDocument } from './openapi.ts';
import { PeerAgents } from './peer-agents.ts';
import type { ApiContext, Call, Operation } from './operation.ts';
import { addPackageRoute } from './routes/agents/package-route.ts';
import { sendProblem } from './problem.ts';
import { operations } from './routes/routes.ts';

/** Smaller answers are bounded by how many of them a connection may have. */
const ANSWER_COUNTED_MIN = 1_024;
/** Readiness is asked of the database by whoever looks first, and told to all who look within this. */
const READINESS_BELIEVED_MS = 1_000;
const METRICS_BELIEVED_MS = 1_000;
const PUBLIC_ACTOR: Actor = { kind: 'system', id: 'public', name: 'public' };

export interface ApiOptions {
  /** The connection is of somebody with a good token, or of an agent. */
  readonly onCaller?: (socket: Socket) => void;
  readonly readiness: () => Promise<Readonly<Record<string, boolean>>>;
  /** Other limits than the product's, for tests. */
  readonly admission?: AdmissionLimits;
  readonly bodies?: ByteLimits;
  readonly answers?: ByteLimits;
  readonly publicRate?: Partial<AddressRateOptions>;
  readonly healthRate?: Partial<AddressRateOptions>;
  readonly downloads?: DownloadLimits;
}

/** What hooks and the reader of bodies know of a route. */
interface RouteConfig {
  readonly operationId?: string;
  readonly bulk?: Operation['bulk'];
}

/** What stands between callers and the handlers. */
interface Door {
  readonly authentication: Authentication;
  readonly onCaller: (socket: Socket) => void;
  readonly publicRate: AddressRate;
  readonly healthRate: AddressRate;
  readonly admission: Admission;
  /** For requests that wait for hosts and not for the database: they have places of their own. */
  readonly longAdmission: Admission;
  readonly bodies: BytePlaces;
  readonly answers: BytePlaces;
  readonly held: HeldFor;
}

function openDoor(ctx: ApiContext, options: ApiOptions): Door {
  const admission = new Admission(ctx.clock, options.admission);
  const publicRate = new AddressRate({ clock: ctx.clock, ...options.publicRate });
  return {
    onCaller: options.onCaller ?? (() => undefined),
    admission,
    longAdmission: new Admission(ctx.clock, longRequestAdmission),
    bodies: new BytePlaces(
      options.bodies ?? bodyLimits,
      'Requests with large bodies are under way already; send this one again in a moment.',
    ),
    held: new HeldFor(),
    answers: new BytePlaces(
      options.answers ?? answerLimits,
      'Earlier answers have not been read yet; read them, and ask again in a moment.',
    ),
    authentication: new Authentication(ctx.store, ctx.clock, admission, (address) => publicRate.hasLeft(address)),
    publicRate,
    healthRate: new AddressRate({
      clock: ctx.clock,
      perSecond: portLimits.healthRequestsPerSecond,
      burst: portLimits.healthRequestsBurst,
      ...options.healthRate,
    }),
  };
}

export function createApi(ctx: ApiContext, options: ApiOptions): FastifyInstance {
  const door = openDoor(ctx, options);
  const app = fastify({
    logger: false,
    // No route but an operation takes a body, and says how large.
    bodyLimit: 1,
    genReqId: () => newId(),
    requestIdHeader: false,
    routerOptions: { maxParamLength: 500 },
    forceCloseConnections: true,
    requestTimeout: 60_000,
    keepAliveTimeout: 75_000,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    frameworkErrors: (error, request, reply) => sendProblem(ctx, request, reply, refusedOr(error, door, request)),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', 'application/json; charset=utf-8'],
    { parseAs: 'string' },
    (request: FastifyRequest, text: string) => parseBody(text, (request.routeOptions.config as RouteConfig).bulk),
  );
  app.setErrorHandler((error, request, reply) => sendProblem(ctx, request, reply, error));
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('drover-request-id', request.id);
    // Here, and not in the handler of what was not found: that is called when the body has been read.
    if (request.is404) throw refusedOr(nothingAt(request), door, request);
  });
  app.addHook('onResponse', async (request, reply) => {
    const { operationId } = request.routeOptions.config as RouteConfig;
    ctx.metrics.requests.inc({ operation: operationId ?? 'other', status: String(reply.statusCode) });
    ctx.metrics.duration.observe(reply.elapsedTime / 1_000);
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
  for (const operation of operations) addOperation(app, ctx, door, operation);
  addDocument(app, ctx, door, '/api/openapi.json', 'application/json', openApiDocument(operations));
  addDocument(app, ctx, door, '/api/v1/schemas/job.json', 'application/schema+json', jobJsonSchema());
  addPackageRoute(app, {
    packages: ctx.packages,
    places: new DownloadPlaces(ctx.clock, options.downloads),
    held: door.held,
    agents: new PeerAgents({
      proofs: new PeerProofs(ctx.enrolment.ca.certificate),
      clock: ctx.clock,
      isRevoked: (agentId) => ctx.fleet.isRevoked(agentId),
      onLetIn: door.onCaller,
    }),
    onRequest: (address) => takePublic(door, address),
  });
  // A rate of their own for these two, a large one: who looks after servers asks from the address of all other callers
  // where a proxy stands between. And none for this machine, whose supervisor must not take a server for dead.
  const forHealth = {
    onRequest: async ({ ip }: FastifyRequest) => {
      if (!isLoopback(ip)) takeOf(door.healthRate, ip);
    },
  };
  app.get('/healthz', forHealth, async () => ({ status: 'alive' }));
  const readiness = believedFor(READINESS_BELIEVED_MS, ctx.clock, options.readiness);
  app.get('/readyz', forHealth, async (_request, reply) => {
    const checks = await readiness();
    const ready = Object.values(checks).every(Boolean);
    // Told, but no reason to send callers away: reading works, and so does ending what runs.
    return reply
      .status(ready ? 200 : 503)
      .send({ status: ready ? 'ready' : 'not-ready', checks, databaseSpace: ctx.space.state() });
  });
  addMetricsRoute(app, ctx, door);
  return app;
}

/** What is no secret and is the same for everybody: programs and editors read it without a token. */
function addDocument(
  app: FastifyInstance,
  ctx: ApiContext,
  door: Door,
  path: string,
  type: string,
  document: object,
): void {
  const bytes = Buffer.from(JSON.stringify(document));
  app.get(path, {
    onRequest: async (request) => takePublic(door, request.ip),
    onSend: async (request, reply, payload) =>
      holdAnswer(ctx, door, `address ${networkOf(request.ip)}`, reply, payload),
    handler: async (_request, reply) => reply.type(type).send(bytes),
  });
}

/** One page for all who ask within a second: making it asks the database, and every collector asks every few seconds. */
function addMetricsRoute(app: FastifyInstance, ctx: ApiContext, door: Door): void {
  const callers = new WeakMap<FastifyRequest, Authenticated>();
  const page = believedFor(METRICS_BELIEVED_MS, ctx.clock, () => ctx.metrics.render(ctx));
  app.get('/metrics', {
    onRequest: async (request) => {
      const caller = await whoIs(door, request);
      authorize(caller, 'system.metrics.view');
      callers.set(request, caller);
    },
    onSend: async (request, reply, payload) =>
      holdAnswer(ctx, door, callers.get(request)?.actor.id ?? `address ${networkOf(request.ip)}`, reply, payload),
    handler: async (request, reply) =>
      reply.type('text/plain; version=0.0.4').send(await door.admission.run(callers.get(request)!.actor.id, 0, page)),
  });
}

// — the way of a request —

function addOperation(app: FastifyInstance, ctx: ApiContext, door: Door, operation: Operation): void {
  const callers = new WeakMap<FastifyRequest, Authenticated>();
  const bodyLimit =
    operation.permission === 'public'
      ? limits.publicBodyBytesMax
      : (operation.bodyBytesMax ?? portLimits.bodyBytesDefault);
  const placeOf = (caller: Authenticated | undefined, request: FastifyRequest): string =>
    caller === undefined || caller.actor === PUBLIC_ACTOR ? `address ${networkOf(request.ip)}` : caller.actor.id;
  app.route({
    method: operation.method,
    url: `/api/v1${operation.path.replace(/\{(\w+)\}/g, ':$1')}`,
    config: { operationId: operation.id, ...given({ bulk: operation.bulk }) } satisfies RouteConfig,
    exposeHeadRoute: operation.contentType !== 'text/event-stream',
    bodyLimit,
    onRequest: async (request, reply) => {
      const caller = await receive(door, operation, request);
      callers.set(request, caller);
      const bytes = bodyBytesOf(request.raw, bodyLimit);
      if (bytes === 0) return;
      door.held.add(request.raw, reply.raw, door.bodies.take(placeOf(caller, request), bytes));
    },
    onSend: async (request, reply, payload) =>
      holdAnswer(ctx, door, placeOf(callers.get(request), request), reply, payload),
    handler(request, reply) {
      const caller = callers.get(request)!;
      const admission = operation.isLong ? door.longAdmission : door.admission;
      return admission.run(placeOf(caller, request), bodyBytesOf(request.raw, bodyLimit), () =>
        serve(ctx, door, operation, caller, request, reply),
      );
    },
  });
}

/** An answer has its place until it is taken, and so long for that as a slow reader needs. */
function holdAnswer(ctx: ApiContext, door: Door, caller: string, reply: FastifyReply, payload: unknown): void {
  const bytes =
    typeof payload === 'string' ? Buffer.byteLength(payload) : Buffer.isBuffer(payload) ? payload.length : 0;
  if (bytes < ANSWER_COUNTED_MIN) return;
  // A deed is done, and a refusal is one: their answers are counted, and sent whatever there is.
  const isRefusable = reply.request.method === 'GET' && reply.statusCode < 400;
  const give = isRefusable ? door.answers.take(caller, bytes) : door.answers.hold(caller, bytes);
  const { socket } = reply.request.raw;
  const cancel = ctx.clock.after(
    limits.connectionStepMsMax + (bytes / limits.bodyStepBytesMin) * limits.connectionStepMsMax,
    () => socket.destroy(),
    { unref: true },
  );
  door.held.add(reply.request.raw, reply.raw, () => {
    cancel();
    give();
  });
}

/** Before a byte of the body is read: who does not may not make the server hold one. */
async function receive(door: Door, operation: Operation, request: FastifyRequest): Promise<Authenticated> {
  if (operation.permission === 'public') {
    takePublic(door, request.ip);
    return { actor: PUBLIC_ACTOR, requestId: request.id, role: 'viewer', expiresAtMs: 0, can: () => false };
  }
  const caller = await whoIs(door, request);
  authorize(caller, operation.permission);
  return caller;
}

/** Who has no good token asks as anybody does: so often, and no more. */
async function whoIs(door: Door, request: FastifyRequest): Promise<Authenticated> {
  try {
    const caller = await door.authentication.authenticate(request);
    door.onCaller(request.raw.socket);
    return caller;
  } catch (error) {
    if (errors[errorCodeOf(error)].status === 401) takePublic(door, request.ip);
    throw error;
  }
}

/** One question for all who ask within so long. What failed is asked again at once. */
function believedFor<T>(ms: number, clock: ApiContext['clock'], ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly answer: Promise<T>; readonly untilMs: number } | undefined;
  return () => {
    if (last && last.untilMs > clock.monotonicMs()) return last.answer;
    const answer = ask();
    last = { answer, untilMs: clock.monotonicMs() + ms };
    answer.catch(() => (last = undefined));
    return answer;
  };
}

/** What is asked for in vain is asked for without a token: the refusal, or that of whoever asks too often. */
function refusedOr(refusal: Error, door: Door, request: FastifyRequest): Error {
  try {
    takePublic(door, request.ip);
    return refusal;
  } catch (tooOften) {
    return tooOften as Error;
  }
}

function nothingAt({ method, url }: FastifyRequest): DroverError {
  return new DroverError('not-found', { detail: `There is nothing at ${method} ${url.split('?')[0]}.` });
}

/** Throws where an address asks without a token more often than it may. */
function takePublic(door: Door, address: string): void {
  takeOf(door.publicRate, address);
}

function takeOf(rate: AddressRate, address: string): void {
  const retryAfterS = rate.take(address);
  if (retryAfterS > 0)
    throw new DroverError('too-many-requests', {
      detail: 'Too many requests without a token from this address; come back in a moment.',
      retryAfterS,
    });
}

async function serve(
  ctx: ApiContext,
  door: Door,
  operation: Operation,
  caller: Authenticated,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  // First of all: a claim of an Idempotency-Key is a write as well.
  if (needsRoom(operation)) ctx.space.assertRoomForWork();
  const input = await validate(operation, request);
  const whileValid: Call<never, never, never>['whileValid'] = (onEnd) => door.authentication.whileValid(caller, onEnd);
  const call = { ctx, caller, request, reply, whileValid, ...input } as unknown as Call<never, never, never>;
  const key = takesKey(operation, input.body) ? request.headers['idempotency-key'] : undefined;
  if (key === undefined) return answer(operation, reply, await operation.handle(call));
  return serveOnce(ctx, operation, call, String(key), reply);
}

/** What makes more to keep. Reading, ending and taking away go on for as long as PostgreSQL itself can. */
export function needsRoom({ method, needsNoRoom, asksOnly }: Operation): boolean {
  return method !== 'GET' && method !== 'DELETE' && !needsNoRoom && asksOnly !== true;
}

/** What writes nothing would keep, by its key, an answer for whoever may only read. */
function takesKey({ method, permission, asksOnly }: Operation, body: unknown): boolean {
  if (method === 'GET' || permission === 'public') return false;
  return !(typeof asksOnly === 'function' ? asksOnly(body as never) : asksOnly);
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
  // Whose answer is made anew from what was kept has kept it with the deed itself.
  if (operation.replay) return answer(operation, reply, result);
  const kept = operation.shownOnce ? { id: (result as { id: string }).id } : result;
  const body = kept === undefined ? '' : JSON.stringify(kept);
  await store.idempotencyStore(key, principal, operation.status, body);
  return answer(operation, reply, result);
}

/** Who repeats the request has lost the answer, or never had it: what it made must not stay about unknown. */
function shownOnceBefore({ what, revoke }: NonNullable<Operation['shownOnce']>, kept: string): DroverError {
  const { id } = JSON.parse(kept) as { id: string };
  return new DroverError('secret-shown-once', {
    detail:
      `This request was carried out before and made the ${what} ${id}, which was shown in that answer only. If the ` +
      `answer is lost, revoke it (${revoke} ${id}) and make another.`,
  });
}

function answer(operation: Operation, reply: FastifyReply, result: unknown): unknown {
  if (result === reply || operation.contentType === 'text/event-stream') return reply;
  if (operation.status === 204) return reply.status(204).send();
  void reply.status(operation.status);
  return reply.send(result);
}

// — may they —

/** The verb asks again, for the node that it works on. */
function authorize(caller: Authenticated, permission: Exclude<Operation['permission'], 'public'>): void {
  if (!caller.can(permission, ROOT))
    throw new DroverError('permission-denied', {
      detail: `The role ${caller.role} does not have the permission ${permission}.`,
    });
}
