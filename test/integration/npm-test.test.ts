/** `npm test` that is stopped on the way: a small suite of its own, run and stopped as the whole one is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { platformOfHost } from '../../src/engines/process/platform-of-host.ts';
import { root } from '../support/source-tree.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-suite-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const config = { test: { include: ['*.check.ts'], maxWorkers: 1, testTimeout: 600_000, root: folder } };
  writeFileSync(join(folder, 'vitest.config.ts'), `export default ${JSON.stringify(config)};`);
  // The larger come first.
  file('first', `it('is wrong', () => expect(1).toBe(2)); it('is right', () => undefined); //${'x'.repeat(10_000)}`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): void {
  writeFileSync(join(folder, `${name}.check.ts`), `import { expect, it } from 'vitest';\n${text}`);
}

/** One that is dead and not reaped by the system yet is gone. */
function isAlive(pid: number): boolean {
  return (platformOfHost().processStat(pid)?.state ?? 'Z') !== 'Z';
}

function suite() {
  const program = `const { runSuite, StopSignals } = await import(${JSON.stringify(join(root, 'tools/suite.ts'))});
    process.exit(await runSuite(new StopSignals(), process.argv.slice(1)));`;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, '--', '--root', folder, '--config', join(folder, 'vitest.config.ts')],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: '', NO_COLOR: '1' } },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
  return { child, said: () => said, ended: once(child, 'close') as Promise<[number | null]> };
}

it('that comes to its end tells counts and names the failure when it happens', async () => {
  file('second', "it.skip('is for later [not tried: no moon]', () => undefined);");
  const { said, ended } = suite();
  expect((await ended)[0]).toBe(1);
  expect(said()).toMatch(/FAILED first\.check\.ts > is wrong: expected 1 to be 2/);
  expect(said()).toMatch(/1 not tried: no moon\nslowest: .*\n1 passed, 1 failed, 1 skipped\n$/);
});

it('that is stopped tells what failed and what was not tried, and leaves no process', async () => {
  const pids = join(folder, 'pids');
  file(
    'second',
    `import { spawn } from 'node:child_process'; import { appendFileSync } from 'node:fs';
     it('is done', () => undefined);
     it('hangs', () => {
       const note = (child) => child.stdout.on('data', (bytes) => appendFileSync(${JSON.stringify(pids)}, bytes));
       // One with an environment and a session of its own, and one whose parent is gone.
       note(spawn('sh', ['-c', 'echo $$; exec sleep 1001'], { detached: true, env: {} }));
       note(spawn('sh', ['-c', 'setsid sh -c \\'echo $$; exec sleep 1002\\' &']));
       return new Promise(() => undefined);
     }); //${'x'.repeat(5_000)}`,
  );
  file('third', "it('is never begun', () => undefined);");
  const { child, said, ended } = suite();
  const started = await until('two processes', () => {
    const lines = existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n') : [];
    return lines.length === 2 && lines.map(Number);
  });
  expect(said()).toContain('FAILED first.check.ts > is wrong');
  expect(started.filter(isAlive)).toEqual(started);
  child.kill('SIGTERM');
  await until('it to say so', () => said().includes('Stopping: '));
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(143);
  expect(said()).toMatch(
    /Stopped: 2 passed, 1 failed, 2 of 3 files not tried to their end\.\nfailed:\n {2}first\.check\.ts > is wrong\nstopped on the way:\n {2}second\.check\.ts: 1 of 2 tests tried\nnot begun:\n {2}third\.check\.ts\n$/,
  );
  expect(started.filter(isAlive)).toEqual([]);
});

it('that is stopped lets what runs clean up behind itself, and ends with the signal', async () => {
  const [begun, cleaned] = [join(folder, 'begun'), join(folder, 'cleaned')];
  file(
    'second',
    `import { afterAll } from 'vitest'; import { writeFileSync } from 'node:fs';
     afterAll(() => writeFileSync(${JSON.stringify(cleaned)}, ''));
     it('goes on', () => {
       writeFileSync(${JSON.stringify(begun)}, '');
       return new Promise(() => undefined);
     });`,
  );
  const { child, said, ended } = suite();
  await until('it to run', () => existsSync(begun));
  child.kill('SIGINT');
  expect((await ended)[0]).toBe(130);
  expect(existsSync(cleaned)).toBe(true);
  expect(said()).toMatch(/Stopped: 1 passed, 1 failed, 1 of 2 files/);
});
