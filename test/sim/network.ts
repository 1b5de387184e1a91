/**
 * A network in memory under the contract of links. Frames go as bytes through the real codec, each link in order and with delays of its
 * own; a link is cut at any instant with what was in flight, and machines can be parted from one another. Listeners and dialers behave as
 * those over WebSockets do: refusals, farewells, pauses between tries, and links given up that are silent for too long.
 */
import { fullJitterMs } from '../../src/base/backoff.ts';
import { DroverError, errorCodeOf, errors, isErrorCode } from '../../src/base/errors.ts';
import { limits } from '../../src/base/limits.ts';
import { decodeFrame, encodeFrame } from '../../src/link/codec.ts';
import type { Link, LinkDialer, LinkHandlers, LinkListener, OnLink, Peer } from '../../src/link/link.ts';
import type { FrameShapes } from '../../src/protocol/link/shape.ts';
import { HostileWorker } from './hostile-worker.ts';
import type { SimProcess, Simulation } from './simulation.ts';

type Frame = { t: string };
const REFUSED_PAUSE_MS = 60_000;
const COPIED_PAUSE_MS = 10_000;
const DIAL_MS_MAX = 10_000;
/** What may come twice: words about attempts, which say themselves what they are about. */
const REPEATABLE = new Set(['assign', 'start', 'cancel', 'query', 'ack', 'chunk-ack', 'said', 'events', 'ask-time']);

class SimLink implements Link<Frame> {
  readonly peer: Peer;
  readonly openedAtMs: number;
  readonly process: SimProcess;
  #handlers: LinkHandlers<Frame> | undefined;
  #reason = '';
  other!: SimLink;
  bufferedBytes = 0;
  isClosed = false;
  isEndedHere = false;
  /** The line is dead: nothing that is sent arrives. */
  isCut = false;
  heldSinceMs: number | undefined;
  #lastArrivalMs = 0;
  #isPaused = false;
  #inbox: Uint8Array[] = [];
  readonly #network: SimNetwork;
  readonly shapes: FrameShapes;

  constructor(network: SimNetwork, process: SimProcess, peer: Peer, shapes: FrameShapes) {
    this.#network = network;
    this.process = process;
    this.peer = peer;
    this.shapes = shapes;
    this.openedAtMs = process.clock.nowMs();
  }

