/**
 * Reads a backup and believes nothing of it: every frame is checked where it stands, and the whole by its last one. `end` comes only of a
 * file that is whole; whoever acts on what came before undoes it when the reading throws `backup-damaged`.
 */
import { createHash, type Hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DroverError } from '../base/errors.ts';
import {
  CHUNK_BYTES_MAX,
  countRows,
  DAYS_MAX,
  damaged,
  FORMAT_LINE,
  HEADER_BYTES_MAX,
  KIND,
  type BackupHeader,
  type BackupSummary,
  type BackupTable,
} from './backup-format.ts';

/** How any other format begins; its number may have more digits. */
const OTHER_FORMAT = /^drover backup, format \d[\d\n]$/;
const decompress = promisify(gunzip);

export type BackupPart =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly table: BackupTable }
  | { readonly kind: 'rows'; readonly bytes: Uint8Array }
  | { readonly kind: 'table-end' }
  | { readonly kind: 'end'; readonly summary: BackupSummary };

interface OpenTable {
  readonly name: string;
  readonly digest: Hash;
  rows: number;
}

export async function* readBackup(source: AsyncIterable<Uint8Array>): AsyncGenerator<BackupPart, void> {
  const input = new Input(source);
  try {
    yield* readParts(input);
  } finally {
    await input.close();
  }
}

async function* readParts(input: Input): AsyncGenerator<BackupPart, void> {
  const line = await input.take(FORMAT_LINE.length);
  if (!line.equals(FORMAT_LINE)) {
    if (!OTHER_FORMAT.test(line.toString('latin1'))) throw damaged('it does not begin like one');
    throw new DroverError('schema-newer', {
      detail:
        'The backup is of a format that this program does not know. Use the program that took it, or a newer one.',
    });
  }
  let open: OpenTable | undefined;
  const tables: { name: string; rows: number }[] = [];
  for (let n = 0; ; n++) {
    const before = input.digest.copy();
    const head = await input.take(5);
    const [length, kind] = [head.readUInt32BE(), head[4]!];
    if (kind === KIND.end) {
      const digest = before.digest();
      if (n === 0 || open || length !== digest.length) throw damaged('it ends in the middle');
      if (!(await input.take(length)).equals(digest)) throw damaged('its bytes are not those that were written');
      if (!(await input.isOver())) throw damaged('more follows after its end');
      const rows = tables.reduce((sum, table) => sum + table.rows, 0);
      yield { kind: 'end', summary: { tables, rows, bytes: input.bytes, digest: digest.toString('hex') } };
      return;
    }
    if ((n === 0) !== (kind === KIND.header)) throw damaged('its parts are not in order');
    if (length > (kind === KIND.rows ? CHUNK_BYTES_MAX : HEADER_BYTES_MAX))
      throw damaged('one of its parts is too large');
    const body = await input.take(length);
    if (kind === KIND.header) yield { kind: 'header', header: headerOf(body) };
    else if (kind === KIND.table && !open) {
      const table = tableOf(body);
      open = { name: table.name, digest: createHash('sha256'), rows: 0 };
      yield { kind: 'table', table };
    } else if (kind === KIND.rows && open) {
      const bytes = await decompress(body, { maxOutputLength: CHUNK_BYTES_MAX }).catch(() => {
        throw damaged('a part of its rows does not unpack');
      });
      open.digest.update(bytes);
      open.rows += countRows(bytes);
      yield { kind: 'rows', bytes };
    } else if (kind === KIND.tableEnd && open) {
      const told = jsonOf(body);
      if (told.rows !== open.rows || told.digest !== open.digest.digest('hex'))
        throw damaged(`the rows of ${open.name} are not those that were written`);
      tables.push({ name: open.name, rows: open.rows });
      open = undefined;
      yield { kind: 'table-end' };
    } else throw damaged('its parts are not in order');
  }
}

/** Exact numbers of bytes out of pieces of any size. */
class Input {
  readonly digest = createHash('sha256');
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** Memory grows with what has come, not with what a length claims. */
  async take(length: number): Promise<Buffer> {
    const taken: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next();
        if (next.done) throw damaged('it ends in the middle');
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(piece.length);
      missing -= piece.length;
      taken.push(piece);
    }
    const bytes = Buffer.concat(taken);
    this.digest.update(bytes);
    this.bytes += length;
    return bytes;
  }

  async isOver(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return true;
      this.#rest = next.value;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

function jsonOf(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Refused below.
  }
  throw damaged('one of its parts cannot be read');
}

function headerOf(body: Buffer): BackupHeader {
  const value = jsonOf(body);
  const isOf = (list: unknown, pattern: RegExp): boolean =>
    Array.isArray(list) && list.every((item) => typeof item === 'string' && pattern.test(item));
  const { sealed } = value;
  const isSound =
    typeof value.programVersion === 'string' &&
    typeof value.installation === 'string' &&
    Number.isSafeInteger(value.schemaVersion) &&
    Number.isSafeInteger(value.takenAtMs) &&
    (value.schemaDigest === undefined || typeof value.schemaDigest === 'string') &&
    isOf(value.keyIds, /^[0-9a-f]{16}$/) &&
    areDays(value.days) &&
    typeof sealed === 'object' &&
    sealed !== null &&
    Object.values(sealed).every((secret) => typeof secret === 'string');
  if (!isSound) throw damaged('its first part cannot be read');
  return value as unknown as BackupHeader;
}

/** Days of the calendar, none twice: tables are made for each of them. */
function areDays(list: unknown): boolean {
  const isDay = (name: unknown): boolean => {
    const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(String(name)) ?? [];
    const instant = new Date(`${year}-${month}-${day}T00:00:00Z`);
    return typeof name === 'string' && instant.getTime() >= 0 && instant.getUTCDate() === Number(day);
  };
  return Array.isArray(list) && list.length <= DAYS_MAX && new Set(list).size === list.length && list.every(isDay);
}

function tableOf(body: Buffer): BackupTable {
  const { name, columns } = jsonOf(body);
  if (typeof name !== 'string' || !Array.isArray(columns) || !columns.every((column) => typeof column === 'string'))
    throw damaged('one of its parts cannot be read');
  return { name, columns: columns as string[] };
}
