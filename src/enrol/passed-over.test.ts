import { describe, expect, it } from 'vitest';
import { passedOver } from './passed-over.ts';

const host = { name: 'web-1', labels: { role: 'web' } };

describe('what is asked of a host that has joined', () => {
  it('is told where it changes nothing, with what would', () => {
    expect(passedOver(host, { name: 'web-2', labels: { role: 'db', zone: 'a' } })).toEqual([
      expect.stringContaining('drover hosts label web-1 role=db'),
      expect.stringContaining('drover hosts label web-1 zone=a'),
      expect.stringContaining('--name web-2 was passed over: it has joined as web-1'),
    ]);
  });

  it('is nothing to tell where it is so already', () => {
    expect(passedOver(host, { name: 'web-1', labels: { role: 'web' } })).toEqual([]);
    expect(passedOver({ name: 'worker-1' }, {})).toEqual([]);
  });
});
