/** `drover backup`: takes a backup of the database, or reads one to see that it is whole. A program of the server's machine. */
import { resolve } from 'node:path';
import type { BackupHeader, BackupSummary } from '../backup/backup-format.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { createJsonLog } from '../base/node-log.ts';
import { runMain, version } from '../base/node-process.ts';
import { readArgs } from '../base/read-args.ts';
import { openFolderDatabase } from '../embedded/database-of-folder.ts';
import { findMasterKey } from '../pki/sealer.ts';
import { takeBackup } from '../store/postgres/backup/backup.ts';
import { databaseAddress } from './database-address.ts';
import { openPlace } from './backup-place.ts';
import { backupAt, masterKeyFile, onInterrupt, Progress, told } from './backup-words.ts';
import { upDataDir } from '../base/node-data-folder.ts';
import { dataFolderOf } from './data-folders.ts';
import { onceDatabaseAnswers } from './database-wait.ts';

async function main(): Promise<void> {
  const { values, positionals } = readArgs({
    options: { data: { type: 'string' }, json: { type: 'boolean', default: false } },
    allowPositionals: true,
    strict: true,
  });
  if (positionals[0] === 'verify' && positionals.length === 2) return verify(positionals[1]!, values.json);
  const [path] = positionals;
  if (path === undefined || positionals.length > 1)
    throw new DroverError('bad-input', {
      detail: 'drover backup wants one file to write, or - for the standard output.',
    });
  await take(path, values.data, values.json);
}

async function take(path: string, data: string | undefined, json: boolean): Promise<void> {
  const log = createJsonLog({ role: 'backup' }, 'error');
  const external = databaseAddress('DATABASE_URL');
  const dataDir = resolve(data ?? (external ? dataFolderOf('server') : upDataDir()));
  // Only to name the keys that the backup needs: it is as good without.
  const masterKey = findMasterKey(masterKeyFile(dataDir, external), process.env.DROVER_MASTER_KEY);
  const database = external
    ? { url: external, close: async () => undefined }
    : await onceDatabaseAnswers(systemClock, log, () => openFolderDatabase(dataDir, systemClock, log));
  const place = await openPlace(path).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const progress = new Progress();
  onInterrupt(() => place.abandon().then(() => database.close()));
  try {
    const { header, summary } = await takeBackup({
      url: database.url,
      programVersion: version(),
      sink: (bytes) => place.write(bytes),
      keyIdOf(purpose, sealed) {
        try {
          return masterKey?.keyIdOf(purpose, sealed);
        } catch {
          return undefined;
        }
      },
      onProgress: ({ table, bytes }) => progress.show(`${table} … ${(bytes / 1e6).toFixed(1)} MB`),
    });
    await place.finish();
    progress.clear();
    say(path, json, { header, summary }, 'taken');
  } catch (error) {
    progress.clear();
    await place.abandon();
    throw error;
  } finally {
    await database.close();
  }
}

async function verify(path: string, json: boolean): Promise<void> {
  let header: BackupHeader | undefined;
  for await (const part of backupAt(path)) {
    if (part.kind === 'header') header = part.header;
    else if (part.kind === 'end') say(path, json, { header: header!, summary: part.summary }, 'whole');
  }
}

function say(
  path: string,
  json: boolean,
  what: { readonly header: BackupHeader; readonly summary: BackupSummary },
  how: 'taken' | 'whole',
): void {
  // The standard output may be the backup itself.
  const out = path === '-' && how === 'taken' ? process.stderr : process.stdout;
  if (json) out.write(`${JSON.stringify({ file: path, ...told(what.header, what.summary) })}\n`);
  else {
    const { header, summary } = what;
    const keys = header.keyIds.length > 0 ? `\n  keys     ${header.keyIds.join(', ')}` : '';
    out.write(
      `Backup ${how}: ${path}\n  of       ${new Date(header.takenAtMs).toISOString()}, Drover ` +
        `${header.programVersion}, schema ${header.schemaVersion}\n  holds    ${summary.rows} rows of ` +
        `${summary.tables.length} tables, ${summary.bytes} bytes${keys}\n  digest   ${summary.digest}\n`,
    );
  }
}

await runMain(main);
