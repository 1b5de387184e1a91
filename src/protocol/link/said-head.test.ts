import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBody } from './session.ts';
import { saidHead } from './said-head.ts';

const A = '01936f2e-0000-7000-8000-000000000000.0.123456.1';
const STREAM = { size: 0, head: 0, tail: 0 };

describe('the head of what an agent has sealed', () => {
  it.each(['accepted', 'started', 'report', 'unknown', 'busy'])('is the kind and the attempt of %s', (t) => {
    expect(saidHead(encodeBody({ t, a: A, outcome: { kind: 'exited' }, stdout: STREAM, survivors: [1] }))).toEqual({
      t,
      a: A,
    });
    // As another encoder may write a small map.
    const short = Buffer.concat([Buffer.from([0x82]), encodeBody({ t, a: A }).subarray(3)]);
    expect(saidHead(short)).toEqual({ t, a: A });
  });

  it('is read wherever the bytes lie', () => {
    const body = encodeBody({ t: 'busy', a: A });
    const within = new Uint8Array(body.length + 20);
    within.set(body, 7);
    expect(saidHead(within.subarray(7, 7 + body.length))).toEqual({ t: 'busy', a: A });
  });

  it('is none for other kinds, another order, and what is no attempt', () => {
    for (const value of [
      { t: 'chunk', a: A },
      { t: 'constructor', a: A },
      { a: A, t: 'report' },
      { t: 'report', x: 1, a: A },
      { t: 'report', a: `${A}x` },
      { t: 'report', a: 7 },
      { t: 'report' },
      { t: ['report'], a: A },
    ])
      expect(saidHead(encodeBody(value)), JSON.stringify(value)).toBeUndefined();
  });

  it('is none for bytes that end too early, and never reads beyond them', () => {
    const body = encodeBody({ t: 'report', a: A });
    for (let length = 0; length < body.length; length++) expect(saidHead(body.subarray(0, length))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void saidHead(bytes)));
  });
});
