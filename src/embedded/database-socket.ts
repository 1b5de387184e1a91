/**
 * Where the embedded PostgreSQL listens: on a socket in a folder that its user and we alone may pass, and nowhere else. Another user of the
 * machine can neither reach it nor listen in its place, as could be done with a port.
 */
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from './database-owner.ts';

/** It names the socket; nothing listens on a port. */
const PORT = 5432;

/** The data folder of PostgreSQL, which it works in, is beside the folder of the socket: however deep both are, this path is short. */
export const SOCKET_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_directories: '../socket',
  // The folder keeps others away.
  unix_socket_permissions: '0777',
  port: String(PORT),
};

/** Of the database that lies in `dir`. */
export function socketFolderOf(dir: string): string {
  return join(dir, 'socket');
}

/**
 * Anew, when no PostgreSQL works on the data folder: what a killed one has left there names a process whose number another of the same user
 * may have by now, and PostgreSQL would believe it.
 */
export async function makeSocketFolder(dir: string, owner: Owner): Promise<void> {
  const folder = socketFolderOf(dir);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  if (owner.uid === undefined) return;
  await chown(folder, owner.uid, process.getgid!());
  await chmod(folder, 0o750);
}

/** PostgreSQL takes connections, or was killed as it did. */
export function isListening(dir: string): boolean {
  return existsSync(join(socketFolderOf(dir), `.s.PGSQL.${PORT}`));
}

/** `folder`: the path of the socket's folder, as whoever connects may say it. */
export function databaseUrl(folder: string, password: string): string {
  return `postgres://drover:${password}@${encodeURIComponent(folder)}/drover`;
}
