import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('a log on a full disk loses lines, ends nothing, and says how many when there is room again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-log-'));
  const program = `
    import { closeSync, openSync } from 'node:fs';
    const { createJsonLog } = await import(${JSON.stringify(new URL('./node-log.ts', import.meta.url).href)});
    const log = createJsonLog({ role: 'test' });
    log.info({}, 'one');
    log.warn({}, 'two');
    closeSync(2);
    if (openSync(${JSON.stringify(join(folder, 'log'))}, 'a') !== 2) process.exit(9);
    log.info({}, 'three');
  `;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', openSync('/dev/full', 'w')],
  });
  const lines = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');
  rmSync(folder, { recursive: true });
  expect(status).toBe(0);
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ linesLost: 2 }, { msg: 'three' }]);
});
