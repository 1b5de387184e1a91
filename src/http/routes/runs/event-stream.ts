/**
 * Server-sent events of a run. Each durable event has its place as id, and Last-Event-ID goes on after it. A stream ends early when its
 * token does, or when nobody reads it: an `error` event says why.
 */
import type { FastifyReply } from 'fastify';
import type { EventPlace } from '../../../app/event-place.ts';
import { othersTurn, systemClock } from '../../../base/clock.ts';
import { DroverError } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { RunRecord } from '../../../store/contract/run.ts';
import type { Call } from '../../operation.ts';
import { written } from '../../slow-reader.ts';
import { errorFrame } from './stream-words.ts';

const HEARTBEAT = ': alive\n\n';
/** For what is still on its way to a reader who is given up. */
const LAST_WORDS_MS = 5_000;

export async function streamEvents(
  call: Pick<Call<unknown, unknown, unknown>, 'ctx' | 'caller' | 'request' | 'reply' | 'whileValid'>,
  run: RunRecord,
  after: EventPlace,
  output: boolean,
): Promise<void> {
  const { ctx, caller, request, reply } = call;
  const leave = ctx.watchers.take(caller.actor.id);
  const { raw } = reply.hijack() as FastifyReply;
  const abort = new AbortController();
  let end: DroverError | undefined;
  raw.on('close', () => abort.abort());
  // Gone before anybody listened.
  if (raw.destroyed) abort.abort();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'drover-request-id': request.id,
  });
  raw.write(': drover\n\n');
  let stopHeartbeat = (): void => undefined;
  const beat = (): void => {
    stopHeartbeat = systemClock.after(limits.linkHeartbeatMs, () => {
      if (!raw.writableNeedDrain) raw.write(HEARTBEAT);
      beat();
    });
  };
  beat();
  const stopValid = call.whileValid((why) => {
    end = why;
    abort.abort();
  });
  const how = { clock: systemClock, signal: abort.signal, stalledMsMax: ctx.watchers.limits.stalledMsMax };
  try {
    for await (const told of ctx.events.subscribe(run, after, { output, signal: abort.signal })) {
      await written(raw, ctx.words.of(told), how);
      // Hundreds may watch: each gets so much at once.
      await othersTurn();
    }
  } catch (error) {
    end ??= error instanceof DroverError ? error : new DroverError('internal', { cause: error });
    request.log.warn({ err: error, runId: run.id }, 'an event stream ended early');
  } finally {
    stopValid();
    stopHeartbeat();
    leave();
  }
  if (end) {
    ctx.metrics.streamsCut.inc({ reason: end.code });
    ctx.log.info({ requestId: request.id, runId: run.id, code: end.code }, 'an event stream was ended');
    raw.write(errorFrame(end, request.id));
  }
  raw.end();
  const cancel = systemClock.after(LAST_WORDS_MS, () => raw.destroy(), { unref: true });
  raw.once('close', cancel);
}
