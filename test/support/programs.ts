/**
 * The npm package as it was built for this test run, once for all test files (global-setup.ts): a start of its command takes a fraction of
 * the processor time that one from sources takes. Who asks a server by commands many times, and is not about the clone, uses it.
 */
import { join } from 'node:path';

/** Names the folder in which the package is laid out. */
export const PACKAGE_FOLDER = 'DROVER_TEST_PACKAGE';

/** The command as a user of the npm package has it. */
export function packagedDrover(): string {
  return join(packageFolder(), 'drover');
}

/** Where programs keep what they have compiled: with those that are built for this run, so that it goes with them. */
export function compiledFolder(): string {
  return join(packageFolder(), 'compiled');
}

function packageFolder(): string {
  const folder = process.env[PACKAGE_FOLDER];
  if (folder === undefined) throw new Error('the package is laid out for tests alone');
  return folder;
}
