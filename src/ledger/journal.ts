/**
 * The executor's durable truth: an append-only file of what was accepted, started, ended and settled. A start is in here,
 * synced, before anything runs; an attempt leaves only when the server has committed its report, and then a tombstone stays
 * behind, so that a late duplicate never runs twice.
 *
 * Format 1 (readable for ever; test/fixtures/journals): the 8 bytes `DROVERJ1`, then records
 * [u32 BE length][u32 BE CRC-32 of payload][MessagePack payload]. A torn tail is a crash in mid-write and is cut off; its
 * record was never promised to anybody. A broken record before the last one is damage, and said so.
 */
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { DroverError } from '../base/errors.ts';
import type { AgentReport } from '../protocol/link/agent-v1.ts';
import { reportIn } from './flat-report.ts';
import { nodeJournalFiles, type JournalFile, type JournalFiles } from './journal-files.ts';

const MAGIC = Buffer.from('DROVERJ1');
const HEADER_BYTES = 8;
const RECORD_BYTES_MAX = 64 * 1024 * 1024;
/** Rewritten with what is alive once it is this large and mostly dead. */
const COMPACT_OVER_BYTES = 4 * 1024 * 1024;
/** More than a host can settle while an order is valid. */
const SETTLED_NOW_MAX = 100_000;

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** What a begun attempt is found by: own to its engine, but for the two that every engine tells. */
export interface JournaledStart {
  readonly pid: number;
  /** By the wall clock of the machine that carries it out. */
  readonly startedAtMs: number;
  readonly [ofEngine: string]: string | number | Uint8Array;
}

export type JournalRecord =
  /**
   * `spec` is what the engine keeps of the work, and sealed (`sealed: true`) where that is secret; `bootId` is empty
   * where attempts outlive the machine.
   */
  | { k: 'accepted'; a: string; atMs: number; bootId: string; sealed: boolean; spec: Uint8Array }
  | { k: 'started'; a: string; process: JournaledStart }
  | { k: 'ended'; a: string; report: AgentReport }
  | { k: 'settled'; a: string; atMs: number };

export interface JournalEntry {
  accepted: Extract<JournalRecord, { k: 'accepted' }>;
  started?: JournaledStart;
  report?: AgentReport;
}

