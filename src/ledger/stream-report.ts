/**
 * What is told of the output of an ended attempt: how much there was, what is kept of it, and by what two outputs are
 * seen to be the same.
 */
import { createHash } from 'node:crypto';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { StreamReport } from '../protocol/link/agent-v1.ts';

const BLOCK = 256 * 1024;

/** Head and tail that are kept of a stream of so many bytes: all of it where it fits. */
export function headAndTail(size: number, keptBytes: number): Pick<StreamReport, 'size' | 'head' | 'tail'> {
  if (size <= keptBytes) return { size, head: size, tail: 0 };
  return { size, head: Math.ceil(keptBytes / 2), tail: Math.floor(keptBytes / 2) };
}

/** `readKept` reads a range of the kept bytes, the head and then the tail; it may end where these two meet. */
export async function describeStream(
  { size, head, tail }: Pick<StreamReport, 'size' | 'head' | 'tail'>,
  readKept: (offset: number, length: number) => Promise<Buffer>,
): Promise<StreamReport> {
  if (size === 0) return { size, head, tail };
  const isInline = head + tail <= limits.outputInlineBytesMax;
  const hash = createHash('sha256');
  const parts: Buffer[] = [];
  for (let at = 0; at < head + tail; ) {
    const bytes = await readKept(at, BLOCK);
    if (bytes.length === 0) break;
    hash.update(bytes);
    if (isInline) parts.push(bytes);
    at += bytes.length;
  }
  const gap = Buffer.alloc(8);
  gap.writeBigUInt64BE(BigInt(size - head - tail));
  return {
    size,
    head,
    tail,
    digest: hash.update(gap).digest(),
    ...given({ inline: isInline ? Buffer.concat(parts) : undefined }),
  };
}