  open(onLink: OnLink<Frame, Frame>): void {
    const handlers = onLink(this);
    this.#handlers = handlers;
    if (this.isClosed) handlers.onClose(this.#reason);
  }

  send(frame: Frame): boolean {
    return this.sendEncoded(encodeFrame(frame));
  }

  sendEncoded(bytes: Uint8Array): boolean {
    if (this.isClosed) return false;
    const { sim, hostile } = this.#network;
    if (!hostile.passes(this, bytes)) return true;
    this.transmit(bytes);
    if (this.#network.repeats > 0 && sim.chance(this.#network.repeats)) {
      const frame = decodeFrame(bytes, this.other.shapes);
      if (frame && REPEATABLE.has(frame.t)) {
        sim.fault('duplicate', `${this.process.name} → ${this.other.process.name} ${frame.t}`);
        this.transmit(bytes);
      }
    }
    return true;
  }

  transmit(bytes: Uint8Array): void {
    const { sim } = this.#network;
    this.bufferedBytes += bytes.length;
    const slow = sim.chance(this.#network.delays);
    if (slow) sim.fault('delay', `${this.process.name} → ${this.other.process.name}`);
    const arrivalMs = Math.max(this.#lastArrivalMs, sim.nowMs + (slow ? sim.between(50, 5_000) : sim.between(0.1, 3)));
    this.#lastArrivalMs = arrivalMs;
    const arrive = (): void => {
      if (this.isCut) return;
      if (this.#network.isParted(this.process.machine, this.other.process.machine)) {
        // Sent again by the network until the machines reach each other, or one end gives up.
        this.#network.hold(this, arrive);
        return;
      }
      this.bufferedBytes -= bytes.length;
      this.other.#receive(bytes);
    };
    sim.after(arrivalMs - sim.nowMs, arrive, this.other.process);
  }

  #receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (this.#isPaused) return void this.#inbox.push(bytes);
    try {
      const frame = decodeFrame(bytes, this.shapes);
      if (!frame) return;
      this.#network.sim.note(`${this.other.process.name} → ${this.process.name} ${describe(frame)}`);
      const work = this.#handlers?.onFrame(frame);
      if (work) work.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** All frames are of our own making: none may be too bad to be carried out. */
  #failed(error: unknown): void {
    if (this.isClosed) return;
    this.#network.sim.violate(
      `${this.process.name} could not carry out a frame of ${this.other.process.name}: ${(error as Error).stack}`,
    );
    this.close(errorCodeOf(error), error instanceof DroverError ? error.detail : '');
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#inbox.length > 0)
      this.#network.sim.after(
        0,
        () => {
          const inbox = this.#inbox;
          this.#inbox = [];
          for (const bytes of inbox) this.#receive(bytes);
        },
        this.process,
      );
  }

  close(code = 'shutting-down', detail = ''): void {
    if (this.isClosed) return;
    this.isEndedHere = true;
    this.sendEncoded(encodeFrame({ t: 'bye', code, detail }));
    const { other } = this;
    const { sim } = this.#network;
    sim.after(Math.max(1, this.#lastArrivalMs - sim.nowMs), () => this.isCut || other.ended(code), other.process);
    this.ended(code);
  }

  ended(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#reason = reason;
    this.#network.links.delete(this);
    if (this.process.isAlive) this.#handlers?.onClose(reason);
  }
}

/** For the trace: what it is and of which attempts. */
function describe(frame: Frame): string {
  const { a, attempts, acks, runId, targets } = frame as Frame & {
    a?: string;
    runId?: string;
    attempts?: readonly { a: string }[];
    acks?: readonly { a: string }[];
    targets?: readonly { ordinal: number; attempt: number }[];
  };
  const of = [
    ...(a === undefined ? [] : [a]),
    ...(attempts ?? acks ?? []).map((one) => one.a),
    ...(targets ?? []).flatMap(({ ordinal, attempt }) =>
      runId === undefined ? [] : [`${runId}.0.${ordinal}.${attempt}`],
    ),
  ];
  return [frame.t, ...of].join(' ');
}

interface Listening {
  readonly process: SimProcess;
  readonly accept: (near: SimLink) => void;
  readonly refuse: (peerId: string) => string | undefined;
  readonly peer: Peer;
  readonly shapes: FrameShapes;
}

export class SimNetwork {
  readonly sim: Simulation;
  readonly links = new Set<SimLink>();
  readonly hostile: HostileWorker;
  readonly #listening = new Map<string, Listening>();
  readonly #parted = new Set<string>();
  #held: { readonly link: SimLink; readonly arrive: () => void }[] = [];
  /** Probabilities, of each frame. */
  delays = 0;
  repeats = 0;

  constructor(sim: Simulation) {
    this.sim = sim;
    this.hostile = new HostileWorker(sim);
  }

  /** Plays what was kept of an agent's link over the one that it has now. */
  playKept(machine: string): void {
    for (const link of this.links)
      if (link.process.machine === machine && link.peer.role === 'worker') return this.hostile.play(machine, link);
  }

  isParted(a: string, b: string): boolean {
    return this.#parted.has(pairOf(a, b));
  }

  part(a: string, b: string): void {
    this.#parted.add(pairOf(a, b));
  }

  heal(a: string, b: string): void {
    if (!this.#parted.delete(pairOf(a, b))) return;
    const held = this.#held.filter(
      ({ link }) => pairOf(link.process.machine, link.other.process.machine) === pairOf(a, b),
    );
    this.#held = this.#held.filter((one) => !held.includes(one));
    for (const { link, arrive } of held) this.sim.after(0, arrive, link.other.process);
    for (const link of this.links) link.heldSinceMs = undefined;
  }

  healAll(): void {
    for (const pair of [...this.#parted]) this.heal(...(pair.split(' | ') as [string, string]));
  }

  hold(link: SimLink, arrive: () => void): void {
    this.#held.push({ link, arrive });
  }

  /** Both ends give up a link on which nothing has come for too long. Looked at every second. */
  watch(): void {
    for (const link of [...this.links]) {
      const { process, other } = link;
      const isSilent =
        this.isParted(process.machine, other.process.machine) || other.process.stoppedUntilMs > this.sim.nowMs;
      if (!isSilent) link.heldSinceMs = undefined;
      else link.heldSinceMs ??= this.sim.nowMs;
      if (link.heldSinceMs !== undefined && this.sim.nowMs - link.heldSinceMs > limits.linkSilentMsMax)
        this.cut(link, 0, this.isParted(process.machine, other.process.machine) ? limits.linkSilentMsMax : 10);
    }
    this.sim.after(1_000, () => this.watch());
  }

  /** What is in flight is lost. Each end notes it in its own time. */
  cut(link: SimLink, nearMs = this.sim.between(0, 200), farMs = this.sim.between(0, 200)): void {
    link.isCut = link.other.isCut = true;
    this.sim.after(nearMs, () => link.ended('the line is cut'), link.process);
    this.sim.after(farMs, () => link.other.ended('the line is cut'), link.other.process);
  }

  /** A process is gone, and its sockets with it. */
  died(process: SimProcess): void {
    for (const [address, listening] of this.#listening)
      if (listening.process === process) this.#listening.delete(address);
    for (const link of [...this.links]) if (link.process === process) this.cut(link);
    for (const link of [...this.links]) if (link.process === process) this.links.delete(link);
  }

  listener<In extends Frame, Out extends Frame>(options: {
    readonly process: SimProcess;
    readonly address: string;
    readonly peer: Peer;
    readonly shapes: FrameShapes;
    readonly refuse: (peerId: string) => string | undefined;
  }): LinkListener<In, Out> {
    const { process, address, peer, shapes, refuse } = options;
    const own = new Set<SimLink>();
    return {
      name: `listener of ${process.name}`,
      start: async (onLink) => {
        const accept = (near: SimLink): void => {
          own.add(near);
          near.open(onLink as unknown as OnLink<Frame, Frame>);
        };
        this.#listening.set(address, { process, accept, refuse, peer, shapes });
      },
      stop: async () => {
        this.#listening.delete(address);
        for (const link of own) link.close('shutting-down', 'This process is stopping.');
      },
    };
  }

  dialer<In extends Frame, Out extends Frame>(options: {
    readonly process: SimProcess;
    readonly peer: Peer;
    readonly shapes: FrameShapes;
    readonly addresses: () => readonly string[];
    readonly capMs: number;
  }): LinkDialer<In, Out> {
    const { process, peer, shapes, addresses, capMs } = options;
    const { sim } = this;
    let [tries, turn, isStopped] = [0, 0, true];
    let cancel = (): void => undefined;
    let current: SimLink | undefined;
    let hears: OnLink<In, Out>;
    const again = (pauseMs: number): void => {
      if (isStopped) return;
      cancel();
      cancel = sim.after(pauseMs, dial, process);
    };
    const later = (): void => again(fullJitterMs(tries++, limits.reconnectBaseMs, capMs, sim.random));
    const dial = (): void => {
      const known = addresses();
      if (known.length === 0) return again(limits.reconnectBaseMs);
      const address = known[turn++ % known.length]!;
      sim.after(sim.between(0.5, 5), () => connect(address));
    };
    // What happens between the machines is nobody's own: it goes on whoever dies.
    const connect = (address: string): void => {
      const there = this.#listening.get(address);
      if (!process.isAlive) return;
      if (!there || !there.process.isAlive) return void sim.after(1, later, process);
      if (this.isParted(process.machine, there.process.machine) || there.process.stoppedUntilMs > sim.nowMs)
        return void sim.after(DIAL_MS_MAX, later, process);
      const refusal = there.refuse(peer.id);
      if (refusal !== undefined) {
        const isPassing = !isErrorCode(refusal) || errors[refusal].retryable;
        const pauseMs = isPassing ? sim.between(1_000, 5_000) : REFUSED_PAUSE_MS * sim.between(0.5, 1.5);
        return void sim.after(1, () => again(pauseMs), process);
      }
      const near = new SimLink(this, process, there.peer, shapes);
      const far = new SimLink(this, there.process, peer, there.shapes);
      [near.other, far.other] = [far, near];
      this.links.add(near);
      this.links.add(far);
      sim.after(0, () => there.accept(far), there.process);
      sim.after(sim.between(0.2, 2), () => open(near), process);
    };
    const open = (link: SimLink): void => {
      if (isStopped) return link.close();
      if (link.isClosed) return later();
      current = link;
      link.open((opened) => {
        const { onFrame, onClose } = hears(opened as unknown as Link<Out>) as unknown as LinkHandlers<Frame>;
        return {
          onFrame: (frame) => {
            tries = 0;
            return onFrame(frame);
          },
          onClose: (reason) => {
            current = undefined;
            onClose(reason);
            if (isErrorCode(reason) && !errors[reason].retryable && !link.isEndedHere)
              again((reason === 'agent-copied' ? COPIED_PAUSE_MS : REFUSED_PAUSE_MS) * sim.between(0.5, 1.5));
            else later();
          },
        };
      });
    };
    return {
      name: `dialer of ${process.name}`,
      get current() {
        return current as unknown as Link<Out> | undefined;
      },
      async start(onLink) {
        hears = onLink;
        isStopped = false;
        dial();
      },
      async stop() {
        isStopped = true;
        cancel();
        current?.close('shutting-down', 'This process is stopping.');
      },
    };
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} | ${b}` : `${b} | ${a}`;
}
