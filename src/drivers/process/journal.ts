/**
 * The executor's durable truth: an append-only file of what was accepted, started, ended and settled. A start is in here,
 * synced, before anything runs; an attempt leaves only when the server has committed its report, and then a tombstone stays
 * behind, so that a late duplicate never runs twice.
 *
 * Format 1 (readable for ever; test/fixtures/journals/v1.bin): the 8 bytes `DROVERJ1`, then records
 * [u32 BE length][u32 BE CRC-32 of payload][MessagePack payload]. A torn tail is a crash in mid-write and is cut off; its
 * record was never promised to anybody. A broken record before the last one is damage, and said so.
 */
import { open, rename, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { DroverError } from '../../base/errors.ts';
import type { AgentReport } from '../../protocol/link/agent-v1.ts';

const MAGIC = Buffer.from('DROVERJ1');
const HEADER_BYTES = 8;
const RECORD_BYTES_MAX = 64 * 1024 * 1024;
/** Rewritten with what is alive once it is this large and mostly dead. */
const COMPACT_OVER_BYTES = 4 * 1024 * 1024;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

export interface ProcessIdentity {
  /** The leader: the script's own process. */
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot: tells a process from a later one with its number. */
  readonly startTicks: number;
  readonly supervisorPid: number;
  readonly bootId: string;
  /** Clock ticks and wall clock when it started; deadlines count from here. */
  readonly startedAtMs: number;
}

export type JournalRecord =
  /** `spec` is sealed when it carries secrets (`sealed: true`). */
  | { k: 'accepted'; a: string; atMs: number; bootId: string; sealed: boolean; spec: Uint8Array }
  | { k: 'started'; a: string; process: ProcessIdentity }
  | { k: 'ended'; a: string; report: AgentReport }
  | { k: 'settled'; a: string; atMs: number };

export interface JournalEntry {
  accepted: Extract<JournalRecord, { k: 'accepted' }>;
  started?: ProcessIdentity;
  report?: AgentReport;
}

export class Journal {
  readonly entries = new Map<string, JournalEntry>();
  /** Settled attempts and when. */
  readonly tombstones = new Map<string, number>();
  readonly #path: string;
  readonly #tombstoneKeptMs: number;
  #file: FileHandle | undefined;
  #bytes = 0;
  #liveBytesEstimate = 0;
  #queue: Buffer[] = [];
  #waiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  #failed: unknown;

  constructor(path: string, options: { tombstoneKeptMs: number }) {
    this.#path = path;
    this.#tombstoneKeptMs = options.tombstoneKeptMs;
  }

  /** Replays the file. Throws `data-folder-foreign` when it is not a journal or is damaged in the middle. */
  async open(nowMs: number): Promise<void> {
    const bytes = await readFile(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    const { records, validBytes } = decodeJournal(bytes, this.#path);
    for (const record of records) this.#apply(record);
    for (const [attempt, atMs] of this.tombstones) if (atMs < nowMs - this.#tombstoneKeptMs) this.tombstones.delete(attempt);
    this.#file = await open(this.#path, bytes.length === 0 ? 'w' : 'r+');
    if (validBytes === 0) {
      await this.#file.write(MAGIC, 0, MAGIC.length, 0);
      this.#bytes = MAGIC.length;
    } else {
      await this.#file.truncate(validBytes);
      this.#bytes = validBytes;
    }
    await this.#file.datasync();
    await syncFolder(dirname(this.#path));
  }

  /** Resolves when the record is on disk. Many appends share one sync. */
  append(record: JournalRecord): Promise<void> {
    if (this.#failed) return Promise.reject(this.#failed);
    this.#apply(record);
    this.#queue.push(encodeRecord(record));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  #apply(record: JournalRecord): void {
    const entry = this.entries.get(record.a);
    switch (record.k) {
      case 'accepted':
        if (!entry) this.entries.set(record.a, { accepted: record });
        break;
      case 'started':
        if (entry) entry.started = record.process;
        break;
      case 'ended':
        if (entry) entry.report = record.report;
        break;
      case 'settled':
        this.entries.delete(record.a);
        this.tombstones.set(record.a, record.atMs);
    }
  }

  async #write(): Promise<void> {
    while (this.#queue.length > 0) {
      const [batch, waiters] = [this.#queue, this.#waiters];
      this.#queue = [];
      this.#waiters = [];
      try {
        const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch);
        await this.#file!.write(bytes, 0, bytes.length, this.#bytes);
        await this.#file!.datasync();
        this.#bytes += bytes.length;
        if (this.#bytes > Math.max(COMPACT_OVER_BYTES, 2 * this.#liveBytesEstimate)) await this.#compact();
        for (const waiter of waiters) waiter.resolve();
      } catch (error) {
        // What is in memory is ahead of the disk now: nothing more may be promised.
        this.#failed = new DroverError('spool-unwritable', { detail: `The journal ${this.#path} cannot be written: ${(error as Error).message}`, cause: error });
        for (const waiter of [...waiters, ...this.#waiters]) waiter.reject(this.#failed);
        this.#waiters = [];
        this.#queue = [];
      }
    }
    this.#writing = undefined;
  }

  /** What is alive, in a new file that replaces the old one in one step. */
  async #compact(): Promise<void> {
    const records: Buffer[] = [MAGIC];
    for (const [a, entry] of this.entries) {
      records.push(encodeRecord(entry.accepted));
      if (entry.started) records.push(encodeRecord({ k: 'started', a, process: entry.started }));
      if (entry.report) records.push(encodeRecord({ k: 'ended', a, report: entry.report }));
    }
    const newest = Math.max(0, ...this.tombstones.values());
    for (const [a, atMs] of this.tombstones) {
      if (atMs < newest - this.#tombstoneKeptMs) this.tombstones.delete(a);
      else records.push(encodeRecord({ k: 'settled', a, atMs }));
    }
    // Records queued meanwhile are applied already and so are in here too; replay takes the second copy as nothing new.
    const bytes = Buffer.concat(records);
    const staging = `${this.#path}.new`;
    const file = await open(staging, 'w+');
    await file.write(bytes, 0, bytes.length, 0);
    await file.sync();
    await rename(staging, this.#path);
    await syncFolder(dirname(this.#path));
    await this.#file!.close();
    this.#file = file;
    this.#bytes = bytes.length;
    this.#liveBytesEstimate = bytes.length;
  }
}

export function encodeRecord(record: JournalRecord): Buffer {
  const payload = packr.pack(record);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt32BE(payload.length, 0);
  bytes.writeUInt32BE(crc32(payload), 4);
  payload.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Records up to the first torn one, and how many bytes they span (0 for an empty file). */
export function decodeJournal(bytes: Buffer, path: string): { records: JournalRecord[]; validBytes: number } {
  if (bytes.length === 0) return { records: [], validBytes: 0 };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    if (bytes.length < MAGIC.length && MAGIC.subarray(0, bytes.length).equals(bytes)) return { records: [], validBytes: 0 };
    throw new DroverError('data-folder-foreign', { detail: `${path} is not a journal that this program can read.` });
  }
  const records: JournalRecord[] = [];
  let at = MAGIC.length;
  while (at + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const end = at + HEADER_BYTES + length;
    if (length > RECORD_BYTES_MAX || end > bytes.length) break;
    const payload = bytes.subarray(at + HEADER_BYTES, end);
    if (crc32(payload) !== bytes.readUInt32BE(at + 4)) {
      if (end < bytes.length && hasRecordAt(bytes, end)) throw new DroverError('data-folder-foreign', { detail: `${path} is damaged at byte ${at}. Restore it, or enrol the host anew on an empty folder.` });
      break;
    }
    records.push(packr.unpack(payload) as JournalRecord);
    at = end;
  }
  return { records, validBytes: at };
}

function hasRecordAt(bytes: Buffer, at: number): boolean {
  if (at + HEADER_BYTES > bytes.length) return false;
  const end = at + HEADER_BYTES + bytes.readUInt32BE(at);
  return end <= bytes.length && crc32(bytes.subarray(at + HEADER_BYTES, end)) === bytes.readUInt32BE(at + 4);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
