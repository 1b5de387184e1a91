/**
 * The file of a backup: a line that names the format, then frames, then nothing. A frame is its length (4 bytes), its
 * kind (1 byte) and its body; the last one carries the SHA-256 of every byte before it. So a file that was cut, changed
 * or added to anywhere is told from a whole one. It tells damage, not malice: whoever may write a backup may write what
 * is restored, and it is kept like the database itself. What its parts may make a reader hold, and the database make,
 * is bounded all the same.
 *
 * Rows travel as PostgreSQL's own COPY text, which every version of it reads, in compressed chunks of bounded size.
 */
import { DroverError } from '../base/errors.ts';

export const FORMAT_LINE = Buffer.from('drover backup, format 1\n');

/** Of rows in one frame, before they are compressed. */
export const CHUNK_BYTES = 1024 * 1024;
/**
 * What PostgreSQL sends at once may be larger than a chunk is to be; no chunk is larger than this, which is what a
 * reader unpacks at once.
 */
export const CHUNK_BYTES_MAX = 16 * 1024 * 1024;
export const HEADER_BYTES_MAX = 16 * 1024 * 1024;
/** Runs are kept for 90 days, and a day as long as a run of it is not over. */
export const DAYS_MAX = 1_000;

export const KIND = { header: 1, table: 2, rows: 3, tableEnd: 4, end: 5 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export interface BackupHeader {
  readonly programVersion: string;
  readonly schemaVersion: number;
  /** Of the migrations that made the schema; absent in what development builds have written. */
  readonly schemaDigest?: string | undefined;
  readonly takenAtMs: number;
  /** Tells installations apart; of one that has audited nothing yet it is empty. */
  readonly installation: string;
  /** The master keys that its secrets are sealed under, by their fingerprints, as far as whoever took the backup could tell. */
  readonly keyIds: readonly string[];
  /** The installation's own secrets, sealed: what a master key is tried on before anything is written. Base64 by name. */
  readonly sealed: Readonly<Record<string, string>>;
  /** The days (YYYYMMDD) that tables of runs have partitions for. */
  readonly days: readonly string[];
}

export interface BackupTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** What a whole file holds, as it was counted while it was written or read. */
export interface BackupSummary {
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  readonly rows: number;
  readonly bytes: number;
  /** SHA-256 over all, hexadecimal: the name of this very backup. */
  readonly digest: string;
}

export function damaged(what: string): DroverError {
  return new DroverError('backup-damaged', {
    detail: `This is not a whole backup: ${what}. Nothing of it was used; take another one.`,
  });
}

/** Rows in COPY text: each ends with a line feed, and no value holds one unescaped. */
export function countRows(bytes: Uint8Array): number {
  let rows = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) rows++;
  return rows;
}
