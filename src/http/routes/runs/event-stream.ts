/**
 * Server-sent events of a run. Each durable event has its place as id, and Last-Event-ID goes on after it. A stream ends early when its
 * token does, or when nobody reads it: an `error` event says why.
 */
import type { FastifyReply } from 'fastify';
import type { LiveOutput } from '../../../fleet/fleet.ts';
import { formatPlace, type EventPlace } from '../../../app/event-place.ts';
import type { DurableEvent, Piece } from '../../../app/run-feed.ts';
import type { RunTold } from '../../../app/run-events.ts';
import { othersTurn, systemClock } from '../../../base/clock.ts';
import { DroverError, errors } from '../../../base/errors.ts';
import { attemptKeyOf } from '../../../base/ids.ts';
import { limits } from '../../../base/limits.ts';
import type { RunRecord } from '../../../store/contract/run.ts';
import { executionResource } from './execution-resource.ts';
import { runResource, timelineResource } from './run-resource.ts';
import { apiMetrics } from '../../metrics.ts';
import type { Call } from '../../operation.ts';
import { written } from '../../slow-reader.ts';

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
      await written(raw, encode(told), how);
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
    apiMetrics.streamsCut.inc({ reason: end.code });
    ctx.log.info({ requestId: request.id, runId: run.id, code: end.code }, 'an event stream was ended');
    raw.write(errorFrame(end, request.id));
  }
  raw.end();
  const cancel = systemClock.after(LAST_WORDS_MS, () => raw.destroy(), { unref: true });
  raw.once('close', cancel);
}

const encodedPieces = new WeakMap<Piece, Buffer>();
const encodedOutputs = new WeakMap<LiveOutput, string>();

/** What all watchers are told is put into words once. */
function encode(told: RunTold): Buffer | string {
  switch (told.kind) {
    case 'events': {
      let bytes = encodedPieces.get(told.events);
      if (!bytes) encodedPieces.set(told.events, (bytes = Buffer.from(told.events.map(encodeEvent).join(''))));
      return bytes;
    }
    case 'output':
      return told.outputs.map(({ output, hostName }) => encodeOutput(output, hostName)).join('');
    case 'end':
      return frame('end', runResource(told.run), told.place);
  }
}

function encodeEvent(event: DurableEvent): string {
  switch (event.kind) {
    case 'run':
      return frame('run', runResource(event.run), event.place);
    case 'execution':
      return frame('execution', executionResource(event.execution), event.place);
    case 'timeline':
      return frame('timeline', timelineResource(event.entry), event.place);
  }
}

function encodeOutput(output: LiveOutput, hostName: string): string {
  const known = encodedOutputs.get(output);
  if (known !== undefined) return known;
  const { attempt, stream, offset, bytes, skipped } = output;
  const { task, ordinal, attempt: number } = attemptKeyOf(attempt);
  const text = frame('output', {
    host: hostName,
    task,
    ordinal,
    attempt: number,
    stream: stream === 1 ? 'stdout' : 'stderr',
    offset,
    skipped,
    base64: Buffer.from(bytes).toString('base64'),
  });
  encodedOutputs.set(output, text);
  return text;
}

function errorFrame({ code, detail }: DroverError, requestId: string): string {
  const { status, title, retryable } = errors[code];
  return frame('error', {
    type: `https://drover.dev/errors/${code}`,
    title,
    status,
    detail,
    code,
    retryable,
    requestId,
  });
}

function frame(event: string, data: object, place?: EventPlace): string {
  return `${place === undefined ? '' : `id: ${formatPlace(place)}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
