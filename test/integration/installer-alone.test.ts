/**
 * The installer against whoever is on the way of what it fetches, and against other users of the host it is taken off from: under dash and
 * under busybox alone, with a program that plays the agent.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Installer } from '../support/installer.ts';
import { requiring } from '../support/needs.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
/** What both ends of a connection may hold, beside what is taken. */
const IN_BUFFERS = 16 * MiB;
const NOBODY = 65_534;
const AGENT = Buffer.from('#!/bin/sh\n[ "$1" != --version ] || echo 9.9.9\n');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const codeOf = ({ error }: { error: string }): string | undefined => /drover-install: ([a-z-]+): /.exec(error)?.[1];

const folder = mkdtempSync(join(tmpdir(), 'drover-installer-'));
chmodSync(folder, 0o755);
const installer = new Installer(folder);
beforeAll(() => installer.prepare());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(installer.shells)('what the installer fetches, under $name', (shell) => {
  let poured = 0;
  let answer: (response: ServerResponse) => void;
  const server = createServer((_request, response) => answer(response));
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const prefixOf = (name: string): string => join(folder, `${shell.name}-${name}`);
  /** Says all of it before a byte is fetched. */
  const factsOf = (file: Buffer, program: Buffer): string[] => [
    ...['--sha256', sha256(program), '--size', String(program.length)],
    ...['--file-sha256', sha256(file), '--file-size', String(file.length)],
  ];
  function fetchAs(
    name: string,
    facts: readonly string[],
    env: Record<string, string> = {},
  ): ReturnType<Installer['run']> {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/package.gz`;
    return installer.run(shell, prefixOf(name), ['install', '--service', 'none', '--url', url, ...facts], env);
  }
  function pour(response: ServerResponse): void {
    const piece = Buffer.alloc(65_536, 'A');
    const more = (): void => {
      while (!response.destroyed) {
        poured += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
    };
    more();
  }

  it.each([
    ['compressed', gzipSync(AGENT)],
    ['as it is', AGENT],
  ])('is installed when it is what was meant (%s)', async (name, file) => {
    answer = (response) => response.end(file);
    expect(await fetchAs(name, factsOf(file, AGENT))).toMatchObject({
      code: 0,
      out: expect.stringContaining('installed 9.9.9') as string,
    });
    expect(readlinkSync(join(prefixOf(name), 'usr/local/lib/drover/current'))).toBe('9.9.9');
  });

  it.each([
    ['says so', (response: ServerResponse) => void response.writeHead(200, { 'content-length': 10_000_000_000 })],
    ['does not say so', () => undefined],
  ])('is not taken further than its size where it has no end and %s', async (name, head) => {
    poured = 0;
    answer = (response) => {
      head(response);
      pour(response);
    };
    expect(codeOf(await fetchAs(name, factsOf(gzipSync(AGENT), AGENT)))).toBe('package-invalid');
    expect(poured).toBeLessThan(IN_BUFFERS);
    expect(existsSync(prefixOf(name)) && existsSync(join(prefixOf(name), 'usr/local/lib/drover'))).toBe(false);
  });

  it('is not unpacked where it is another file', async () => {
    const meant = gzipSync(AGENT);
    const other = Buffer.concat([gzipSync(Buffer.alloc(5)), Buffer.alloc(meant.length)]).subarray(0, meant.length);
    answer = (response) => response.end(other);
    const spy = join(prefixOf('spy-bin'));
    mkdirSync(spy);
    writeFileSync(join(spy, 'gzip'), `#!/bin/dash\necho >${join(spy, 'began')}\nexec /bin/gzip "$@"\n`, {
      mode: 0o755,
    });
    const env = { PATH: `${spy}:${shell.path}` };
    const refused = await fetchAs('other', factsOf(meant, AGENT), env);
    expect([codeOf(refused), refused.error]).toEqual(['package-invalid', expect.stringContaining('has the checksum')]);
    expect(existsSync(join(spy, 'began'))).toBe(false);
    answer = (response) => response.end(meant);
    expect(await fetchAs('other', factsOf(meant, AGENT), env)).toMatchObject({ code: 0 });
    expect(existsSync(join(spy, 'began'))).toBe(true);
  });

  it('is unpacked to no more than it was said to be', async () => {
    const file = gzipSync(Buffer.alloc(64 * MiB));
    answer = (response) => response.end(file);
    const { error } = await fetchAs('bomb', factsOf(file, AGENT));
    expect(error).toContain('drover-install: package-invalid: The package cannot be unpacked');
    expect(existsSync(join(prefixOf('bomb'), 'usr/local/lib/drover'))).toBe(false);
  });

  it.each([
    ['package-invalid', ['--sha256', sha256(AGENT)]],
    ['package-invalid', ['--size', '5']],
    ['bad-input', ['--sha256', 'abc', '--size', '5']],
    ['bad-input', ['--sha256', sha256(AGENT), '--size', '5x']],
    ['bad-input', ['--sha256', sha256(AGENT), '--size', '9999999999999']],
    ['bad-input', ['--sha256', sha256(AGENT), '--size', '5', '--url', 'file:///etc/passwd']],
  ])('is refused (%s) where it is not said what it is: %j', async (code, facts) => {
    answer = (response) => response.end('never');
    expect(codeOf(await fetchAs('unsaid', facts))).toBe(code);
  });
});