interface Append {
  readonly record: JournalRecord;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Journal {
  readonly entries = new Map<string, JournalEntry>();
  /** Settled attempts and when. */
  readonly tombstones = new Map<string, number>();
  /** Settled since it was opened. Orders of former starts of the process count no more, but for these the wall clock must not decide. */
  readonly #settledNow = new Set<string>();
  readonly #path: string;
  readonly #tombstoneKeptMs: number;
  readonly #files: JournalFiles;
  #file: JournalFile | undefined;
  /** Where the promised records end. Beyond it there may be the rest of a write that failed. */
  #bytes = 0;
  #liveBytesEstimate = 0;
  #queue: Append[] = [];
  #writing: Promise<void> | undefined;
  /** A write failed: what it left behind is cut off before anything else is written. */
  #hasRest = false;
  /** The file was replaced and the folder not synced yet: after a crash the old file could be back. */
  #isFolderStale = false;
  #compactOverBytes = COMPACT_OVER_BYTES;

  constructor(path: string, options: { tombstoneKeptMs: number; files?: JournalFiles }) {
    this.#path = path;
    this.#tombstoneKeptMs = options.tombstoneKeptMs;
    this.#files = options.files ?? nodeJournalFiles;
  }

  /** Replays the file. Throws `data-folder-foreign` when it is not a journal or is damaged in the middle. */
  async open(nowMs: number): Promise<void> {
    const bytes = await this.#files.read(this.#path);
    const { records, validBytes } = decodeJournal(bytes, this.#path);
    for (const record of records) this.#apply(record);
    for (const [attempt, atMs] of this.tombstones)
      if (atMs < nowMs - this.#tombstoneKeptMs) this.tombstones.delete(attempt);
    try {
      this.#file = await this.#files.open(this.#path, bytes.length === 0 ? 'w' : 'r+');
      if (validBytes === 0) {
        await writeWhole(this.#file, MAGIC, 0);
        this.#bytes = MAGIC.length;
      } else {
        await this.#file.truncate(validBytes);
        this.#bytes = validBytes;
      }
      await this.#file.datasync();
      await this.#files.syncFolder(dirname(this.#path));
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /**
   * Resolves when the record is on disk, and only then is it in memory. Many appends share one sync. Rejects with `spool-full`
   * or `spool-unwritable` when it is not on disk; the next append tries anew, so that space given back is all it takes.
   */
  append(record: JournalRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ record, bytes: encodeRecord(record), resolve, reject });
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
        if (this.#file) this.#settledNow.add(record.a);
        if (this.#settledNow.size > SETTLED_NOW_MAX) this.#settledNow.delete(this.#settledNow.values().next().value!);
    }
  }

  async #write(): Promise<void> {
    // One turn later, so that appends of one turn share the sync, and `#writing` is set.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        if (!this.#file) throw new Error('it is closed');
        await this.#repair();
        const bytes = batch.length === 1 ? batch[0]!.bytes : Buffer.concat(batch.map((append) => append.bytes));
        this.#hasRest = true;
        await writeWhole(this.#file, bytes, this.#bytes);
        await this.#file.datasync();
        this.#hasRest = false;
        this.#bytes += bytes.length;
      } catch (error) {
        // At once where it can be: a record that was refused must not come back to life with a restart.
        await this.#repair().catch(() => undefined);
        for (const append of batch) append.reject(this.#unwritable(error));
        continue;
      }
      for (const append of batch) this.#apply(append.record);
      await this.#compactIfWorth();
      for (const append of batch) append.resolve();
    }
    // In the same turn as the last look into the queue: who comes later begins anew.
    this.#writing = undefined;
  }

  /** Makes the file end where the promised records end. Cutting off needs no space. */
  async #repair(): Promise<void> {
    if (this.#isFolderStale) await this.#files.syncFolder(dirname(this.#path));
    this.#isFolderStale = false;
    if (!this.#hasRest || !this.#file) return;
    await this.#file.truncate(this.#bytes);
    await this.#file.datasync();
    this.#hasRest = false;
  }

  #unwritable(error: unknown): DroverError {
    const { code, message } = error as NodeJS.ErrnoException;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    return new DroverError(isFull ? 'spool-full' : 'spool-unwritable', {
      detail: `The journal ${this.#path} cannot be written: ${message}`,
      cause: error,
    });
  }

  /** The records are safe where they are: a compaction that fails only leaves the file long, and is tried again when it has grown. */
  async #compactIfWorth(): Promise<void> {
    if (this.#bytes <= Math.max(this.#compactOverBytes, 2 * this.#liveBytesEstimate)) return;
    try {
      await this.#compact();
      this.#compactOverBytes = COMPACT_OVER_BYTES;
    } catch {
      this.#compactOverBytes = this.#bytes + COMPACT_OVER_BYTES;
    }
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
      if (atMs < newest - this.#tombstoneKeptMs && !this.#settledNow.has(a)) this.tombstones.delete(a);
      else records.push(encodeRecord({ k: 'settled', a, atMs }));
    }
    const bytes = Buffer.concat(records);
    const staging = `${this.#path}.new`;
    const file = await this.#files.open(staging, 'w');
    try {
      await writeWhole(file, bytes, 0);
      await file.sync();
      await this.#files.rename(staging, this.#path);
    } catch (error) {
      await file.close();
      await this.#files.remove(staging);
      throw error;
    }
    const former = this.#file!;
    this.#file = file;
    this.#bytes = bytes.length;
    this.#liveBytesEstimate = bytes.length;
    this.#isFolderStale = true;
    await former.close();
    await this.#repair();
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

/**
 * Records up to the first torn one, and how many bytes they span (0 for an empty file). What a crash leaves behind the last record that was
 * promised may be anything, zeros as well; where a whole record follows somewhere, it is no such rest but damage.
 */
export function decodeJournal(bytes: Buffer, path: string): { records: JournalRecord[]; validBytes: number } {
  if (bytes.length === 0) return { records: [], validBytes: 0 };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    if (bytes.length < MAGIC.length && MAGIC.subarray(0, bytes.length).equals(bytes))
      return { records: [], validBytes: 0 };
    throw new DroverError('data-folder-foreign', { detail: `${path} is not a journal that this program can read.` });
  }
  const records: JournalRecord[] = [];
  let at = MAGIC.length;
  while (at + HEADER_BYTES <= bytes.length) {
    const payload = payloadAt(bytes, at);
    if (!payload) {
      for (let next = at + 1; next + HEADER_BYTES < bytes.length; next++) {
        if (!payloadAt(bytes, next)) continue;
        throw new DroverError('data-folder-foreign', {
          detail: `${path} is damaged at byte ${at}. Restore it, or enrol the host anew on an empty folder.`,
        });
      }
      break;
    }
    records.push(recordOf(payload));
    at += HEADER_BYTES + payload.length;
  }
  return { records, validBytes: at };
}

/** Of the whole record that begins there, if one does. Every record is a map of a few entries, and says so with its first byte. */
function payloadAt(bytes: Buffer, at: number): Buffer | undefined {
  const start = at + HEADER_BYTES;
  const length = bytes.readUInt32BE(at);
  if (length === 0 || length > RECORD_BYTES_MAX || start + length > bytes.length) return undefined;
  const isMap = bytes[start]! >> 4 === 0x8 || bytes[start] === 0xde;
  const payload = bytes.subarray(start, start + length);
  return isMap && crc32(payload) === bytes.readUInt32BE(at + 4) ? payload : undefined;
}

function recordOf(payload: Buffer): JournalRecord {
  const record = packr.unpack(payload) as JournalRecord;
  return record.k === 'ended' ? { ...record, report: reportIn(record.report) } : record;
}

/** A disk that fills up takes a part and reports no error: whoever does not look has promised half a record. */
export async function writeWhole(
  file: Pick<JournalFile, 'write'>,
  bytes: Uint8Array,
  position: number | null,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(
      bytes,
      done,
      bytes.length - done,
      position === null ? null : position + done,
    );
    done += bytesWritten;
  }
}
