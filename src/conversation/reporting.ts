/**
 * Ends on their way to the server: pieces of large output first, each acknowledged; then the report, until it is. Said again on a
 * Fibonacci schedule, for whatever is between may forget.
 */
import { fibonacciMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { fill, pieceBytes } from './kept-pieces.ts';
import type { AttemptWord } from './words.ts';

export interface ReportingOptions {
  readonly ledger: Pick<Ledger, 'report' | 'readKept'>;
  /** False when it was not taken: it is said again later. */
  readonly say: (word: AttemptWord) => boolean;
  /** Whether anybody is there to hear it. */
  readonly isHeard: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface End {
  readonly attempt: AttemptId;
  tries: number;
  cancel: () => void;
  /** Next piece to send and pieces acknowledged, per stream. */
  sent: Record<1 | 2, number>;
  acked: Record<1 | 2, number>;
}

export class Reporting {
  readonly #options: ReportingOptions;
  readonly #ends = new Map<string, End>();

  constructor(options: ReportingOptions) {
    this.#options = options;
  }

  stop(): void {
    for (const end of this.#ends.values()) end.cancel();
  }

  begin(attempt: AttemptId): void {
    if (this.#ends.has(attempt)) return;
    const end: End = { attempt, tries: 0, cancel: () => undefined, sent: { 1: 0, 2: 0 }, acked: { 1: 0, 2: 0 } };
    this.#ends.set(attempt, end);
    this.#try(end, false);
  }

  /** Somebody asks, or is there again: from the first piece that is not acknowledged. False when there is no end to tell. */
  again(attempt: string): boolean {
    const end = this.#ends.get(attempt);
    if (end) this.#try(end, true);
    return end !== undefined;
  }

  allAgain(): void {
    for (const end of this.#ends.values()) this.#try(end, true);
  }

  pieceTaken(attempt: string, stream: 1 | 2, seq: number): void {
    const end = this.#ends.get(attempt);
    if (!end || seq !== end.acked[stream]) return;
    end.acked[stream]++;
    end.tries = 0;
    this.#try(end, false);
  }

  taken(attempt: string): void {
    this.#ends.get(attempt)?.cancel();
    this.#ends.delete(attempt);
  }

  #try(end: End, isAfresh: boolean): void {
    const { clock, random, isHeard, log } = this.#options;
    end.cancel();
    if (isAfresh) end.sent = { ...end.acked };
    const delay = fibonacciMs(end.tries++, limits.reportRetryBaseMs, limits.reportRetryCapMs, random);
    end.cancel = clock.after(delay, () => this.#try(end, true));
    if (isHeard())
      void this.#push(end).catch((error: Error) =>
        log.warn({ attempt: end.attempt, err: error.message }, 'a report could not be sent'),
      );
  }

  /** As many pieces as may be out, and the report when all are acknowledged. */
  async #push(end: End): Promise<void> {
    const { ledger, say } = this.#options;
    const { attempt: a } = end;
    const report = await ledger.report(a);
    if (!report || !this.#ends.has(a)) return;
    for (const stream of [1, 2] as const) {
      const kept = pieceBytes(report, stream);
      const pieces = Math.ceil(kept / limits.outputChunkBytes);
      while (end.sent[stream] < pieces && end.sent[stream] - end.acked[stream] < limits.outputChunksInFlightMax) {
        const seq = end.sent[stream]++;
        const first = await ledger.readKept(a, stream, seq * limits.outputChunkBytes, limits.outputChunkBytes);
        if (!say({ t: 'chunk', a, stream, seq, bytes: await fill(ledger, a, stream, seq, kept, first) })) return;
      }
      if (end.acked[stream] < pieces) return;
    }
    say(report);
  }
}
