/** Whom the program on the host signals: only processes that are still those that it saw. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../../../test/support/until.ts';
import { startProgram } from './remote-program.ts';

const scratch = mkdtempSync(join(tmpdir(), 'drover-signal-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('a process whose number was another’s before', () => {
  for (const login of [['dash'], ['busybox', 'sh'], ['bash']])
    it(`is not signalled, nor taken for the script, under ${login[0]}`, async () => {
      const child = spawn('sleep', ['60'], { stdio: 'ignore' });
      const gone = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
      const pid = await until('it is there', () => child.pid);
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
      // A /proc in which nothing else is.
      const root = join(scratch, login[0]!);
      mkdirSync(join(root, String(pid)), { recursive: true });
      mkdirSync(join(root, 'self'));
      for (const name of [String(pid), 'self']) writeFileSync(join(root, name, 'stat'), stat);
      const ask = (text: string): string =>
        run(login, `R=${root}; p=${pid}; X=${process.pid}; b=${root}/none; ${text}`);
      expect(ask(`P=${start}; running && echo ours`)).toBe('ours\n');
      expect(ask(`P=1; running || echo another`)).toBe('another\n');
      ask(`l=${pid}; H=${pid}:1; send KILL`);
      expect(ask(`P=1; tree; echo "[$l]"`)).toBe('[]\n');
      expect(ask(`P=${start}; tree; echo "[$l]"`)).toBe(`[ ${pid}]\n`);
      expect(child.signalCode ?? child.exitCode).toBeNull();
      ask(`P=${start}; tree; send KILL`);
      expect(await gone).toBe('SIGKILL');
    });
});

function run(login: readonly string[], text: string): string {
  const loop = startProgram.head.lastIndexOf('while IFS= read -r y');
  const program = `${startProgram.head.slice(0, loop)} ${startProgram.rest}; ${text}`;
  return execFileSync(login[0]!, [...login.slice(1), '-c', program], { encoding: 'utf8' });
}
