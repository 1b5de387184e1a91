/**
 * How many messages a server sends at once, and of whom. A far end may take a message or say nothing until its time is
 * over; so the first message of each channel has a place of its own, which no other channel can take, and only those
 * beyond it share places. However many channels are silent, one that is not is told at once.
 */
import type { ChannelId } from '../base/ids.ts';
import { noticeLimits } from '../base/notice-limits.ts';

export class MessagePlaces {
  readonly #taken = new Map<ChannelId, number>();
  #shared = 0;

  /** So many more may be sent by it now. */
  roomOf(channel: ChannelId): number {
    const taken = this.#taken.get(channel) ?? 0;
    return Math.min(
      noticeLimits.messagesOfChannelAtOnceMax - taken,
      noticeLimits.messagesSharedAtOnceMax - this.#shared + (taken === 0 ? 1 : 0),
    );
  }

  take(channel: ChannelId): void {
    const taken = this.#taken.get(channel) ?? 0;
    this.#taken.set(channel, taken + 1);
    if (taken > 0) this.#shared++;
  }

  leave(channel: ChannelId): void {
    const taken = this.#taken.get(channel) ?? 0;
    if (taken > 1) {
      this.#taken.set(channel, taken - 1);
      this.#shared--;
    } else this.#taken.delete(channel);
  }
}
