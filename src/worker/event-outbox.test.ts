import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import type { AttemptEvent } from '../protocol/link/worker-v1.ts';
import { EventOutbox } from './event-outbox.ts';

const EVENT: AttemptEvent = { k: 'queued', a: 'a' };
const said = (bytes: number): AttemptEvent => ({
  k: 'said',
  a: 'a',
  agentId: 'x',
  body: Buffer.alloc(bytes),
  mac: Buffer.alloc(32),
});

it('keeps what agents said until it is as large as it may be, and drops what comes then', () => {
  const outbox = new EventOutbox();
  expect(outbox.push(said(limits.workerOutputBytesMax - 513))).toBe(true);
  expect(outbox.push(said(0))).toBe(true);
  expect(outbox.push(EVENT)).toBe(false);
  outbox.clear();
  expect(outbox.push(EVENT)).toBe(true);
});
