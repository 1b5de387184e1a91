/**
 * What is kept of the rows of a statement: a line of JSON for each, as many as may be kept, and the values that the job
 * takes out of their columns. Pure.
 */
import { callLimits } from '../../../base/call-limits.ts';
import { given } from '../../../base/given.ts';
import { scanJson } from '../../../base/json-scan.ts';
import { ROWS_VALUE, type SqlWork } from '../../../domain/work/sql.ts';
import type { FoundValues } from '../../../ledger/told-values.ts';

/** `isJson`: it stands in a line as it is, a number or JSON of its own. Null is NULL. */
export type SqlCell = null | { readonly text: string; readonly isJson?: boolean };

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** What JSON has no number for, as NaN, is a text. */
export function numberCell(text: string): SqlCell {
  return { text, isJson: NUMBER.test(text) };
}

/**
 * On one line; what is no JSON, whatever its column says, is a text. So is what has more values than are made of any answer: a bracket
 * costs a thousand times what a letter does.
 */
export function jsonCell(text: string): SqlCell {
  if (scanJson(text, 0).values > callLimits.callExtractValuesMax) return { text };
  try {
    JSON.parse(text);
  } catch {
    return { text };
  }
  // Line ends stand between the parts of it alone: within its texts they are escaped.
  return { text: text.replaceAll(/[\r\n]/g, ' '), isJson: true };
}

export function bytesCell(bytes: Buffer): SqlCell {
  return { text: `\\x${bytes.toString('hex')}` };
}

export class SqlRows {
  readonly #work: Pick<SqlWork, 'rowsMax' | 'extract' | 'extractAll'>;
  #keys: readonly string[] = [];
  #names: readonly string[] | undefined;
  /** That a statement has read or changed, those among them that are not kept. */
  seen = 0;
  kept = 0;
  #keptBytes = 0;
  #cut: 'rows' | 'bytes' | undefined;
  #lines: string[] = [];
  #first: readonly SqlCell[] | undefined;
  readonly #lists = new Map<string, string[] | string>();
  #listBytes = 0;

  constructor(work: Pick<SqlWork, 'rowsMax' | 'extract' | 'extractAll'>) {
    this.#work = work;
    for (const name of Object.keys(work.extractAll)) this.#lists.set(name, []);
  }

