import { expect, it } from 'vitest';
import { newId, type ChannelId } from '../base/ids.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import { MessagePlaces } from './message-places.ts';

const { messagesOfChannelAtOnceMax: OF_CHANNEL, messagesSharedAtOnceMax: SHARED } = noticeLimits;

/** Takes all that there is for it. */
function fill(places: MessagePlaces, channel: ChannelId): number {
  const room = places.roomOf(channel);
  for (let n = 0; n < room; n++) places.take(channel);
  return room;
}

it('has so many places for a channel, and for the first of each always one, whoever holds the others', () => {
  const places = new MessagePlaces();
  const channels = Array.from({ length: 40 }, () => newId<'channel'>());
  const rooms = channels.map((channel) => fill(places, channel));
  const full = Math.floor(SHARED / (OF_CHANNEL - 1));
  expect(rooms.slice(0, full)).toEqual(Array(full).fill(OF_CHANNEL));
  expect(rooms[full]).toBe(1 + (SHARED % (OF_CHANNEL - 1)));
  expect(new Set(rooms.slice(full + 1))).toEqual(new Set([1]));
  for (const channel of channels) expect(places.roomOf(channel)).toBe(0);
});

it('gives back what is left, in whichever order', () => {
  const places = new MessagePlaces();
  const [one, other] = [newId<'channel'>(), newId<'channel'>()];
  for (let round = 0; round < 100; round++) {
    expect([fill(places, one), fill(places, other)]).toEqual([OF_CHANNEL, OF_CHANNEL]);
    for (let n = 0; n < OF_CHANNEL; n++) for (const channel of [one, other]) places.leave(channel);
  }
  places.take(one);
  places.take(one);
  places.leave(one);
  expect(places.roomOf(one)).toBe(OF_CHANNEL - 1);
});
