import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { formatJoinToken } from '../../src/pki/join-token.ts';
import { requiring } from '../support/needs.ts';

const DROVER = fileURLToPath(new URL('../../src/bin/drover.ts', import.meta.url));
const DIALER = fileURLToPath(new URL('../support/name-dialer.ts', import.meta.url));
const HIDDEN = 'mount --bind "$0/resolv" /etc/resolv.conf && mount --bind "$0/hosts" /etc/hosts && exec "$@"';

describe('hosts by name', () => {
  requiring('root').it(
    'are found while name servers of others are silent, by hosts file and search domain too; those are told as not found',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'drover-names-'));
      // Loopback is large: tests of others have another one.
      const nameServer = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;
      writeFileSync(
        join(folder, 'resolv'),
        `search example.test\noptions timeout:10 attempts:1\nnameserver ${nameServer}\n`,
      );
      writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost filed.example.test\n');
      const program = [process.execPath, ...process.execArgv, DIALER, join(folder, 'ssh'), nameServer];
      const { stdout } = await promisify(execFile)(
        'unshare',
        ['-m', '--propagation', 'private', 'sh', '-c', HIDDEN, folder, ...program],
        // As `drover.ts` sets it for a worker, before the threads begin.
        { env: { ...process.env, UV_THREADPOOL_SIZE: '64' } },
      );
      rmSync(folder, { recursive: true, force: true });
      const told = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { name: string; steps: Record<string, string>[] });
      expect(told.slice(0, 3).map(({ name }) => name)).toEqual(['quick.example.test', 'short', 'filed.example.test']);
      for (const { steps } of told.slice(0, 3))
        expect(steps.map(({ step, result }) => `${step} ${result}`).slice(0, 2)).toEqual(['dns ok', 'tcp ok']);
      expect(told.slice(3)).toHaveLength(36);
      for (const { name, steps } of told.slice(3))
        expect(steps).toEqual([
          {
            step: 'dns',
            result: 'failed',
            code: 'ssh-name-unknown',
            detail: expect.stringContaining(`the name ${name} was not found within`),
          },
        ]);
    },
  );

  it('have threads of a worker of their own, more than Node begins with', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-names-'));
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const token = formatJoinToken({ url: `https://localhost:${port}`, fingerprint: 'a'.repeat(64), secret: 'secret' });
    const reached = once(silent, 'connection') as Promise<[Socket]>;
    const worker = spawn(process.execPath, [...process.execArgv, DROVER, 'worker', '--data', folder, '--join', token]);
    const [socket] = await reached;
    const tasks = `/proc/${worker.pid}/task`;
    const threads = readdirSync(tasks).filter((id) => readFileSync(`${tasks}/${id}/comm`, 'utf8').startsWith('libuv'));
    expect(threads).toHaveLength(64);
    worker.kill('SIGKILL');
    socket.destroy();
    silent.close();
    rmSync(folder, { recursive: true, force: true });
  });
});
