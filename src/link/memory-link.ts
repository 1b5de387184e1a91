/** A link inside one process: two ends, frames as they are. Each frame arrives in a turn of its own, as it would over a network. */
import type { Clock } from '../base/clock.ts';
import type { Link, Peer } from './link.ts';

class MemoryLink<In extends { t: string }, Out extends { t: string }> implements Link<In, Out> {
  readonly peer: Peer;
  readonly openedAtMs: number;
  onFrame: Link<In, Out>['onFrame'] = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  other: MemoryLink<Out, In> | undefined;
  readonly onFault: (error: unknown) => void;
  readonly #clock: Clock;
  #inbox: In[] = [];
  #paused = false;
  #scheduled = false;

  constructor(peer: Peer, clock: Clock, onFault: (error: unknown) => void) {
    this.peer = peer;
    this.#clock = clock;
    this.onFault = onFault;
    this.openedAtMs = clock.nowMs();
  }

  /** What the other end would have to hold if this were a network. */
  get bufferedBytes(): number {
    return 0;
  }

  send(frame: Out): boolean {
    if (!this.other) return false;
    this.other.#take(frame);
    return true;
  }

  /** Bytes are for networks; in here frames travel as they are. */
  sendEncoded(): boolean {
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  close(code = 'shutting-down'): void {
    const { other } = this;
    if (!other) return;
    this.other = other.other = undefined;
    this.onClose(code);
    other.onClose(code);
  }

  #take(frame: In): void {
    this.#inbox.push(frame);
    this.#schedule();
  }

  /** Both ends are ours, and the link is the only one: it stays, and one frame is lost, as over a network; what matters comes again. */
  #hand(frame: In): void {
    try {
      this.onFrame(frame)?.catch(this.onFault);
    } catch (error) {
      this.onFault(error);
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#inbox.length === 0) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      const frames = this.#inbox;
      this.#inbox = [];
      for (const [i, frame] of frames.entries()) {
        if (this.#paused) {
          this.#inbox = [...frames.slice(i), ...this.#inbox];
          return;
        }
        this.#hand(frame);
      }
      this.#schedule();
    });
  }
}

/** `onFault` is told what a handler throws. Both ends; `near` sends what `far` hears. Peers are what each end is told of the other. */
export function createMemoryLinks<Near extends { t: string }, Far extends { t: string }>(
  clock: Clock,
  peers: { readonly ofNear: Peer; readonly ofFar: Peer },
  onFault: (error: unknown) => void,
): { near: Link<Far, Near>; far: Link<Near, Far> } {
  const near = new MemoryLink<Far, Near>(peers.ofNear, clock, onFault);
  const far = new MemoryLink<Near, Far>(peers.ofFar, clock, onFault);
  near.other = far;
  far.other = near;
  return { near, far };
}
