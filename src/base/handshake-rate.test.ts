import { describe, expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.ts';
import { HandshakeRate, type Handshake } from './handshake-rate.ts';

const LIMITS = { atOnceMax: 3, burst: 5, perSecond: 2, addressesMax: 4 };

/** Enters so many of an address; says which have begun so far. */
function entered(rate: HandshakeRate, count: number, address = '10.0.0.1'): { begun: number[]; all: Handshake[] } {
  const begun: number[] = [];
  return { begun, all: Array.from({ length: count }, (_, n) => rate.enter(address, () => begun.push(n))) };
}

describe('handshakes of an address', () => {
  it('are so many at once, and the others begin in order as places are free', () => {
    const rate = new HandshakeRate(new HandClock(), LIMITS);
    const { begun, all } = entered(rate, 5);
    expect(begun).toEqual([0, 1, 2]);
    all[1]!.over();
    all[1]!.over();
    expect(begun).toEqual([0, 1, 2, 3]);
    all[0]!.gone();
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  it('that lead nowhere are so many, then so many a second', () => {
    const clock = new HandClock();
    const rate = new HandshakeRate(clock, LIMITS);
    const { begun, all } = entered(rate, 9);
    for (const one of all) one.gone();
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    const more = entered(rate, 9);
    expect(more.begun).toEqual([]);
    clock.advance(499);
    expect(more.begun).toEqual([]);
    clock.advance(1);
    expect(more.begun).toEqual([0]);
    clock.advance(60_000);
    expect(more.begun).toEqual([0, 1, 2]);
  });

  it('of those who prove who they are, are as many as come', () => {
    const rate = new HandshakeRate(new HandClock(), LIMITS);
    const { begun, all } = entered(rate, 100);
    for (let n = 0; n < 100; n++) {
      all[n]!.over();
      all[n]!.proved();
      all[n]!.proved();
      all[n]!.gone();
    }
    expect(begun).toHaveLength(100);
    // Nothing was given back twice: there is the burst and no more.
    const others = entered(rate, 9);
    for (const one of others.all) one.over();
    for (const one of others.all) one.gone();
    expect(others.begun.length).toBe(LIMITS.burst);
  });

  it('take nothing from another address, and one network of IPv6 is one', () => {
    const rate = new HandshakeRate(new HandClock(), LIMITS);
    expect(entered(rate, 9, '2001:db8::1').begun).toHaveLength(3);
    expect(entered(rate, 9, '2001:db8::2').begun).toHaveLength(0);
    expect(entered(rate, 9, '2001:db8:0:1::1').begun).toHaveLength(3);
  });

  it('are remembered of so many addresses, and of all that have some under way', () => {
    const rate = new HandshakeRate(new HandClock(), LIMITS);
    const busy = Array.from({ length: 9 }, (_, n) => entered(rate, 1, `10.0.1.${n}`).all[0]!);
    expect(rate.size).toBe(9);
    for (const one of busy) one.gone();
    expect(rate.size).toBe(LIMITS.addressesMax);
  });

  it('that wait are forgotten with their connection', () => {
    const clock = new HandClock();
    const rate = new HandshakeRate(clock, LIMITS);
    const { begun, all } = entered(rate, 5);
    all[3]!.gone();
    all[0]!.over();
    expect(begun).toEqual([0, 1, 2, 4]);
  });
});
