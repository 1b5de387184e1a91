/**
 * Hosts from CSV (RFC 4180): a header row, then a host a row. Columns are named, in any order; `label:NAME` columns
 * become labels, and a `labels` column holds `k=v` texts parted by blanks or semicolons. An unknown column is a fault:
 * a misspelt one must not be dropped quietly.
 */
import { insteadOf, otherFormOf } from '../../base/other-form.ts';
import { labelKeyFault, oneForm } from '../target/nameable.ts';
import { InventoryCollector, type DraftFields, type Inventory } from './host-draft.ts';

interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

const COLUMNS: Readonly<Record<string, keyof DraftFields>> = {
  name: 'name',
  host: 'name',
  address: 'address',
  port: 'port',
  zone: 'zone',
  account: 'account',
  jump_host: 'jumpHost',
  host_key_policy: 'hostKeyPolicy',
  user: 'loginUser',
  labels: 'labels',
};

export function inventoryFromCsv(file: string, text: string): Inventory {
  const collector = new InventoryCollector();
  const { rows, fault } = parseCsv(text);
  if (fault) collector.fault({ file, line: fault.line }, fault.detail);
  const header = rows[0];
  if (!header) {
    collector.fault(
      { file, line: 1 },
      'the file is empty; the first row must name the columns, for example: name,address,port,labels',
    );
    return collector.finish();
  }
  const columns = readHeader(collector, file, header);
  if (!columns) return collector.finish();
  for (const row of rows.slice(1)) {
    const at = { file, line: row.line };
    if (row.cells.length !== header.cells.length) {
      const other = otherFormOf(',', row.cells.join());
      collector.fault(
        at,
        `the row has ${row.cells.length} cells, the header ${header.cells.length}` +
          (other === undefined ? '' : `; cells are parted by commas, not by ${other}`),
      );
      continue;
    }
    const fields: Record<string, string> = {};
    const labels: Record<string, string> = {};
    columns.forEach((column, i) => {
      const cell = row.cells[i]!.trim();
      if (column === undefined || cell === '') return;
      if (column.startsWith('label:')) labels[column.slice(6)] = cell;
      else if (column === 'labels')
        for (const [name, value] of labelPairs(cell, (detail) => collector.fault(at, detail))) labels[name] = value;
      else fields[column] = cell;
    });
    if (fields.name === undefined) collector.fault(at, 'the row names no host');
    else collector.host(at, { ...fields, name: fields.name, labels });
  }
  return collector.finish();
}

/** For each column the field it fills, `label:NAME`, or undefined when it was refused; undefined for what is no such file at all. */
function readHeader(collector: InventoryCollector, file: string, header: CsvRow): (string | undefined)[] | undefined {
  const at = { file, line: header.line };
  const [only = ''] = header.cells;
  const separator = header.cells.length === 1 ? separatorOf(only) : undefined;
  if (separator !== undefined)
    return void collector.fault(at, `the cells are parted by ${separator}; they must be parted by commas`);
  const columns = header.cells.map((cell) => {
    const title = cell.trim();
    const key = title.toLowerCase().replaceAll(/[ -]/g, '_');
    if (/^label:/i.test(title)) {
      const label = oneForm(title.slice(6).trim());
      const unfit = labelKeyFault(label);
      // Told here once, and not on every row.
      if (unfit !== undefined) collector.fault(at, unfit);
      return unfit === undefined ? `label:${label}` : undefined;
    }
    if (Object.hasOwn(COLUMNS, key)) return COLUMNS[key]!;
    collector.fault(
      at,
      `${JSON.stringify(title)} is not a column; known are ${Object.keys(COLUMNS).join(', ')} and label:NAME` +
        insteadOf(':', title),
    );
    return undefined;
  });
  for (const [i, column] of columns.entries())
    if (column !== undefined && columns.indexOf(column) < i)
      collector.fault(at, `the column ${JSON.stringify(header.cells[i]!.trim())} is in here twice`);
  if (!columns.includes('name')) collector.fault(at, 'there is no column name');
  return columns;
}

/** What somebody has parted cells by instead of commas, as people see it. */
function separatorOf(header: string): string | undefined {
  const found = /[;\t|]/.exec(header)?.[0];
  if (found !== undefined) return found === '\t' ? 'tabs' : JSON.stringify(found);
  return [',', ';', '|'].map((sign) => otherFormOf(sign, header)).find((other) => other !== undefined);
}

function labelPairs(text: string, fault: (detail: string) => void): [string, string][] {
  return text
    .split(/[;\s]+/)
    .filter(Boolean)
    .flatMap((pair): [string, string][] => {
      const at = pair.indexOf('=');
      if (at > 0) return [[pair.slice(0, at), pair.slice(at + 1)]];
      const other = otherFormOf('=', pair) ?? otherFormOf(':', pair) ?? (pair.includes(':') ? '":"' : undefined);
      const meant = other === undefined ? '' : `, with "=" and not with ${other}`;
      fault(`${JSON.stringify(pair)} is not a label; write name=value${meant}`);
      return [];
    });
}

/** Rows with the line that each begins on; blank lines are passed over. */
export function parseCsv(input: string): { rows: CsvRow[]; fault?: { line: number; detail: string } } {
  const text = input.replace(/^\ufeff/, '');
  const rows: CsvRow[] = [];
  let [at, line] = [0, 1];
  while (at < text.length) {
    const begin = line;
    const cells: string[] = [];
    for (let more = true; more; ) {
      let cell = '';
      if (text[at] === '"') {
        const end = closingQuote(text, at + 1);
        if (end < 0) return { rows, fault: { line: begin, detail: 'a quote is not closed' } };
        cell = text.slice(at + 1, end).replaceAll('""', '"');
        line += cell.split('\n').length - 1;
        at = end + 1;
        if (at < text.length && !',\r\n'.includes(text[at]!))
          return { rows, fault: { line, detail: 'after a closing quote a comma or the end of the line is expected' } };
      } else {
        const end = nextOf(text, at);
        cell = text.slice(at, end);
        if (cell.includes('"'))
          return {
            rows,
            fault: { line, detail: 'a quote within a cell: put the whole cell in quotes and double the quote' },
          };
        at = end;
      }
      cells.push(cell);
      more = text[at] === ',';
      if (more) at++;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    line++;
    if (cells.length > 1 || cells[0]!.trim() !== '') rows.push({ line: begin, cells });
  }
  return { rows };
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  return -1;
}

function nextOf(text: string, from: number): number {
  let at = from;
  while (at < text.length && !',\r\n'.includes(text[at]!)) at++;
  return at;
}
