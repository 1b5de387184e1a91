/**
 * `npm test`: what the suite needs of the machine, the format, the types, then the whole suite. Ends with what was not
 * tried and why, and with how many tests passed and failed. With CI set, a test that was not tried is a failure:
 * nothing is skipped there in silence.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installTestNeeds } from './test-needs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const SLOWEST_SHOWN = 8;
const packages = join(root, 'node_modules');

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    /** Wall clock, in ms since 1970. */
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

installTestNeeds();
const format = node('@biomejs/biome/bin/biome', 'format', '--log-level=warn');
const types = node('typescript/bin/tsc', '-p', root);
if (format !== 0 || types !== 0) process.exit(1);
const path = join(tmpdir(), `drover-tests-${process.pid}.json`);
const suite = node(
  'vitest/vitest.mjs',
  'run',
  '--reporter=dot',
  '--reporter=json',
  `--outputFile.json=${path}`,
  ...process.argv.slice(2),
);
if (!existsSync(path)) {
  process.stdout.write('The suite was ended before it could tell how it went.\n');
  process.exit(suite || 1);
}
const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
rmSync(path, { force: true });
const untried = report.testResults
  .flatMap((file) => file.assertionResults)
  .filter((test) => test.status !== 'passed' && test.status !== 'failed');
for (const [reason, count] of reasons(untried.map((test) => test.fullName)))
  process.stdout.write(`${count} not tried: ${reason}\n`);
process.stdout.write(`slowest: ${slowest(report.testResults).join(', ')}\n`);
process.stdout.write(
  `${report.numPassedTests} passed, ${report.numFailedTests} failed${untried.length > 0 ? `, ${untried.length} skipped` : ''}\n`,
);
process.exit(suite !== 0 ? suite : untried.length > 0 && process.env['CI'] ? 1 : 0);

/** Runs a program of ours with its words on this terminal. @returns its exit code. */
function node(program: string, ...args: readonly string[]): number {
  return spawnSync(process.execPath, [join(packages, program), ...args], { stdio: 'inherit', cwd: root }).status ?? 1;
}

/** The files that the suite's time went to, so that one that grows is seen before the suite is slow. */
function slowest(files: Report['testResults']): readonly string[] {
  return files
    .map((file) => ({ path: relative(root, file.name), ms: file.endTime - file.startTime }))
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST_SHOWN)
    .map(({ path, ms }) => `${path} ${Math.round(ms / 1000)} s`);
}

/** Why tests were not tried, as `requiring` wrote it into their titles or those of their groups, and how many each. */
function reasons(titles: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const title of titles) {
    const reason = /\[not tried: ([^\]]+)\]/.exec(title)?.[1] ?? title;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}
