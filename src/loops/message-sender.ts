/**
 * Sends every message that is due, each channel by its own places (message-places.ts): what is due of one is claimed while
 * others are still under way, so that a far end that says nothing keeps nobody's messages but its own. Each try is on
 * record before it is made, and how it ended is written after it; where that cannot be written, the lease of the message
 * runs out, and it is tried again. It sends when it is woken, and when places are free again for which more was due.
 */
import { messageTry, type NoticeSending } from '../app/notice-send.ts';
import type { ChannelId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import type { ClaimedMessage, TryEnd } from '../store/contract/notice.ts';
import type { Store } from '../store/contract/store.ts';
import { MessagePlaces } from './message-places.ts';

export interface MessageSenderOptions extends NoticeSending {
  readonly store: Pick<Store, 'channelsDue' | 'messagesClaim' | 'messageSettle'>;
  readonly log: Log;
}

/** Somebody else was writing of a channel: it is asked again after so long. */
const ELSEWHERE_MS = 100;

export class MessageSender {
  readonly #options: MessageSenderOptions;
  readonly #places = new MessagePlaces();
  readonly #underWay = new Set<Promise<void>>();
  #round: Promise<unknown> | undefined;
  /** Somebody has woken it since its last round began. */
  #isWanted = false;
  /** More was due than there were places for. */
  #isMore = false;
  #isStopped = false;
  #isFailing = false;
  #failures = 0;
  #cancel = (): void => undefined;
  #lastSettled: Promise<unknown> = Promise.resolve();

  constructor(options: MessageSenderOptions) {
    this.#options = options;
  }

  /** Something may be due. */
  wake(): void {
    this.#isWanted = true;
    if (this.#round || this.#isStopped) return;
    this.#round = this.#rounds();
  }

  /** Begins nothing any more. Resolves when all that is under way has ended, and is written. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel();
    await this.#round;
    await Promise.all(this.#underWay);
  }

  async #rounds(): Promise<void> {
    while (this.#isWanted && !this.#isStopped) {
      this.#isWanted = false;
      await this.begin();
    }
    this.#round = undefined;
  }

  /** Claims what is due, as far as there are places, and begins to send it. Answers how many tries it has begun. */
  async begin(): Promise<number> {
    this.#isMore = false;
    const failures = this.#failures;
    let begun = 0;
    try {
      for (const channel of await this.#options.store.channelsDue()) begun += await this.#beginOf(channel);
      if (this.#failures === failures) this.#isFailing = false;
    } catch (error) {
      this.#failed(error);
    }
    return begun;
  }

  async #beginOf(channel: ChannelId): Promise<number> {
    const { store, clock } = this.#options;
    const room = this.#places.roomOf(channel);
    if (room === 0) this.#isMore = true;
    if (room === 0 || this.#isStopped) return 0;
    try {
      const claimed = await store.messagesClaim(channel, noticeLimits.messageLeaseMs, room);
      if (claimed === 'elsewhere') {
        this.#cancel();
        this.#cancel = clock.after(ELSEWHERE_MS, () => this.wake(), { unref: true });
        return 0;
      }
      if (claimed.length === room) this.#isMore = true;
      for (const message of claimed) this.#send(message);
      return claimed.length;
    } catch (error) {
      // What is wrong with one channel is not wrong with the others.
      this.#failed(error);
      return 0;
    }
  }

  #send(message: ClaimedMessage): void {
    const { id: channel } = message.channel;
    this.#places.take(channel);
    const sent = messageTry(this.#options, message)
      .then((end) => this.#settle(message, end))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#places.leave(channel);
        this.#underWay.delete(sent);
        if (this.#isMore) this.wake();
      });
    this.#underWay.add(sent);
  }

  /** One after the other: many that end at once take no more of the database than one. */
  #settle({ id, try: number }: ClaimedMessage, end: TryEnd): Promise<void> {
    const settled = this.#lastSettled.then(() => this.#options.store.messageSettle(id, number, end));
    this.#lastSettled = settled.catch(() => undefined);
    return settled;
  }

  /** Of many in a row the first is told. */
  #failed(error: unknown): void {
    this.#failures++;
    if (!this.#isFailing)
      this.#options.log.warn({ err: error }, 'a message of notices could not be looked after; it will be in a moment');
    this.#isFailing = true;
  }
}
