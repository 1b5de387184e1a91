import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { callLimits } from '../base/call-limits.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { ownCalls } from './own-calls.ts';

const dir = mkdtempSync(join(tmpdir(), 'drover-own-calls-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const parts = { clock: systemClock, log: silentLog };
const of = (flags: Parameters<typeof ownCalls>[1]): ReturnType<typeof ownCalls> => ownCalls(dir, flags, parts);

it('makes calls, as many at once as it is told, and none with 0', () => {
  expect(of({})?.capacity).toBe(callLimits.workerCallsDefault);
  expect(of({ 'call-capacity': '7', 'call-allow': '10.0.0.0/8, api.lan' })?.capacity).toBe(7);
  expect(of({ 'call-capacity': '0' })).toBeUndefined();
});

it('says which option is wrong, also where it makes none', () => {
  for (const flags of [{ 'call-capacity': 'many' }, { 'call-capacity': '-1' }])
    expect(() => of(flags)).toThrow('--call-capacity wants');
  for (const flags of [{ 'call-allow': '10.0.0.0/99' }, { 'call-allow': 'http://x/', 'call-capacity': '0' }])
    expect(() => of(flags)).toThrow('--call-allow takes');
});
