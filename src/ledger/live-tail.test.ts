import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveTail } from './live-tail.ts';
import { createMask } from './mask.ts';

describe('LiveTail', () => {
  let folder: string;
  let seen: string;
  let tail: LiveTail;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-tail-'));
    seen = '';
    tail = new LiveTail({
      files: { 1: join(folder, 'stdout'), 2: join(folder, 'stderr') },
      mask: createMask([]),
      onOutput: (_stream, _offset, bytes) => (seen += bytes.toString()),
    });
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('tells what a process wrote that was over before anybody looked', () => {
    writeFileSync(join(folder, 'stdout'), 'hello\n');
    tail.finish();
    expect(seen).toBe('hello\n');
  });

  it('tells only what is new with each look', () => {
    writeFileSync(join(folder, 'stdout'), 'one ');
    tail.pump(0);
    writeFileSync(join(folder, 'stdout'), 'one two');
    tail.pump(1_000);
    tail.finish();
    expect(seen).toBe('one two');
  });

  it('shows no end of a secret where it jumps ahead into one', () => {
    const secret = 'sixteen-and-more';
    const masked = new LiveTail({
      files: { 1: join(folder, 'stdout'), 2: join(folder, 'stderr') },
      mask: createMask([secret]),
      onOutput: (_stream, _offset, bytes, skipped) => (seen += `${skipped > 0 ? '…' : ''}${bytes.toString()}`),
    });
    // Of every alignment to the place that is jumped to.
    writeFileSync(join(folder, 'stdout'), `${secret.repeat(200_000)}.`);
    writeFileSync(join(folder, 'stderr'), `${secret}:`.repeat(200_000));
    masked.pump(0);
    masked.finish();
    expect(seen).toContain('…');
    expect(seen.replace(/\*{6}/g, '')).toMatch(/^[….:]*$/);
  });
});
