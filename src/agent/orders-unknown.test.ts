import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { OrdersUnknown } from './orders-unknown.ts';

it('remembers each attempt up to as many as it may; of one that it forgets, no order up to there is carried out', () => {
  const unknown = new OrdersUnknown(systemClock);
  for (let i = 0; i < limits.ordersUnknownMax; i++) unknown.note(`a${i}`, { server: 's', order: 5 });
  // All are remembered one by one: another attempt with the same or an earlier order is none of them.
  expect(unknown.isVoid('other', { server: 's', order: 5 })).toBe(false);
  expect([unknown.isVoid('a0', { server: 's', order: 5 }), unknown.isVoid('a0', { server: 's', order: 6 })]).toEqual([
    true,
    false,
  ]);
  unknown.note('beyond', { server: 's', order: 9 });
  expect(unknown.isVoid('a0', { server: 's', order: 5 })).toBe(true);
  expect(unknown.isVoid('other', { server: 's', order: 5 })).toBe(true);
  expect(unknown.isVoid('other', { server: 's', order: 6 })).toBe(false);
});

it('remembers the floors of so many servers, those raised last', () => {
  const unknown = new OrdersUnknown(systemClock);
  const crowd = (server: string): void => {
    unknown.note(`${server}-0`, { server, order: 5 });
    for (let i = 0; i < limits.ordersUnknownMax; i++) unknown.note(`${server}-${i + 1}`, { server: 'crowd', order: 0 });
  };
  const isFloor = (server: string): boolean => unknown.isVoid('other', { server, order: 5 });
  // The crowd has a floor of its own.
  for (let i = 1; i < limits.serversKnownMax; i++) crowd(`s${i}`);
  expect(isFloor('s1')).toBe(true);
  crowd('one-more');
  expect([isFloor('s1'), isFloor('s2'), isFloor('one-more')]).toEqual([false, true, true]);
});
