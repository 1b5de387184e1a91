import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { OrdersUnknown, type SignedStart } from './orders-unknown.ts';

class Watch implements Clock {
  at = 1_000;
  nowMs(): number {
    return this.at;
  }
  monotonicMs(): number {
    return this.at;
  }
  after(): () => void {
    return () => undefined;
  }
  soon(): void {}
}

function start(server: string, order: number, signedAt?: number): SignedStart {
  return { server, order, signedAt };
}

describe('an order that was signed before it was said to be unknown', () => {
  it('stays void however many of them are played, when another server was told', () => {
    const [clock, a] = [new Watch(), 'a'];
    const unknown = new OrdersUnknown(clock);
    const [first, second] = [start('old', 1, 1_000), start('old', 2, 1_010)];
    clock.at = 1_100;
    unknown.note(a, { server: 'new', order: 7 });
    clock.at = 1_200;
    expect(unknown.isVoid(a, first)).toBe(true);
    unknown.note(a, first);
    expect(unknown.isVoid(a, second)).toBe(true);
    unknown.note(a, second);
    expect([first, second].map((one) => unknown.isVoid(a, one))).toEqual([true, true]);
  });

  it('holds up neither a later order of the server that was told nor of one that has taken over since', () => {
    const [clock, a] = [new Watch(), 'a'];
    const unknown = new OrdersUnknown(clock);
    unknown.note(a, { server: 'one', order: 3 });
    clock.at = 2_000;
    expect(unknown.isVoid(a, start('one', 4, 900))).toBe(false);
    expect(unknown.isVoid(a, start('two', 1, 1_500))).toBe(false);
    expect(unknown.isVoid(a, start('two', 1, 999))).toBe(true);
  });

  it('moves nothing when it is played again: what is signed after the first word is carried out', () => {
    const [clock, a] = [new Watch(), 'a'];
    const unknown = new OrdersUnknown(clock);
    const old = start('old', 1, 900);
    unknown.note(a, { server: 'new', order: 7 });
    unknown.note(a, old);
    clock.at = 5_000;
    unknown.note(a, old);
    expect(unknown.isVoid(a, start('new', 8, 2_000))).toBe(false);
  });

  it('is void by the last word alone where no time is told', () => {
    const [clock, a] = [new Watch(), 'a'];
    const unknown = new OrdersUnknown(clock);
    unknown.note(a, { server: 'one', order: 3 });
    clock.at++;
    expect([unknown.isVoid(a, start('two', 1)), unknown.isVoid(a, start('one', 4))]).toEqual([true, false]);
    unknown.note(a, { server: 'two', order: 1 });
    expect([unknown.isVoid(a, start('two', 2)), unknown.isVoid(a, start('one', 4))]).toEqual([false, true]);
  });
});

it('remembers each attempt up to as many as it may; of one that it forgets, no order of before is carried out', () => {
  const clock = new Watch();
  const unknown = new OrdersUnknown(clock);
  for (let i = 0; i < limits.ordersUnknownMax; i++) unknown.note(`a${i}`, { server: 's', order: 5 });
  // All are remembered one by one: another attempt with the same or an earlier order is none of them.
  expect(unknown.isVoid('other', start('s', 5, 900))).toBe(false);
  expect([unknown.isVoid('a0', start('s', 5, 900)), unknown.isVoid('a0', start('s', 6, 900))]).toEqual([true, false]);
  unknown.note('beyond', { server: 's', order: 9 });
  expect(unknown.isVoid('a0', start('s', 5, 900))).toBe(true);
  expect(unknown.isVoid('other', start('s', 5, 900))).toBe(true);
  expect(unknown.isVoid('other', start('s', 6, 900))).toBe(false);
  expect([unknown.isVoid('a0', start('former', 1, 900)), unknown.isVoid('a0', start('next', 1, 1_100))]).toEqual([
    true,
    false,
  ]);
  expect(unknown.isVoid('a0', start('former', 1))).toBe(false);
});

it('forgets what no order can be valid any more to come after', () => {
  const clock = new Watch();
  const unknown = new OrdersUnknown(clock);
  unknown.note('a', { server: 's', order: 5 });
  clock.at += 2 * limits.dispatchValidMs + 1;
  unknown.note('b', { server: 's', order: 1 });
  expect(unknown.isVoid('a', start('s', 5, clock.at))).toBe(false);
});

it('remembers the floors of so many servers, those raised last', () => {
  const unknown = new OrdersUnknown(new Watch());
  const crowd = (server: string): void => {
    unknown.note(`${server}-0`, { server, order: 5 });
    for (let i = 0; i < limits.ordersUnknownMax; i++) unknown.note(`${server}-${i + 1}`, { server: 'crowd', order: 0 });
  };
  const isFloor = (server: string): boolean => unknown.isVoid('other', start(server, 5));
  // The crowd has a floor of its own.
  for (let i = 1; i < limits.serversKnownMax; i++) crowd(`s${i}`);
  expect(isFloor('s1')).toBe(true);
  crowd('one-more');
  expect([isFloor('s1'), isFloor('s2'), isFloor('one-more')]).toEqual([false, true, true]);
});