  /** As the database calls them; of equal ones the later are numbered. False where there are more than are read. */
  columns(names: readonly string[]): boolean {
    if (names.length > callLimits.sqlColumnsMax) return false;
    const used = new Set<string>();
    // How far each name is numbered: never begun anew for the next that is called so.
    const numbers = new Map<string, number>();
    this.#names = names.map((name) => name.slice(0, callLimits.callPointerLengthMax));
    this.#keys = this.#names.map((name) => {
      let number = numbers.get(name) ?? 0;
      let own: string;
      do own = ++number === 1 ? name : `${name}_${number}`;
      while (used.has(own));
      numbers.set(name, number);
      used.add(own);
      return `${JSON.stringify(own)}:`;
    });
    return true;
  }

  get hasColumns(): boolean {
    return this.#names !== undefined;
  }

  /** No more of them is kept. */
  get isCut(): boolean {
    return this.#cut !== undefined;
  }

  /** Whether a row of so many characters is to be looked at; of one that is not, nothing has to be made. Then `pass` counts it. */
  takes(length: number): boolean {
    if (this.isCut) return false;
    if (this.kept >= this.#work.rowsMax) this.#cut = 'rows';
    // A line is never shorter than what it is made of.
    else if (this.#keptBytes + length > callLimits.sqlRowsBytesMax) this.#cut = 'bytes';
    return !this.isCut;
  }

  pass(): void {
    this.seen++;
  }

  row(cells: readonly SqlCell[]): void {
    if (this.takes(cells.reduce((sum, cell) => sum + (cell?.text.length ?? 0), 0))) this.#keep(cells);
    this.seen++;
  }

  #keep(cells: readonly SqlCell[]): void {
    const line = `{${cells.map((cell, at) => `${this.#keys[at] ?? ''}${cellText(cell)}`).join(',')}}\n`;
    const bytes = Buffer.byteLength(line);
    if (this.#keptBytes + bytes > callLimits.sqlRowsBytesMax) {
      this.#cut = 'bytes';
      return;
    }
    this.kept++;
    this.#keptBytes += bytes;
    this.#lines.push(line);
    this.#first ??= cells;
    for (const [name, column] of Object.entries(this.#work.extractAll)) this.#enlist(name, cells, column);
  }

  /** A list that cannot be told is none from then on: its place says why. */
  #enlist(name: string, cells: readonly SqlCell[], column: string): void {
    const list = this.#lists.get(name);
    if (!Array.isArray(list)) return;
    const at = this.#names!.indexOf(column);
    const value = at < 0 ? undefined : cells[at];
    const row = `row ${this.kept}`;
    if (at < 0) this.#lists.set(name, `no column of the result is called ${JSON.stringify(column)}`);
    else if (!value) this.#lists.set(name, `in ${row} it is NULL`);
    else if (/[\r\n]/.test(value.text)) this.#lists.set(name, `in ${row} it has several lines`);
    else if (value.text === '') this.#lists.set(name, `in ${row} it is empty`);
    else if ((this.#listBytes += value.text.length) > callLimits.callExtractBytesMax)
      this.#lists.set(name, `the lists have more than ${callLimits.callExtractBytesMax} characters together`);
    else list.push(value.text);
  }

  /** Lines that are not told yet. */
  lines(): Buffer {
    const lines = this.#lines;
    this.#lines = [];
    return Buffer.from(lines.join(''));
  }

  /** How many rows to ask for next: as many as may be kept, in portions that do not grow with their size. */
  get portion(): number {
    if (this.isCut) return PORTION_MAX;
    const left = this.#work.rowsMax - this.kept + 1;
    const fit = this.kept === 0 ? PORTION_FIRST : Math.ceil(PORTION_BYTES / (this.#keptBytes / this.kept));
    return Math.max(1, Math.min(left, fit, PORTION_MAX));
  }

  /** For people: what of the rows is not there. */
  get remark(): string | undefined {
    if (this.#cut === 'rows') return `There are more rows: ${this.kept} are kept, as rows_max says.`;
    if (this.#cut === 'bytes')
      return `There are more rows: ${this.kept} are kept, which is as much as ${callLimits.sqlRowsBytesMax} bytes hold.`;
    return undefined;
  }

  /** `rows`: that the statement has read or changed. Nothing that the database has said stands in the fault. */
  values(rows: number): FoundValues {
    const found: Record<string, string> = { [ROWS_VALUE]: String(rows) };
    const faults: string[] = [];
    for (const [name, column] of Object.entries(this.#work.extract)) {
      const at = this.#names?.indexOf(column) ?? -1;
      const cell = this.#first?.[at];
      if (cell) found[name] = cell.text;
      else faults.push(`${name}: ${this.#lackOf(column, at)}`);
    }
    for (const [name, list] of this.#lists) {
      if (typeof list === 'string') faults.push(`${name}: ${list}`);
      else if (this.isCut) faults.push(`${name}: there are more rows than are kept, so not all of it is known`);
      else if (!this.hasColumns) faults.push(`${name}: the statement has no rows`);
      else if (!this.#names!.includes(this.#work.extractAll[name]!))
        faults.push(`${name}: ${this.#lackOf(this.#work.extractAll[name]!, -1)}`);
      else found[name] = list.join('\n');
    }
    return { found, ...given({ fault: faults.length === 0 ? undefined : `${faults.join('; ')}.` }) };
  }

  #lackOf(column: string, at: number): string {
    if (!this.hasColumns) return 'the statement has no rows';
    if (at < 0) return `no column of the result is called ${JSON.stringify(column)}`;
    return this.#first ? `${JSON.stringify(column)} of the first row is NULL` : 'there is no row';
  }
}

const PORTION_FIRST = 16;
const PORTION_MAX = 1_000;
const PORTION_BYTES = 1_048_576;

function cellText(cell: SqlCell): string {
  if (cell === null) return 'null';
  return cell.isJson ? cell.text : JSON.stringify(cell.text);
}
