/** A backup is read as it was written, or refused: wherever it was cut, changed or added to. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_BYTES_MAX, DAYS_MAX, KIND, type BackupHeader } from './backup-format.ts';
import { readBackup, type BackupPart } from './backup-reader.ts';
import { BackupWriter } from './backup-writer.ts';

const HEADER: BackupHeader = {
  programVersion: '0.1.0',
  schemaVersion: 7,
  takenAtMs: 1_790_000_000_000,
  installation: 'abcd',
  keyIds: ['0123456789abcdef'],
  sealed: { ca: 'c2VhbGVk' },
  days: ['20261127'],
};

type Tables = readonly { readonly name: string; readonly rows: readonly string[] }[];

async function written(tables: Tables, header = HEADER): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const writer = await BackupWriter.begin(async (bytes) => void pieces.push(bytes), header);
  for (const { name, rows } of tables)
    await writer.table(
      { name, columns: ['a', 'b'] },
      (async function* () {
        for (const row of rows) yield Buffer.from(`${row}\n`);
      })(),
    );
  const summary = await writer.end();
  const file = Buffer.concat(pieces);
  expect(summary.bytes).toBe(file.length);
  return file;
}

async function read(file: Buffer, pieceBytes = 7): Promise<BackupPart[]> {
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < file.length; at += pieceBytes) yield file.subarray(at, at + pieceBytes);
  };
  return Array.fromAsync(readBackup(pieces()));
}

function daysFrom(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    new Date(Date.parse(first) + n * 86_400_000).toISOString().slice(0, 10).replaceAll('-', ''),
  );
}

const FILE = await written([
  { name: 'host', rows: ['1\tweb-1', '2\tweb-2'] },
  { name: 'agent', rows: [] },
  { name: 'run', rows: ['9\tx'] },
]);

describe('a backup', () => {
  it('is read as it was written, in pieces of any size', async () => {
    const table = fc.record({
      name: fc.stringMatching(/^[a-z_]{1,12}$/),
      rows: fc.array(fc.string().map((text) => text.replaceAll(/[\n]/g, ''))),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(table, { maxLength: 5 }), fc.integer({ min: 1, max: 300 }), async (tables, size) => {
        const parts = await read(await written(tables), size);
        expect(parts[0]).toEqual({ kind: 'header', header: HEADER });
        const end = parts.at(-1);
        expect(end?.kind === 'end' && end.summary.tables).toEqual(
          tables.map(({ name, rows }) => ({ name, rows: rows.length })),
        );
        const rows = Buffer.concat(parts.flatMap((part) => (part.kind === 'rows' ? [part.bytes] : []))).toString();
        expect(rows).toBe(tables.flatMap((one) => one.rows.map((row) => `${row}\n`)).join(''));
      }),
      { numRuns: 50 },
    );
  });

  it('is refused when it was cut anywhere', async () => {
    for (let length = 0; length < FILE.length; length++)
      await expect(read(FILE.subarray(0, length), 64), `cut at ${length}`).rejects.toMatchObject({
        code: 'backup-damaged',
      });
  });

  it('is refused when a bit was flipped anywhere', async () => {
    for (let at = 0; at < FILE.length; at++) {
      const changed = Buffer.from(FILE);
      changed[at]! ^= 1 << (at % 8);
      await expect(read(changed, 64), `byte ${at}`).rejects.toMatchObject({ code: 'backup-damaged' });
    }
  });

  it('of a later format is left to a later program', async () => {
    for (const line of ['drover backup, format 2\n', 'drover backup, format 10\n'])
      await expect(read(Buffer.from(`${line}anything`))).rejects.toMatchObject({ code: 'schema-newer' });
  });

  it('with a row larger than a chunk may be is read as it was written', async () => {
    const row = 'x'.repeat(CHUNK_BYTES_MAX + 1);
    const parts = await read(await written([{ name: 'work', rows: ['1', row, '2'] }]), 65_536);
    const chunks = parts.flatMap((part) => (part.kind === 'rows' ? [part.bytes] : []));
    expect(Math.max(...chunks.map(({ length }) => length))).toBe(CHUNK_BYTES_MAX);
    expect(Buffer.concat(chunks).equals(Buffer.from(`1\n${row}\n2\n`))).toBe(true);
    expect(parts.at(-1)).toMatchObject({ kind: 'end', summary: { tables: [{ name: 'work', rows: 3 }] } });
  });

  it('is refused before more is unpacked of a part than a chunk may have', async () => {
    const sized = async (bytes: number): Promise<Buffer> => {
      const empty = await written([{ name: 'host', rows: [] }]);
      const packed = gzipSync(Buffer.alloc(bytes, 10));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(packed.length);
      head[4] = KIND.rows;
      // Right behind the head of the table: what the others say of it is not reached.
      const at = empty.indexOf('"columns":["a","b"]}') + '"columns":["a","b"]}'.length;
      return Buffer.concat([empty.subarray(0, at), head, packed, empty.subarray(at)]);
    };
    const detail = (bytes: number) =>
      sized(bytes)
        .then((file) => read(file, 65_536))
        .catch((error: Error) => error.message);
    expect(await detail(CHUNK_BYTES_MAX)).toContain('the rows of host are not those');
    expect(await detail(CHUNK_BYTES_MAX + 1)).toContain('does not unpack');
  });

  it.each([
    ['more days than anybody keeps', daysFrom('2026-01-01', DAYS_MAX + 1)],
    ['a day that no calendar has', ['20260230']],
    ['a month that no calendar has', ['20261301']],
    ['a day before all days', ['00010101']],
    ['a day twice', ['20261127', '20261127']],
    ['a number for a day', [20261127]],
  ])('with %s is refused by its head', async (_what, days) => {
    const file = await written([], { ...HEADER, days: days as string[] });
    await expect(read(file, 65_536)).rejects.toMatchObject({
      code: 'backup-damaged',
      message: expect.stringContaining('its first part cannot be read'),
    });
  });

  it('with as many days as may be kept is read', async () => {
    const days = daysFrom('2026-01-01', DAYS_MAX);
    expect((await read(await written([], { ...HEADER, days }), 65_536))[0]).toMatchObject({ header: { days } });
  });

  it('is refused when anything follows it, even itself', async () => {
    for (const more of [Buffer.from([0]), Buffer.from('\n'), FILE])
      await expect(read(Buffer.concat([FILE, more]))).rejects.toMatchObject({ code: 'backup-damaged' });
  });
});
