/** A command starts quickly: what it does not need is not loaded, and what it needs is compiled already. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { cleanEnv, drover } from '../support/up.ts';

const program = fileURLToPath(new URL('../../src/bin/drover.ts', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'drover-start-'));
const env: NodeJS.ProcessEnv = { ...cleanEnv(), HOME: home, XDG_CACHE_HOME: join(home, 'cache') };
afterAll(() => rmSync(home, { recursive: true }));

const LOADED = `import { registerHooks } from 'node:module';
const urls = [];
registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
process.on('exit', () => console.error(JSON.stringify(urls.filter((url) => url.startsWith('file:')))));`;

it('loads the files of the command that is called, and no more', () => {
  const hooks = `data:text/javascript,${encodeURIComponent(LOADED)}`;
  for (const words of [
    ['hosts', 'list'],
    ['runs', 'list'],
    ['run', '-t', 'all', '--', 'true'],
    ['whoami'],
    ['--help'],
  ]) {
    const { stderr } = spawnSync(process.execPath, ['--import', hooks, program, ...words], { env, encoding: 'utf8' });
    const files = JSON.parse(stderr.trim().split('\n').at(-1)!) as string[];
    expect(files.length, files.join('\n')).toBeLessThan(50);
    expect(files.filter((file) => /\/(yaml|zod|fastify|pg|ssh2|ws|msgpackr)\//.test(file))).toEqual([]);
  }
});

/** The figure is in docs/BENCHMARKS.md (goal: six times); here stands what no busy machine makes of it. */
it('takes no more than a few times the processor time of Node itself', () => {
  const { NODE_COMPILE_CACHE: _none, ...own } = env;
  const least = (command: string): number =>
    Math.min(
      ...Array.from({ length: 7 }, () => {
        const { stderr } = spawnSync('bash', ['-c', `TIMEFORMAT='%U %S'; time ${command} >/dev/null 2>&1`], {
          env: own,
          encoding: 'utf8',
        });
        return stderr
          .trim()
          .split(' ')
          .reduce((sum, part) => sum + Number(part), 0);
      }),
    );
  expect(least(`'${drover}' hosts list`)).toBeLessThan(9 * least(`'${process.execPath}' -e 0`));
  // In a folder of this user's own, not where everybody may write.
  expect(readdirSync(join(home, 'cache', 'drover', 'compiled'))).not.toEqual([]);
});
