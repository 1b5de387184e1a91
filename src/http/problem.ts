/** How a refusal or a fault is told: problems of RFC 9457, with a code of ours. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DroverError, errors, type ErrorCode } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { ApiContext } from './operation.ts';

export function sendProblem(ctx: ApiContext, request: FastifyRequest, reply: FastifyReply, thrown: unknown): unknown {
  const error = toDroverError(thrown);
  const { code } = error;
  const { status, title, retryable } = errors[code];
  // What is away for now is told to whoever asked; a stack is for what should not be.
  if (!request.raw.complete && request.raw.destroyed)
    ctx.log.debug({ requestId: request.id }, 'a caller has broken off its request');
  else if (status === 503)
    ctx.log.warn(
      { requestId: request.id, code, err: error.message, ...error.context },
      'a request could not be served now',
    );
  else if (status >= 500)
    ctx.log.error({ requestId: request.id, code, err: thrown, ...error.context }, 'a request failed');
  const retryAfterS = error.retryAfterS ?? (status === 503 ? 1 : undefined);
  if (retryAfterS !== undefined) void reply.header('retry-after', String(retryAfterS));
  // A refusal costs what an answer does: whoever goes on needs a new connection, and of those an address has so many a second.
  if (code === 'too-many-requests') void reply.header('connection', 'close');
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
    ...given({
      errors: error.faultCount > 0 ? error.faults : undefined,
      errorCount: error.faultCount > 0 ? error.faultCount : undefined,
    }),
  };
  return reply.status(status).type('application/problem+json').send(JSON.stringify(problem));
}

/** Fastify's own refusals, by their status. */
function refusalOfFastify(thrown: unknown): ErrorCode | undefined {
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
  if (typeof code !== 'string' || !code.startsWith('FST_') || typeof statusCode !== 'number' || statusCode >= 500)
    return undefined;
  return statusCode === 413 ? 'body-too-large' : statusCode === 415 ? 'unsupported-media-type' : 'bad-input';
}

function toDroverError(thrown: unknown): DroverError {
  if (thrown instanceof DroverError) return thrown;
  const known = refusalOfFastify(thrown);
  return new DroverError(known ?? 'internal', {
    ...given({ detail: known ? (thrown as Error).message.slice(0, 1_000) : undefined }),
    cause: thrown,
  });
}
