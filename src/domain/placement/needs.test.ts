import { describe, expect, it } from 'vitest';
import { needsText, parseNeeds } from './needs.ts';

describe('what a task wants for itself', () => {
  it.each<[string, object, string]>([
    ['cpus=2 memory=4GiB', { milliCpus: 2_000, memoryMiB: 4_096, diskMiB: 0 }, 'cpus=2 memory=4GiB'],
    ['disk=1TiB,cpus=0.25', { milliCpus: 250, memoryMiB: 0, diskMiB: 1_048_576 }, 'cpus=0.25 disk=1TiB'],
    ['memory=1536MiB', { milliCpus: 0, memoryMiB: 1_536, diskMiB: 0 }, 'memory=1536MiB'],
    ['cpus=10000', { milliCpus: 10_000_000, memoryMiB: 0, diskMiB: 0 }, 'cpus=10000'],
  ])('is read and told again: %s', (text, needs, told) => {
    const read = parseNeeds(text);
    expect(read).toEqual({ ok: true, needs });
    expect(read.ok && needsText(read.needs)).toBe(told);
  });

  it.each([
    '',
    'cpu=2',
    'cpus=0',
    'cpus=10001',
    'memory=4',
    'memory=4GB',
    'memory=1025TiB',
    'cpus=1 cpus=2',
    'cpus=1=2',
  ])('is refused: %j', (text) => expect(parseNeeds(text)).toMatchObject({ ok: false }));
});
