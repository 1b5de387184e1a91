/**
 * The output of one attempt on its way through the worker: masked before it touches anything, kept as head and tail, and told
 * live while somebody watches, at most so much a second. A disk that is full holds the host's output back; nothing is dropped.
 */
import { pause, type Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Mask, MaskStream } from './mask.ts';
import { KeptStream } from './kept-stream.ts';
import { toldValues, type FoundValues, type ToldValues, type ValuesFile } from './told-values.ts';

const LIVE_BLOCK = 64 * 1024;
const LIVE_PAUSE_MS = 50;
/** How soon a full disk is noticed to have space again, at the latest. */
const RETRY_MS_MAX = 5_000;

interface Stream {
  readonly kept: KeptStream;
  received: number;
  /** Once the forms of the secrets are made; nothing is kept before. */
  masked: MaskStream | undefined;
  sentAt: number;
}

export interface IncomingOutputOptions {
  /** Of the files; `.1` and `.2` are added. */
  readonly path: string;
  readonly keptBytes: number;
  /** What comes before it is there waits for it. */
  readonly mask: Promise<Mask>;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopping: AbortSignal;
  onLive(stream: 1 | 2, offset: number, bytes: Uint8Array, skipped: number): void;
}

export class IncomingOutput {
  readonly #options: IncomingOutputOptions;
  readonly #streams: Record<1 | 2, Stream>;
  #work: Promise<void>;
  #values: ValuesFile | FoundValues | undefined;
  #isWatched = false;
  #pumping: Promise<void> | undefined;
  #isOver = false;
  #isCutOff = false;
  #budget = LIVE_BLOCK;
  #budgetAt: number;

  constructor(options: IncomingOutputOptions) {
    this.#options = options;
    const stream = (number: 1 | 2): Stream => ({
      kept: new KeptStream(`${options.path}.${number}`, options.keptBytes),
      received: 0,
      masked: undefined,
      sentAt: 0,
    });
    this.#streams = { 1: stream(1), 2: stream(2) };
    this.#budgetAt = options.clock.monotonicMs();
    this.#work = options.mask.then((mask) => {
      for (const number of [1, 2] as const) this.#streams[number].masked = mask.stream();
    });
    // Whoever waits for the work is told; an output that nobody takes anything into is none to fall over.
    this.#work.catch(() => undefined);
  }

  /** Bytes of the host that are in here: where a new channel goes on. */
  get received(): { readonly stdout: number; readonly stderr: number } {
    return { stdout: this.#streams[1].received, stderr: this.#streams[2].received };
  }

  get kept(): Record<1 | 2, KeptStream> {
    return { 1: this.#streams[1].kept, 2: this.#streams[2].kept };
  }

  /** `offset` counts the host's bytes; what was here before is passed over. */
  take(number: 1 | 2, offset: number, bytes: Uint8Array): Promise<void> {
    const stream = this.#streams[number];
    const fresh = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(
      Math.max(0, stream.received - offset),
    );
    stream.received += fresh.length;
    return this.#pass(stream, fresh, false);
  }

  /** Its output values, once it has ended: the file of them as the host has it, or what an engine has found. What is taken last counts. */
  takeValues(values: ValuesFile | FoundValues): void {
    this.#values = values;
  }

  /** What was told by it, masked. */
  async values(): Promise<ToldValues> {
    return this.#values === undefined ? {} : toldValues(this.#values, await this.#options.mask);
  }

  watch(on: boolean): void {
    this.#isWatched = on;
    if (!on) return;
    for (const number of [1, 2] as const) this.#streams[number].sentAt = 0;
    this.#pump();
  }

  /**
   * All has come: what was held back because it might have begun a secret goes on. On disk when it resolves; rejects
   * when something is missing.
   */
  async finish(): Promise<void> {
    await this.#work;
    for (const number of [1, 2] as const) {
      const stream = this.#streams[number];
      if (stream.masked!.heldBytes > 0) await this.#pass(stream, Buffer.alloc(0), true);
    }
    this.#isOver = true;
    await this.#pumping;
    if (this.#isWatched) await this.#send();
    const { 1: out, 2: err } = this.kept;
    await Promise.all([out.sync(), err.sync()]);
    if (this.#isCutOff) throw new Error('the output was cut off while we were stopping');
  }

  #pass(stream: Stream, bytes: Buffer, final: boolean): Promise<void> {
    this.#work = this.#work.then(async () => {
      const masked = stream.masked!.push(bytes, final);
      if (masked.length > 0) await this.#keep(stream, masked);
      if (this.#isWatched) this.#pump();
    });
    return this.#work;
  }

  async #keep(stream: Stream, masked: Buffer): Promise<void> {
    const { clock, log, stopping, path } = this.#options;
    for (let tries = 0; !stopping.aborted; tries++) {
      try {
        return await stream.kept.append(masked);
      } catch (error) {
        if (tries === 0)
          log.error({ path, err: error }, 'output cannot be kept; the host is held back until it can be');
        await pause(clock, Math.min(RETRY_MS_MAX, 100 * 2 ** tries), stopping);
      }
    }
    // Stopping: what is not kept now is read again from the host by whoever comes after us, and is no end before.
    this.#isCutOff = true;
  }

  #pump(): void {
    this.#pumping ??= this.#send().finally(() => {
      this.#pumping = undefined;
      if (this.#isWatched && !this.#isOver && this.#isBehind())
        this.#options.clock.after(LIVE_PAUSE_MS, () => this.#pump(), { unref: true });
    });
  }

  #isBehind(): boolean {
    return [1, 2].some((number) => this.#streams[number as 1 | 2].sentAt < this.#streams[number as 1 | 2].kept.size);
  }

  async #send(): Promise<void> {
    const now = this.#options.clock.monotonicMs();
    this.#budget = Math.min(
      limits.liveOutputBytesPerSecondMax,
      this.#budget + ((now - this.#budgetAt) / 1_000) * limits.liveOutputBytesPerSecondMax,
    );
    this.#budgetAt = now;
    for (const number of [1, 2] as const) await this.#sendStream(number);
  }

  async #sendStream(number: 1 | 2): Promise<void> {
    const stream = this.#streams[number];
    while (stream.sentAt < stream.kept.size && this.#budget >= 1 && this.#isWatched) {
      let at = stream.kept.nextAvailable(stream.sentAt);
      // Far behind what may be sent: jump ahead. The final record does not depend on it.
      const behind = stream.kept.size - at;
      if (behind > this.#budget + limits.liveOutputBytesPerSecondMax)
        at = stream.kept.nextAvailable(stream.kept.size - Math.floor(this.#budget));
      const bytes = await stream.kept.read(at, Math.min(LIVE_BLOCK, Math.floor(this.#budget)));
      if (bytes.length === 0) return;
      this.#options.onLive(number, at, bytes, at - stream.sentAt);
      this.#budget -= bytes.length;
      stream.sentAt = at + bytes.length;
    }
  }
}
