/**
 * The installation's authority as a file, for other programs (`curl --cacert`) and for `drover login --ca`. It is no secret, but for our
 * user alone like all of the folder.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const AUTHORITY = 'ca.pem';

/** In the data folder of a server, or of `drover up`. */
export function authorityFile(dataDir: string): string {
  return join(dataDir, AUTHORITY);
}

export function writeAuthority(dataDir: string, pem: string): void {
  const path = authorityFile(dataDir);
  writeFileSync(`${path}.new`, `${pem.trim()}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
