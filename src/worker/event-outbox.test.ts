import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { decodeFrame } from '../link/codec.ts';
import { WORKER_FRAMES } from '../protocol/link/worker-frames.ts';
import type { AttemptEvent, WorkerEvents } from '../protocol/link/worker-v1.ts';
import { EventOutbox } from './event-outbox.ts';

const A = '01936f2e-0000-7000-8000-000000000000.0.7.1';
const AGENT = '00000000-0000-4000-8000-000000000001';
const EVENT: AttemptEvent = { k: 'queued', a: A };
const said = (bytes: number): AttemptEvent => ({
  k: 'said',
  a: A,
  agentId: AGENT,
  body: Buffer.alloc(bytes),
  mac: Buffer.alloc(32),
});

function flushed(outbox: EventOutbox): AttemptEvent[][] {
  const frames: AttemptEvent[][] = [];
  outbox.flush({
    bufferedBytes: 0,
    sendEncoded(bytes) {
      expect(bytes.length).toBeLessThan(limits.frameBytesMax);
      frames.push((decodeFrame(bytes, WORKER_FRAMES) as WorkerEvents).events);
      return true;
    },
  });
  return frames;
}

it('keeps what agents said until it is as large as it may be, and drops what comes then', () => {
  const outbox = new EventOutbox();
  expect(outbox.push(said(limits.workerOutputBytesMax - 512))).toBe(true);
  expect(outbox.push(said(512))).toBe(true);
  expect(outbox.push(EVENT)).toBe(false);
  outbox.clear();
  expect(outbox.push(EVENT)).toBe(true);
});

it('sends every event whole and in order, so many in a frame as it may have', () => {
  const outbox = new EventOutbox();
  const events = Array.from({ length: 1_300 }, (_, i): AttemptEvent => {
    if (i % 3 === 0) return { k: 'undelivered', a: `${A.slice(0, -1)}${i + 1}`, code: 'agent-busy' };
    return { ...said(i * 7), a: `${A.slice(0, -1)}${i + 1}` } as AttemptEvent;
  });
  for (const event of events) expect(outbox.push(event)).toBe(true);
  const frames = flushed(outbox);
  expect(frames.every((frame) => frame.length <= limits.eventsPerFrameMax)).toBe(true);
  expect(frames.length).toBeGreaterThan(2);
  const plain = (event: AttemptEvent): unknown =>
    event.k === 'said' ? { ...event, body: event.body.length, mac: event.mac.length } : event;
  expect(frames.flat().map(plain)).toEqual(events.map(plain));
  expect(outbox.isEmpty).toBe(true);
});

it('begins a new frame before one grows beyond what a frame may have', () => {
  const outbox = new EventOutbox();
  for (let i = 0; i < 12; i++) outbox.push(said(limits.frameBytesMax / 10));
  expect(outbox.isFrameFull).toBe(true);
  expect(flushed(outbox).map((frame) => frame.length)).toEqual([3, 3, 3, 3]);
});

it('keeps what the link does not take', () => {
  const outbox = new EventOutbox();
  outbox.push(EVENT);
  outbox.flush({ bufferedBytes: 0, sendEncoded: () => false });
  outbox.flush({ bufferedBytes: limits.frameBytesMax, sendEncoded: () => expect.unreachable('a link that is behind') });
  expect(flushed(outbox)).toEqual([[EVENT]]);
});
