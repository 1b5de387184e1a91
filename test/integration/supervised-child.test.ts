/** A supervisor that waits: a child that is late goes on, one that ends early is started again, and one that refuses is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SupervisedChild, type ChildOptions } from '../../src/bin/supervised-child.ts';
import { until } from '../support/until.ts';

const folders: string[] = [];
const children: SupervisedChild[] = [];

function childOf(program: string, more: Partial<ChildOptions>): { child: SupervisedChild; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'drover-child-'));
  folders.push(folder);
  writeFileSync(join(folder, 'program.mjs'), program);
  const child = new SupervisedChild(
    {
      role: 'agent',
      name: 'agent-x',
      program: join(folder, 'program.mjs'),
      execArgv: [],
      env: { FOLDER: folder },
      logFile: join(folder, 'log'),
      isReady: (message) => 'linked' in message,
      onRestart: () => undefined,
      ...more,
    },
    [],
  );
  children.push(child);
  return { child, folder };
}

afterEach(async () => {
  for (const child of children.splice(0)) await child.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('a supervisor that waits', () => {
  it('tells of a child that is late, and lets it go on until it is ready', async () => {
    let isLate = false;
    const { child, folder } = childOf(
      `import { existsSync } from 'node:fs';
       setInterval(() => existsSync(process.env.FOLDER + '/go') && process.send({ linked: true }), 10);`,
      { readyMs: 50, onLate: () => (isLate = true) },
    );
    const started = child.start<{ linked: boolean }>();
    await until('it is late', () => isLate);
    writeFileSync(join(folder, 'go'), '');
    expect(await started).toEqual({ linked: true });
  });

  it('starts one again that ends before it is ready', async () => {
    const { child } = childOf(
      `import { existsSync, writeFileSync } from 'node:fs';
       const before = process.env.FOLDER + '/before';
       if (!existsSync(before)) { writeFileSync(before, ''); process.kill(process.pid, 'SIGKILL'); }
       process.send({ linked: true });
       setInterval(() => undefined, 1000);`,
      { onLate: () => undefined },
    );
    expect(await child.start()).toEqual({ linked: true });
  });

  it('tells the refusal of one that refuses each time', async () => {
    const { child, folder } = childOf(
      `import { appendFileSync } from 'node:fs';
       appendFileSync(process.env.FOLDER + '/starts', 'x');
       process.stderr.write('drover: There is no such user. (user-unknown)\\n');
       process.exit(1);`,
      { onLate: () => undefined },
    );
    await expect(child.start()).rejects.toThrow('agent-x did not start: There is no such user.');
    expect(readFileSync(join(folder, 'starts'), 'utf8')).toBe('xxxx');
  });
});