for (const shell of installer.shells)
  requiring('root').describe(`an uninstall under ${shell.name}, with other users on the host`, () => {
    const prefix = join(folder, `${shell.name}-host`);
    const spool = join(prefix, 'var/lib/drover-agent/spool');
    const open = join(folder, `${shell.name}-open`);
    const started: ChildProcess[] = [];
    beforeAll(() => {
      mkdirSync(spool, { recursive: true });
      mkdirSync(open);
      chmodSync(open, 0o1777);
    });
    afterEach(() => {
      for (const child of started.splice(0)) child.kill('SIGKILL');
    });

    /** Nobody's process with its output in a file. */
    async function writing(path: string): Promise<number> {
      const output = openSync(path, 'a', 0o600);
      const child = spawn('sleep', ['60'], { stdio: ['ignore', output, 'ignore'], uid: NOBODY, gid: NOBODY });
      closeSync(output);
      started.push(child);
      await once(child, 'spawn');
      return child.pid!;
    }
    const uninstall = (): ReturnType<Installer['run']> => installer.run(shell, prefix, ['uninstall']);

    it('is not kept from it, nor told of a process, by what they call their files', async () => {
      for (const name of [
        `1/fd/1 -> ${spool}/r/stdout`,
        `a\n/proc/1/fd/1 -> ${spool}/r/stdout`,
        `b -> ${spool}/x; 1/fd/1 -> ${spool}/y`,
      ]) {
        const path = join(open, name);
        mkdirSync(dirname(path), { recursive: true });
        await writing(path);
      }
      expect(await uninstall()).toMatchObject({ code: 0, error: '' });
    });

    it('nor by a file of theirs that has such a name where they alone see it', async () => {
      const own = join(open, 'mine');
      mkdirSync(own);
      chownSync(own, NOBODY, NOBODY);
      const seen = `mount --bind ${own} ${spool} && exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups sh -c 'exec sleep 60 >>${spool}/stdout'`;
      const child = spawn('unshare', ['-m', 'sh', '-c', seen], { stdio: 'ignore' });
      started.push(child);
      await until('it looks as if', () => {
        try {
          return readlinkSync(`/proc/${child.pid}/fd/1`) === join(spool, 'stdout');
        } catch {
          return false;
        }
      });
      expect(await uninstall()).toMatchObject({ code: 0, error: '' });
    });

    it('is kept from it by a script that runs, whoever it runs as, also when its files are deleted', async () => {
      const path = join(spool, 'stdout');
      const pid = await writing(path);
      expect((await uninstall()).error).toContain(`host-in-use: Scripts run on this host: pid ${pid} (sleep 60)`);
      unlinkSync(path);
      expect((await uninstall()).error).toContain(`pid ${pid} (sleep 60)`);
      expect(await installer.run(shell, prefix, ['uninstall', '--force'])).toMatchObject({ code: 0 });
    });
  });
