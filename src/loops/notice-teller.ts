/**
 * Sees to it that whoever is to be told of the end of a run, that it is late, or what it asks, has a notice, and that every message that is
 * due has been tried. Every server does it; of one end one of them makes the notices, and a message is with one of them at a time,
 * which the store sees to. Killed anywhere, it leaves what it had begun to the next one: an end to be looked at again, a
 * message whose lease runs out, with its try on record. Notices are made here, and messages sent apart from that
 * (message-sender.ts): no far end keeps a notice from being made.
 */
import { askedNoticesMake } from '../app/notice-asked.ts';
import { lateNoticesMake } from '../app/notice-late.ts';
import { noticesMake } from '../app/notice-make.ts';
import type { Service } from '../base/service.ts';
import type { Store } from '../store/contract/store.ts';
import { MessageSender, type MessageSenderOptions } from './message-sender.ts';

/** While nobody wakes it. */
const EVERY_MS = 5_000;
/** After a run of this server has moved: it may have ended, or ask. */
const WOKEN_MS = 500;
/** While there is more. */
const BUSY_EVERY_MS = 100;
/** Whether something is late is asked no more often. */
const LATE_EVERY_MS = 10_000;

export interface NoticeTellerOptions extends Omit<MessageSenderOptions, 'store'> {
  readonly store: Store;
}

export class NoticeTeller implements Service {
  readonly name = 'notice-teller';
  readonly #options: NoticeTellerOptions;
  readonly #sender: MessageSender;
  #cancel = (): void => undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = true;
  #isFailing = false;
  #lateDueAt = 0;
  /** Its next look is at hand. */
  #isSoon = false;
  #isLooking = false;
  /** Somebody has woken it since its last look began. */
  #isWanted = false;

  constructor(options: NoticeTellerOptions) {
    this.#options = options;
    this.#sender = new MessageSender(options);
  }

  async start(): Promise<void> {
    this.#stopped = false;
    this.#schedule(EVERY_MS);
  }

  /** A run may have ended, or ask: it looks soon, and would look anyway. */
  wake(): void {
    this.#isWanted = true;
    if (this.#isSoon || this.#isLooking || this.#stopped) return;
    this.#cancel();
    this.#schedule(WOKEN_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
    await this.#sender.stop();
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#isSoon = delayMs <= WOKEN_MS;
    this.#cancel = this.#options.clock.after(
      delayMs,
      () => {
        this.#round = this.#lookOnce();
      },
      { unref: true },
    );
  }

  async #lookOnce(): Promise<void> {
    this.#isLooking = true;
    this.#isWanted = false;
    const isBusy = await this.#look();
    this.#isLooking = false;
    this.#schedule(isBusy ? BUSY_EVERY_MS : this.#isWanted ? WOKEN_MS : EVERY_MS);
  }

  async #look(): Promise<boolean> {
    const { clock, store, log } = this.#options;
    try {
      const { isAny, isLateWatched } = await store.noticesLook();
      const isLateDue = isLateWatched && clock.monotonicMs() >= this.#lateDueAt;
      if (isLateDue) {
        this.#lateDueAt = clock.monotonicMs() + LATE_EVERY_MS;
        await lateNoticesMake(store, clock.nowMs());
      }
      if (!isAny && !isLateDue) return false;
      // What is due already waits for nothing that is still to be made.
      this.#sender.wake();
      const isMoreAsked = await askedNoticesMake(store);
      const more = (await noticesMake(store)) || isMoreAsked;
      this.#sender.wake();
      this.#isFailing = false;
      return more;
    } catch (error) {
      if (!this.#isFailing) log.warn({ err: error }, 'notices could not be looked after; they will be in a moment');
      this.#isFailing = true;
      return false;
    }
  }
}
