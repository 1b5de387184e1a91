import { createHash } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { acquireFolderLock } from './node-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.runIf(process.platform === 'linux').each([
  ['talks without end', (socket: Socket) => void setImmediate(() => socket.write('7'.repeat(1_000_000))), ''],
  ['says something else than a number', (socket: Socket) => void socket.end('\x1b[2J all is well\n'), ''],
  ['says nothing', () => undefined, ''],
  ['is another process of ours', (socket: Socket) => void socket.end('4711\n'), ' (pid 4711)'],
])('a folder whose lock is held is refused in few words, whoever holds it: one that %s', async (_what, say, pid) => {
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
  const holder = createServer((socket) => {
    socket.on('error', () => undefined);
    say(socket);
  });
  await new Promise<void>((resolve) => holder.listen({ path: `\0drover-${name}` }, resolve));
  try {
    await expect(acquireFolderLock(folder, 'server')).rejects.toMatchObject({
      code: 'data-folder-in-use',
      detail: `Another Drover process${pid} uses ${folder}. Stop it first, or choose another folder with --data.`,
    });
  } finally {
    holder.close();
  }
});
