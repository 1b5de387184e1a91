/**
 * `drover restore`: puts a backup into an empty database. The file is read to its end before anything is begun, and
 * again while it is restored.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { BackupHeader } from '../backup/backup-format.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createJsonLog } from '../base/node-log.ts';
import { runMain } from '../base/node-process.ts';
import { readArgs } from '../base/read-args.ts';
import { systemWords } from '../base/system-words.ts';
import { startDatabaseForRestore } from '../embedded/database-of-folder.ts';
import { findMasterKey, type MasterKey } from '../pki/sealer.ts';
import { currentRole } from '../store/postgres/owner-role.ts';
import { restoreBackup } from '../store/postgres/backup/restore.ts';
import { databaseAddress } from './database-address.ts';
import { backupAt, masterKeyFile, onInterrupt, Progress, told } from './backup-words.ts';
import { upDataDir } from '../base/node-data-folder.ts';
import { dataFolderOf } from './data-folders.ts';

async function main(): Promise<void> {
  const { values, positionals } = readArgs({
    options: {
      data: { type: 'string' },
      'master-key': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
    strict: true,
  });
  const [path] = positionals;
  if (path === undefined || positionals.length > 1)
    throw new DroverError('bad-input', { detail: 'drover restore wants one file to read.' });
  const log = createJsonLog({ role: 'restore' }, 'error');
  const external = databaseAddress('DATABASE_URL');
  const dataDir = resolve(values.data ?? (external ? dataFolderOf('server') : upDataDir()));
  const keyFile = masterKeyFile(dataDir, external);
  const given = values['master-key'];
  if (given !== undefined) assertReadable(given);
  const masterKey = findMasterKey(given ?? keyFile, given === undefined ? process.env.DROVER_MASTER_KEY : undefined);

  const progress = new Progress();
  progress.show('reading the backup …');
  const header = await readWhole(path);
  const auditKey = auditKeyOf(header, masterKey, given ?? keyFile);

  const owner = external ? databaseAddress('DATABASE_OWNER_URL') : undefined;
  const serverRole = external && owner ? await currentRole(external, log) : undefined;
  const database = external
    ? { url: owner ?? external, isAnew: false, unmark: async () => undefined, close: async () => undefined }
    : await startDatabaseForRestore(dataDir, systemClock, log);
  let isInterrupted = false;
  onInterrupt(() => {
    isInterrupted = true;
    return database.close();
  });
  try {
    const { summary, lost, runsUnderWay, upgradesEnded, isAnew } = await restoreBackup({
      url: database.url,
      parts: backupAt(path),
      auditKeyOf: () => auditKey,
      serverRole,
      async onMarked(isAnew) {
        progress.clear();
        if ((isAnew || database.isAnew) && !values.json)
          process.stderr.write('An earlier restore was begun here and not finished; it is begun anew.\n');
        // After the database is ours, before anything is in it.
        if (given !== undefined) await placeKey(given, keyFile);
        await database.unmark();
      },
      onProgress: ({ table }) => progress.show(`${table} …`),
    });
    progress.clear();
    if (values.json)
      process.stdout.write(
        `${JSON.stringify({
          file: path,
          ...told(header, summary),
          lost,
          runsUnderWay,
          upgradesEnded,
          isAnew: isAnew || database.isAnew,
        })}\n`,
      );
    else
      process.stdout.write(
        `Restored ${summary.rows} rows of ${new Date(header.takenAtMs).toISOString()}.\n  lost         ${lost} ` +
          'executions that may have been carried out since (drover runs list --state failed; look before you ' +
          `retry)\n  under way    ${runsUnderWay} runs of which something ran then: their agents are asked\n  ` +
          `upgrades     ${upgradesEnded} ended\nStart ${external ? 'the servers' : `drover up --data ${dataDir}`} ` +
          'now. Tokens that were revoked after the backup are valid again: docs/operations/backup.md.\n',
      );
  } catch (error) {
    if (!isInterrupted && !database.isAnew) await database.unmark();
    throw error;
  } finally {
    progress.clear();
    await database.close();
  }
}

/** A key that was named is meant: nobody goes on with another because it cannot be read. */
function assertReadable(path: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    throw new DroverError('bad-input', {
      detail: `--master-key ${path} cannot be read: ${systemWords(error)}.`,
      cause: error,
    });
  }
}

async function readWhole(path: string): Promise<BackupHeader> {
  let header: BackupHeader | undefined;
  for await (const part of backupAt(path)) if (part.kind === 'header') header = part.header;
  return header!;
}

/** Tries the keys on what they have to open later. Throws `backup-key-missing` before anything is written. */
function auditKeyOf(header: BackupHeader, masterKey: MasterKey | undefined, where: string): Uint8Array {
  const missing = (why: string): DroverError =>
    new DroverError('backup-key-missing', {
      detail:
        `${why} The backup needs the master key of its ` +
        `time${header.keyIds.length > 0 ? ` (${header.keyIds.join(', ')})` : ''}: give its file with --master-key, ` +
        'or DROVER_MASTER_KEY.',
    });
  if (!masterKey) throw missing(`There is no master key in ${where}.`);
  const lacking = header.keyIds.filter((id) => !masterKey.keyIds.includes(id));
  if (lacking.length > 0)
    throw missing(`The keys that were given (${masterKey.keyIds.join(', ')}) lack ${lacking.join(', ')}.`);
  try {
    const opened = new Map(
      Object.entries(header.sealed).map(([name, sealed]) => [
        name,
        masterKey.open(name, Buffer.from(sealed, 'base64')),
      ]),
    );
    const root = opened.get('dispatch-root');
    return (root ? masterKey.withDispatchRoot(root) : masterKey).auditKey;
  } catch {
    throw missing(`The keys that were given (${masterKey.keyIds.join(', ')}) do not open it.`);
  }
}

/**
 * Where the server will look for it. Before the database is written: a restore that was not finished can be repeated,
 * one without its key not.
 */
async function placeKey(from: string, to: string): Promise<void> {
  const text = readFileSync(from, 'utf8');
  if (resolve(from) === resolve(to)) return;
  if (existsSync(to)) {
    if (readFileSync(to, 'utf8').trim() === text.trim()) return;
    throw new DroverError('restore-target-used', {
      detail: `${to} holds another master key. Move it away if nothing needs it, or choose another --data.`,
    });
  }
  mkdirSync(dirname(dirname(to)), { recursive: true, mode: 0o711 });
  const folder = await acquireFolderLock(dirname(to), 'server');
  writeFileSync(to, text, { mode: 0o600, flag: 'wx', flush: true });
  folder.release();
}

await runMain(main);
