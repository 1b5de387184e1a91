/**
 * This worker itself as an executor, by one of its engines. It holds the same conversation about attempts as an agent
 * does, with the ledger of that engine, in this very process: reports until acknowledged, pieces of output, questions
 * and cancels are one code for both.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Service } from '../base/service.ts';
import { Conversation } from '../conversation/conversation.ts';
import type { AttemptOrder, AttemptWord } from '../conversation/words.ts';
import type { EngineName } from '../domain/run/executor.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { Mailbox } from './mailbox.ts';
import type { LinkedEngine } from './start-dispatch.ts';

/** What a worker carries out by itself: the ledger of what one of its engines does. */
export interface WorkerEngine {
  readonly name: EngineName;
  readonly ledger: Ledger;
}

export interface OwnEngineOptions {
  readonly workerId: string;
  readonly engine: WorkerEngine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  onWord(self: OwnEngine, word: AttemptWord): void;
}

export class OwnEngine implements Service, LinkedEngine {
  readonly name: string;
  readonly executor: LinkedEngine['executor'];
  readonly lane: EngineName;
  readonly link: LinkedEngine['link'];
  out: LinkedEngine['out'];
  readonly #conversation: Conversation;
  readonly #orders: Mailbox<AttemptOrder>;
  readonly #words: Mailbox<AttemptWord>;

  constructor({ workerId, engine, clock, random, log, onWord }: OwnEngineOptions) {
    this.name = `engine-${engine.name}`;
    this.lane = engine.name;
    this.executor = { kind: 'worker', id: workerId, engine: engine.name };
    const onFault = (error: unknown): void =>
      log.error({ err: error, engine: engine.name }, 'an order or a word of our own could not be carried out');
    this.#words = new Mailbox({ clock, hear: (word) => onWord(this, word), onFault });
    this.#conversation = new Conversation({
      ledger: engine.ledger,
      trust: { of: 'same-process' },
      say: (word) => this.#words.post(word),
      isHeard: () => true,
      clock,
      random,
      log,
    });
    this.#orders = new Mailbox({ clock, hear: (order) => this.#conversation.hear(order), onFault });
    this.link = {
      bufferedBytes: 0,
      send: (order) => this.#orders.post(order),
      pause: () => this.#words.hold(),
      resume: () => this.#words.release(),
    };
  }

  start(): Promise<void> {
    return this.#conversation.start();
  }

  async stop(): Promise<void> {
    this.#orders.close();
    this.#words.close();
    await this.#conversation.stop();
  }
}
