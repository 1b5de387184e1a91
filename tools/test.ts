/** `npm test`: the format, the types, then the whole suite. Says on its last line how many tests passed and failed. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const types = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root], {
  stdio: 'inherit',
  cwd: root,
});
if (types.status !== 0) process.exit(1);
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
const format = spawnSync(process.execPath, [biome, 'format', '--log-level=warn'], { stdio: 'inherit', cwd: root });
if (format.status !== 0) process.exit(1);
const report = join(tmpdir(), `drover-tests-${process.pid}.json`);
const suite = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', cwd: root },
);
const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as {
  numPassedTests: number;
  numFailedTests: number;
};
rmSync(report, { force: true });
process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed\n`);
process.exit(suite.status ?? 1);
