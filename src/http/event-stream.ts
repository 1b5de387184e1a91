/** Server-sent events of a run. A watcher that does not read is not waited for: the connection ends, and Last-Event-ID resumes it. */
import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RunEvent, RunEventHub } from '../app/run-events.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import type { RunId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { attemptKeyOf } from '../base/ids.ts';
import { executionResource, runResource, timelineResource } from './convert.ts';

const HEARTBEAT = ': alive\n\n';
let watchers = 0;

export async function streamEvents(
  hub: RunEventHub,
  runId: RunId,
  afterSeq: number,
  output: boolean,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (watchers >= limits.liveWatchersPerServerMax)
    throw new DroverError('too-many-requests', {
      detail: 'Too many watchers on this server; poll the run instead, or come back.',
      retryAfterS: 5,
    });
  watchers++;
  reply.hijack();
  const { raw } = reply;
  const abort = new AbortController();
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
      raw.write(HEARTBEAT);
      beat();
    });
  };
  beat();
  try {
    for await (const event of hub.subscribe(runId, afterSeq, { output, signal: abort.signal })) {
      if (!raw.write(encode(event)))
        await Promise.race([once(raw, 'drain', { signal: abort.signal }), once(abort.signal, 'abort')]).catch(
          () => undefined,
        );
    }
    raw.end();
  } catch (error) {
    request.log.warn({ err: error, runId }, 'an event stream ended early');
    raw.destroy();
  } finally {
    stopHeartbeat();
    watchers--;
  }
}

function encode(event: RunEvent): string {
  switch (event.kind) {
    case 'run':
    case 'end':
      return frame(event.kind, runResource(event.run), event.seq);
    case 'execution':
      // The id comes with the run event that closes this seq: resuming in the middle of one would lose its rest.
      return frame('execution', executionResource(event.execution));
    case 'timeline':
      return frame('timeline', timelineResource(event.entry));
    case 'output': {
      const { attempt, stream, offset, bytes, skipped } = event.output;
      const { task, ordinal, attempt: number } = attemptKeyOf(attempt);
      return frame('output', {
        host: event.hostName,
        task,
        ordinal,
        attempt: number,
        stream: stream === 1 ? 'stdout' : 'stderr',
        offset,
        skipped,
        base64: Buffer.from(bytes).toString('base64'),
      });
    }
  }
}

function frame(event: string, data: object, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
