/** A backup is read as it was written, or refused: wherever it was cut, changed or added to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackupHeader } from './backup-format.ts';
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

async function written(tables: Tables): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const writer = await BackupWriter.begin(async (bytes) => void pieces.push(bytes), HEADER);
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

  it('is refused when anything follows it, even itself', async () => {
    for (const more of [Buffer.from([0]), Buffer.from('\n'), FILE])
      await expect(read(Buffer.concat([FILE, more]))).rejects.toMatchObject({ code: 'backup-damaged' });
  });
});
