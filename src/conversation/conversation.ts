/**
 * The conversation about attempts, as whoever carries them out holds it: an agent over its link, a worker with each of
 * its own engines. It believes an order only as far as its trust goes; then the ledger decides whether anything
 * happens. Ends are told until the server has them.
 */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { parseAttemptId, type AttemptId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import type { AttemptStart } from '../ledger/engine.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { decodeExecutionSpec } from '../protocol/link/execution-spec.ts';
import type { OrderMark } from '../protocol/link/session.ts';
import { isAck, isChunkAck, isMeant, judgeStart, signedAt, type OrderTrust } from './order-trust.ts';
import { OrdersUnknown } from './orders-unknown.ts';
import { Reporting } from './reporting.ts';
import { settledBefore } from './settled-before.ts';
import type { AttemptOrder, AttemptWord, LaterOrder, StartOrder } from './words.ts';

export interface ConversationOptions {
  readonly ledger: Ledger;
  readonly trust: OrderTrust;
  /** False when nobody took it: what matters is said again. */
  readonly say: (word: AttemptWord) => boolean;
  /** Whether anybody is there to hear it. */
  readonly isHeard: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const STARTED_WAITS_MS = 20;

export class Conversation implements Service {
  readonly name = 'conversation';
  readonly #options: ConversationOptions;
  readonly #reporting: Reporting;
  readonly #unknown: OrdersUnknown;
  readonly #startsToTell = new Map<string, () => void>();

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#reporting = new Reporting(options);
    this.#unknown = new OrdersUnknown(options.clock);
  }

  async start(): Promise<void> {
    const { ledger, say } = this.#options;
    await ledger.start({
      started: (a, start) => this.#tellStarted(a, start),
      output: (a, stream, offset, bytes, skipped) => {
        say({ t: 'output', a, stream, offset, bytes, ...given({ skipped: skipped > 0 ? skipped : undefined }) });
      },
      finished: (a) => {
        this.#startsToTell.get(a)?.();
        this.#startsToTell.delete(a);
        this.#reporting.begin(a);
      },
    });
    for (const { attempt, state } of ledger.list()) if (state === 'finished') this.#reporting.begin(attempt);
  }

  async stop(): Promise<void> {
    this.#reporting.stop();
    for (const cancel of this.#startsToTell.values()) cancel();
    await this.#options.ledger.stop();
  }

  /** Attempts whose report the server has not acknowledged. */
  attempts(): { a: string; state: 'accepted' | 'running' | 'finished' }[] {
    return this.#options.ledger.list().map(({ attempt, state }) => ({ a: attempt, state }));
  }

  /** A server is there, maybe after a while: what could not be told is told now, from the first piece. */
  tellAgain(): void {
    this.#reporting.allAgain();
  }

  async hear(order: AttemptOrder): Promise<void> {
    const { ledger, trust } = this.#options;
    switch (order.t) {
      case 'start':
        return this.#start(order);
      case 'cancel':
        if (!this.#isMeant(order)) return;
        if (!ledger.cancel(order.a as AttemptId)) this.#tell(order.a as AttemptId, order);
        return;
      case 'query':
        return this.#isMeant(order) ? this.#tell(order.a as AttemptId, order) : undefined;
      case 'watch':
        return ledger.watch(order.a as AttemptId, order.on);
      case 'ack':
        return this.#forget(order.acks.filter((ack) => isAck(trust, ack)).map(({ a }) => a as AttemptId));
      case 'chunk-ack':
        return isChunkAck(trust, order) ? this.#reporting.pieceTaken(order.a, order.stream, order.seq) : undefined;
      case 'fetch':
        return this.#fetch(order);
    }
  }

  #isMeant(order: Extract<LaterOrder, { t: 'cancel' | 'query' }>): boolean {
    if (isMeant(this.#options.trust, order)) return true;
    this.#unsigned(order.a);
    return false;
  }

  /** Whoever it came from is nobody, and is told nothing. */
  #unsigned(attempt: string): void {
    this.#options.log.error({ attempt, code: 'signature-invalid' }, 'an order that no server has signed is nothing');
  }

  async #start(order: StartOrder): Promise<void> {
    const { ledger, trust, log } = this.#options;
    const attempt = order.a as AttemptId;
    if (!parseAttemptId(order.a)) return;
    // Not later than the frame that comes next, unless the time has to be asked for: a cancel right behind it must find the attempt.
    let verdict = judgeStart(trust, order);
    if (trust.of === 'servers' && (verdict === 'expired' || verdict === 'time-unknown')) {
      await trust.timeAnew();
      verdict = judgeStart(trust, order);
    }
    if (verdict === 'unsigned') return this.#unsigned(attempt);
    const isKnown = ledger.stateOf(attempt) !== undefined;
    // What is known is never denied, however old the order is that asks.
    if (verdict !== 'good') return isKnown ? this.#tell(attempt, order) : this.#refuse(attempt, order);
    // It was said that this is not known here, and the server may have made something of it: only a later order counts.
    const mark = { server: order.server, order: order.order, signedAt: signedAt(trust, order) };
    if (!isKnown && this.#unknown.isVoid(attempt, mark)) return this.#tell(attempt, order);
    const starting = ledger
      .startAttempt(attempt, decodeExecutionSpec(order.spec), {
        ...order.target,
        ...given({ hostName: order.hostName }),
      })
      .catch((error: Error) => {
        log.error({ attempt, err: error.message }, 'an order could not be recorded');
        return 'busy' as const;
      });
    // Only now is it known there.
    if (order.watch) ledger.watch(attempt, true);
    const answer = await starting;
    if (answer === 'busy') {
      ledger.watch(attempt, false);
      this.#refuse(attempt, order);
    }
    // A duplicate of a known attempt: whoever sent it wants to know where it stands.
    else if (isKnown) this.#tell(attempt, order);
  }

  /** A script that is over before its start is told has told it with its end: one word instead of two. */
  #tellStarted(attempt: AttemptId, { pid, atMs }: AttemptStart): void {
    const { clock, say } = this.#options;
    const tell = (): void => {
      this.#startsToTell.delete(attempt);
      say({ t: 'started', a: attempt, pid, atMs });
    };
    this.#startsToTell.set(attempt, clock.after(STARTED_WAITS_MS, tell));
  }

  /** Answers what is known of an attempt. */
  #tell(a: AttemptId, asked: OrderMark): void {
    const { ledger, say, clock } = this.#options;
    const state = ledger.stateOf(a);
    const start = ledger.startOf(a);
    if (this.#reporting.again(a)) return;
    // Also where it was told before: that may have been to a server that could not write it any more.
    if (start) say({ t: 'started', a, ...start });
    else if (state === 'accepted' || state === 'running') say({ t: 'accepted', a });
    else if (state === undefined) {
      this.#unknown.note(a, asked);
      say({ t: 'unknown', a, order: asked.order, server: asked.server });
    }
    // Its end was committed once. Whoever asks all the same works on a restored backup, and hears no more than that it is over.
    else if (state === 'settled') say(settledBefore(a, clock.nowMs()));
  }

  /**
   * Not now: the server may go on as if it had never been sent, so neither it nor an earlier order is carried out when
   * it comes after all.
   */
  #refuse(a: AttemptId, asked: OrderMark): void {
    this.#unknown.note(a, asked);
    this.#options.say({ t: 'busy', a, order: asked.order, server: asked.server });
  }

  async #fetch({ id, a, stream, offset, length }: Extract<LaterOrder, { t: 'fetch' }>): Promise<void> {
    const { ledger, say } = this.#options;
    const range = await ledger
      .readWhole(a as AttemptId, stream, offset, Math.min(length, limits.outputFetchBytesMax))
      .catch(() => undefined);
    const none = { bytes: new Uint8Array(0), size: 0, eof: true, error: 'output-not-available' };
    const { bytes, size, eof, ...rest } = range ?? none;
    say({ t: 'data', id, a, stream, offset, bytes, size, eof, ...rest });
  }

  async #forget(attempts: AttemptId[]): Promise<void> {
    await this.#options.ledger.forget(attempts);
    for (const attempt of attempts) this.#reporting.taken(attempt);
  }
}
