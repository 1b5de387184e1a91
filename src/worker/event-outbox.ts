/**
 * What agents said, on its way to one server: sent in company, in frames of bounded size, kept within bounds while the
 * server is behind.
 */
import { limits } from '../base/limits.ts';
import { encodeFrame } from '../link/codec.ts';
import { FrameTemplate } from '../link/frame-template.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';

/** Reports carry output: so many of them as there may be events in a frame would be larger than a frame may be. */
const FRAME_BYTES = limits.frameBytesMax / 4;
/** What an event weighs beside its bytes, guessed high. */
const EVENT_BYTES = 128;
/** By far the most frequent event: what an agent has sealed. */
const SAID = new FrameTemplate({ k: 'said' }, ['a', 'agentId', 'body', 'mac']);
/** A map of the two fields of the frame, up to where the number of events stands. */
const FRAME_HEAD = Buffer.concat([
  Buffer.from([0x82]),
  ...['t', 'events', 'events'].map((text) => Buffer.from(encodeFrame(text as never))),
]);
const LIST16 = 0xdc;

export class EventOutbox {
  /** Encoded as they come: what was made of a word to pass it on lives no longer than that. */
  #events: Buffer[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  get isFrameFull(): boolean {
    return this.#events.length >= limits.eventsPerFrameMax || this.#bytes >= FRAME_BYTES;
  }

  /** False when there is no room: the event is dropped, as if the link had been lost just before. */
  push(event: AttemptEvent): boolean {
    if (this.#bytes >= limits.workerOutputBytesMax) return false;
    const bytes =
      event.k === 'said' ? SAID.encode(event.a, event.agentId, event.body, event.mac) : Buffer.from(encodeFrame(event));
    this.#events.push(bytes);
    this.#bytes += weight(bytes);
    return true;
  }

  /** Sends as much as the link takes; the rest stays. */
  flush(link: { readonly bufferedBytes: number; sendEncoded(bytes: Uint8Array): boolean }): void {
    while (this.#events.length > 0 && link.bufferedBytes < limits.frameBytesMax) {
      let [count, bytes] = [0, 0];
      while (count < Math.min(this.#events.length, limits.eventsPerFrameMax) && bytes < FRAME_BYTES)
        bytes += weight(this.#events[count++]!);
      const all = count === this.#events.length;
      if (!link.sendEncoded(eventsFrame(all ? this.#events : this.#events.slice(0, count)))) return;
      this.#events = all ? [] : this.#events.slice(count);
      this.#bytes -= bytes;
    }
  }

  clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }
}

function weight(event: Buffer): number {
  return EVENT_BYTES + event.length;
}

function eventsFrame(events: readonly Buffer[]): Buffer {
  const list = Buffer.from([LIST16, events.length >> 8, events.length & 0xff]);
  return Buffer.concat([FRAME_HEAD, list, ...events]);
}
