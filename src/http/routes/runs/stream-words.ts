/** Server-sent events as text: what a run's watchers are told, and why a stream ends early. */
import { formatPlace, type EventPlace } from '../../../app/event-place.ts';
import type { OutputOf } from '../../../app/held-output.ts';
import type { RunTold } from '../../../app/run-events.ts';
import type { DurableEvent, Piece } from '../../../app/run-feed.ts';
import { given } from '../../../base/given.ts';
import { errors, type DroverError } from '../../../base/errors.ts';
import { attemptKeyOf } from '../../../base/ids.ts';
import type { LiveOutput } from '../../../fleet/fleet.ts';
import { executionResource } from './execution-resource.ts';
import { runResource, timelineResource } from './run-resource.ts';

/** What all watchers of a server's runs are told is put into words once. */
export class StreamWords {
  readonly #pieces = new WeakMap<Piece, Buffer>();
  readonly #outputs = new WeakMap<LiveOutput, string>();

  of(told: RunTold): Buffer | string {
    switch (told.kind) {
      case 'events': {
        let bytes = this.#pieces.get(told.events);
        if (!bytes) this.#pieces.set(told.events, (bytes = Buffer.from(told.events.map(encodeEvent).join(''))));
        return bytes;
      }
      case 'output':
        return told.outputs.map(({ output, ...of }) => this.#output(output, of)).join('');
      case 'end':
        return frame('end', runResource(told.run), told.place);
    }
  }

  #output(output: LiveOutput, { hostName: host, item }: OutputOf): string {
    const known = this.#outputs.get(output);
    if (known !== undefined) return known;
    const { attempt, stream, offset, bytes, skipped } = output;
    const { task, ordinal, attempt: number } = attemptKeyOf(attempt);
    const text = frame('output', {
      ...given({ host, item }),
      task,
      ordinal,
      attempt: number,
      stream: stream === 1 ? 'stdout' : 'stderr',
      offset,
      skipped,
      base64: Buffer.from(bytes).toString('base64'),
    });
    this.#outputs.set(output, text);
    return text;
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

export function errorFrame({ code, detail }: DroverError, requestId: string): string {
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
