import { beforeEach, describe, expect, it } from 'vitest';
import { newId, type AttemptId, type WorkerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { HandClock } from '../../test/support/hand-clock.ts';
import { WaitingAcks, type WaitingAck } from './waiting-acks.ts';

const worker = newId<'worker'>() as WorkerId;
const other = newId<'worker'>() as WorkerId;
const ack = (n: number): WaitingAck => ({
  attempt: `attempt-${n}` as AttemptId,
  executor: { kind: 'worker', id: worker, engine: 'ssh' },
});

describe('acknowledgements', () => {
  let clock: HandClock;
  let sent: [WorkerId, number][];
  let acks: WaitingAcks;
  beforeEach(() => {
    clock = new HandClock();
    sent = [];
    acks = new WaitingAcks(clock, (workerId, list) => sent.push([workerId, list.length]));
  });

  it('go together once no more have come for a while, to each worker its own', () => {
    acks.add(worker, [ack(1)]);
    clock.advance(60);
    acks.add(other, [ack(2), ack(3)]);
    acks.add(worker, [ack(4)]);
    clock.advance(60);
    expect(sent).toEqual([]);
    clock.advance(60);
    expect(sent).toEqual([
      [worker, 2],
      [other, 2],
    ]);
    clock.advance(10_000);
    expect(sent).toHaveLength(2);
  });

  it('go in the midst of a burst that does not end, long before anybody reports again', () => {
    let ms = 0;
    for (; sent.length === 0 && ms < limits.reportRetryBaseMs; ms += 50) {
      acks.add(worker, [ack(ms)]);
      clock.advance(50);
    }
    expect(ms).toBe(limits.ackWaitMsMax);
    // The least that the schedule of reports may draw.
    expect(ms).toBeLessThan(0.75 * limits.reportRetryBaseMs);
  });

  it('go at once where too many wait, and where the server is about to end', () => {
    acks.add(
      worker,
      Array.from({ length: limits.acksWaitingMax - 1 }, (_, n) => ack(n)),
    );
    expect(sent).toEqual([]);
    acks.add(worker, [ack(0)]);
    expect(sent).toEqual([[worker, limits.acksWaitingMax]]);
    acks.add(other, [ack(1)]);
    acks.sendAll();
    expect(sent.at(-1)).toEqual([other, 1]);
    clock.advance(10_000);
    expect(sent).toHaveLength(2);
  });
});
