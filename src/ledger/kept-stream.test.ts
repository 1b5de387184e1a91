import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { KeptStream } from './kept-stream.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-kept-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

function bytesOf(length: number, from = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i + from) * 31 + ((i + from) >> 8)));
}

describe('kept output', () => {
  it('is head and tail, however it came in pieces, and is the same when opened again', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 70_000 }), async (pieces, kept) => {
        const path = join(folder, String(count++));
        const stream = new KeptStream(path, kept);
        let whole = Buffer.alloc(0);
        for (const size of pieces) {
          const bytes = bytesOf(size, whole.length);
          await stream.append(bytes);
          whole = Buffer.concat([whole, bytes]);
        }
        const expected =
          whole.length <= kept
            ? whole
            : Buffer.concat([
                whole.subarray(0, Math.ceil(kept / 2)),
                whole.subarray(whole.length - Math.floor(kept / 2)),
              ]);
        const report = await stream.describe();
        expect([report.size, report.head + report.tail]).toEqual([whole.length, expected.length]);
        expect(report.inline !== undefined || whole.length === 0).toBe(expected.length <= limits.outputInlineBytesMax);
        await stream.sync();
        await stream.close();
        const again = await KeptStream.reopen(path, report);
        const parts: Buffer[] = [];
        for (let at = 0; at < expected.length; at += parts.at(-1)!.length) parts.push(await again.readKept(at, 9_999));
        expect(Buffer.concat(parts).equals(expected)).toBe(true);
        await again.remove();
      }),
      { numRuns: 60 },
    );
  });
});
