/**
 * Folders of attempts, each with its script, its standard input, what it wrote, and the two small files of its
 * supervisor. Whoever is started makes a folder; what is written there is read, cleaned and in time removed here.
 */
import { chmodSync, constants, mkdirSync, statfsSync } from 'node:fs';
import { access, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { valueLimits } from '../base/value-limits.ts';
import type { StreamReport } from '../protocol/link/agent-v1.ts';
import { writeWhole } from './journal.ts';
import type { Mask } from './mask.ts';
import { describeStream, headAndTail } from './stream-report.ts';
import type { ValuesFile } from './told-values.ts';

const BLOCK = 256 * 1024;
const STREAM_FILES = { 1: 'stdout', 2: 'stderr' } as const;
/** Whatever the script has put there: no link is followed, and no pipe waited at. */
const AS_IT_IS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

type SpoolFile = 'script' | 'stdin' | 'stdout' | 'stderr' | 'values' | 'supervisor' | 'pid' | 'status';

export class Spool {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
    // Only root starts scripts of others, who must get to them.
    if (process.getuid?.() === 0) chmodSync(root, 0o711);
  }

  folder(attempt: string): string {
    return join(this.root, attempt);
  }

  file(attempt: string, name: SpoolFile): string {
    return join(this.root, attempt, name);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.root);
    return bavail * bsize;
  }

  /** As `freeBytes`, where a decision waits for it. */
  freeBytesNow(): number {
    const { bavail, bsize } = statfsSync(this.root);
    return bavail * bsize;
  }

  async size(attempt: string, stream: 1 | 2 | 'values'): Promise<number> {
    return stat(this.file(attempt, stream === 'values' ? stream : STREAM_FILES[stream])).then(
      (s) => s.size,
      () => 0,
    );
  }

  /** False where somebody deleted what it wrote, or is writing still. */
  async hasStreams(attempt: string): Promise<boolean> {
    const files = [this.file(attempt, 'stdout'), this.file(attempt, 'stderr')];
    return (
      await Promise.all(
        files.map((file) =>
          access(file).then(
            () => true,
            () => false,
          ),
        ),
      )
    ).every(Boolean);
  }

  async read(
    attempt: string,
    stream: 1 | 2,
    offset: number,
    length: number,
  ): Promise<{ bytes: Buffer; size: number } | undefined> {
    const file = await open(this.file(attempt, STREAM_FILES[stream]), 'r').catch(() => undefined);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
      return { bytes: bytes.subarray(0, bytesRead), size };
    } finally {
      await file.close();
    }
  }

  /** Rewrites both streams through the mask, so that no secret stays on the disk. Safe to repeat: masked text holds none. */
  async scrub(attempt: string, mask: Mask): Promise<void> {
    for (const stream of [1, 2] as const) {
      const path = this.file(attempt, STREAM_FILES[stream]);
      const source = await open(path, 'r').catch(() => undefined);
      if (!source) continue;
      const target = await open(`${path}.masked`, 'w', 0o600);
      try {
        const masked = mask.stream();
        for (;;) {
          const block = Buffer.allocUnsafe(BLOCK);
          const { bytesRead } = await source.read(block, 0, BLOCK);
          await writeWhole(target, masked.push(block.subarray(0, bytesRead), bytesRead === 0), null);
          if (bytesRead === 0) break;
        }
        await target.datasync();
      } finally {
        await source.close();
        await target.close();
      }
      await rename(`${path}.masked`, path);
    }
  }

  /** Head and tail of a finished stream, its digest, and the bytes themselves where they fit in one frame. */
  async describe(attempt: string, stream: 1 | 2, keptBytes: number): Promise<StreamReport> {
    const kept = headAndTail(await this.size(attempt, stream), keptBytes);
    return describeStream(kept, (offset, length) => this.readKept(attempt, stream, kept, offset, length));
  }

  /** Offsets count in the kept bytes: the head, then the tail. */
  async readKept(
    attempt: string,
    stream: 1 | 2,
    kept: { size: number; head: number; tail: number },
    offset: number,
    length: number,
  ): Promise<Buffer> {
    if (offset < kept.head)
      return (await this.read(attempt, stream, offset, Math.min(length, kept.head - offset)))?.bytes ?? Buffer.alloc(0);
    const inTail = offset - kept.head;
    return (
      (await this.read(attempt, stream, kept.size - kept.tail + inTail, Math.min(length, kept.tail - inTail)))?.bytes ??
      Buffer.alloc(0)
    );
  }

  /** What the script has told of output values, as far as it may. */
  async readValues(attempt: string): Promise<ValuesFile> {
    const file = await open(this.file(attempt, 'values'), AS_IT_IS).catch((error: NodeJS.ErrnoException) => error.code);
    if (typeof file !== 'object') return file === 'ENOENT' ? 'gone' : 'unreadable';
    try {
      const facts = await file.stat();
      if (!facts.isFile()) return 'unreadable';
      const most = valueLimits.outputValuesFileBytesMax;
      const bytes = Buffer.alloc(Math.min(facts.size, most));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return { bytes: bytes.subarray(0, bytesRead), isMore: facts.size > most };
    } catch {
      return 'unreadable';
    } finally {
      await file.close();
    }
  }

  async removeValues(attempt: string): Promise<void> {
    await rm(this.file(attempt, 'values'), { force: true, recursive: true });
  }

  async remove(attempt: string): Promise<void> {
    await rm(this.folder(attempt), { recursive: true, force: true });
  }

  /** Folders that nobody needs any more: not in use, and untouched since `beforeMs`. */
  async prune(beforeMs: number, inUse: (attempt: string) => boolean): Promise<number> {
    let removed = 0;
    for (const attempt of await readdir(this.root)) {
      if (inUse(attempt)) continue;
      const { mtimeMs } = await stat(this.file(attempt, 'stdout')).catch(() => ({ mtimeMs: 0 }));
      if (mtimeMs >= beforeMs) continue;
      await this.remove(attempt);
      removed++;
    }
    return removed;
  }
}
