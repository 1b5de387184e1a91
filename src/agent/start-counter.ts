/** The starts of an agent, counted in its data folder: moved on and on disk before anybody hears of the start. */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { given } from '../base/given.ts';
import { readJsonFile } from '../pki/identity.ts';

const FILE = 'starts.json';

export interface AgentStart {
  readonly instance: string;
  readonly after?: string;
  readonly start: number;
}

/** A crash right after it leaves a number that nobody has heard of: the next start is another step on. */
export function beginStart(dataDir: string, instance: string): AgentStart {
  const before = readJsonFile<{ start: number; instance: string }>(dataDir, FILE);
  const start = (before?.start ?? 0) + 1;
  const [path, staging] = [join(dataDir, FILE), join(dataDir, `${FILE}.new`)];
  writeFileSync(staging, JSON.stringify({ start, instance }), { mode: 0o600, flush: true });
  renameSync(staging, path);
  const folder = openSync(dataDir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return { instance, start, ...given({ after: before?.instance }) };
}
