/** What agents said, on its way to one server: sent in company, in frames of bounded size, kept within bounds while the server is behind. */
import { limits } from '../base/limits.ts';
import { encodeFrame } from '../link/codec.ts';
import type { AttemptEvent, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';

/** Reports carry output: so many of them as there may be events in a frame would be larger than a frame may be. */
const FRAME_BYTES = limits.frameBytesMax / 4;
/** What an event weighs beside its output, guessed high. */
const EVENT_BYTES = 512;

export class EventOutbox {
  #events: AttemptEvent[] = [];
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
    this.#events.push(event);
    this.#bytes += weight(event);
    return true;
  }

  /** Sends as much as the link takes; the rest stays. */
  flush(link: { readonly bufferedBytes: number; sendEncoded(bytes: Uint8Array): boolean }): void {
    while (this.#events.length > 0 && link.bufferedBytes < limits.frameBytesMax) {
      let [count, bytes] = [0, 0];
      while (count < Math.min(this.#events.length, limits.eventsPerFrameMax) && bytes < FRAME_BYTES)
        bytes += weight(this.#events[count++]!);
      const all = count === this.#events.length;
      if (
        !link.sendEncoded(
          encodeFrame({
            t: 'events',
            events: all ? this.#events : this.#events.slice(0, count),
          } satisfies WorkerToServerFrame),
        )
      )
        return;
      this.#events = all ? [] : this.#events.slice(count);
      this.#bytes -= bytes;
    }
  }

  clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }
}

function weight(event: AttemptEvent): number {
  return (
    EVENT_BYTES +
    (event.k === 'said' ? event.body.length : 0) +
    (event.k === 'report' ? inlineBytes(event.report.stdout.inline) + inlineBytes(event.report.stderr.inline) : 0)
  );
}

/** An agent may have put anything there. */
function inlineBytes(inline: unknown): number {
  return inline instanceof Uint8Array ? inline.length : 0;
}
