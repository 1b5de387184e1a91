/**
 * Data folders that this user's `drover up` was given with `--data`, so that commands know the servers of this machine
 * by their address, as they know the one in the default folder. Only paths are noted: token and authority stay in the
 * folder, and are read from one of ours alone.
 */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { upDataDir } from '../../base/node-data-folder.ts';
import { makeFolder } from '../../base/node-folder.ts';

/** More are of experiments that nobody remembers. */
const FOLDERS_MAX = 50;

/** The latest first. A user without a home (a service) has no commands that would look here, and gets none made. */
export function noteFolder(dataDir: string): void {
  const path = foldersFile();
  if (!existsSync(process.env.XDG_CONFIG_HOME || homedir())) return;
  const folders = [dataDir, ...readFolders().filter((other) => other !== dataDir)].slice(0, FOLDERS_MAX);
  makeFolder(dirname(path), 0o700);
  writeFileSync(`${path}.new`, `${JSON.stringify({ folders })}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What lies in `access.json` of the first folder whose server has this address. */
export function accessAt(url: string): unknown {
  return folderAt(url, readFolders())?.access;
}

/** The data folder of this machine whose server has this address, the default one among them. */
export function ownFolderOf(url: string): string | undefined {
  return folderAt(url, [upDataDir(), ...readFolders()])?.folder;
}

function folderAt(url: string, folders: readonly string[]): { folder: string; access: unknown } | undefined {
  for (const folder of folders) {
    const path = join(folder, 'access.json');
    try {
      if (statSync(path).uid !== process.getuid?.()) continue;
      const access = JSON.parse(readFileSync(path, 'utf8')) as { url?: unknown } | null;
      if (access?.url === url) return { folder, access };
    } catch {
      // It is gone, or half of it is there: then its server is not known here.
    }
  }
  return undefined;
}

function readFolders(): string[] {
  try {
    const { folders } = JSON.parse(readFileSync(foldersFile(), 'utf8')) as { folders?: unknown };
    return Array.isArray(folders) ? folders.filter((one): one is string => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

function foldersFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'drover', 'folders.json');
}
