/** How the embedded PostgreSQL is set up: for a machine that it shares, and a disk that it must not fill. */
import { statfsSync } from 'node:fs';
import { SOCKET_SETTINGS } from './database-socket.ts';

/** Fit for one machine shared with everything else; durability stays on. */
export const SETTINGS: Readonly<Record<string, string>> = {
  ...SOCKET_SETTINGS,
  max_connections: '100',
  shared_buffers: '256MB',
  wal_compression: 'on',
  checkpoint_timeout: '15min',
  jit: 'off',
  password_encryption: 'scram-sha-256',
  log_min_messages: 'fatal',
  // What does its rounds by time, whatever there is to do, does fewer: an idle machine stays idle.
  autovacuum_naptime: '1min',
  bgwriter_delay: '2s',
  wal_writer_delay: '2s',
  max_parallel_workers_per_gather: '0',
};

/** The log of changes may grow until a checkpoint: no more than a tenth of the disk, or it would be what fills it. */
export function walSettings(dir: string): Record<string, string> {
  const { blocks, bsize } = statfsSync(dir);
  const maxMiB = Math.min(4_096, Math.max(64, Math.floor((blocks * bsize) / 10 / 1_048_576)));
  return { max_wal_size: `${maxMiB}MB`, min_wal_size: `${Math.min(256, Math.max(32, maxMiB >> 1))}MB` };
}
