import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { newReleaseKey, signPackage } from '../pki/package-signature.ts';
import type { AgentPackage } from '../protocol/rest/agent-package.ts';
import { fetchPackage } from './package-fetch.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** Pauses are over at once, and count. */
const hurried = (): Clock => {
  let skippedMs = 0;
  return {
    nowMs: () => systemClock.nowMs() + skippedMs,
    monotonicMs: () => systemClock.monotonicMs() + skippedMs,
    after(delayMs, callback) {
      skippedMs += delayMs;
      return systemClock.after(0, callback);
    },
    soon: systemClock.soon,
  };
};

describe('fetching a package', () => {
  const key = newReleaseKey();
  const program = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i * 7919}`).join());
  const compressed = gzipSync(program);
  let folder: string;
  let server: Server;
  let requests: (string | undefined)[];
  let answer: (n: number, from: number) => { status: number | 'none'; body?: Buffer; cutAfter?: number };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-fetch-'));
    requests = [];
    answer = (_n, from) => ({ status: 206, body: compressed.subarray(from) });
    server = createServer((request, response) => {
      requests.push(request.headers.range);
      const { status, body, cutAfter } = answer(requests.length, Number(/\d+/.exec(request.headers.range ?? '')![0]));
      if (status === 'none') return;
      response.writeHead(status);
      if (cutAfter === undefined) response.end(body);
      // Not destroyed: a reset would take back what is on its way.
      else response.write(body!.subarray(0, cutAfter), () => response.socket!.end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  function entryOf(change: Partial<AgentPackage> = {}): AgentPackage {
    const identity = { version: '1.0.0', os: 'linux', arch: 'x64', size: program.length, sha256: sha256(program) };
    return {
      ...identity,
      file: 'drover-agent-1.0.0-linux-x64.gz',
      fileSize: compressed.length,
      fileSha256: sha256(compressed),
      signature: signPackage({ ...identity, ...change }, key.privateKey),
      ...change,
    };
  }
  const fetchOf = (entry: AgentPackage, withinMs = 3_600_000): Promise<string> =>
    fetchPackage({
      entry,
      publicKey: key.publicKey,
      urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      ca: '',
      folder,
      withinMs,
      clock: hurried(),
      random: { next: () => 0.5 },
    });

  it('goes on where it was cut, and gives the executable byte for byte', async () => {
    answer = (n, from) => ({
      status: 206,
      body: compressed.subarray(from),
      ...given({ cutAfter: n < 40 ? 500 : undefined }),
    });
    expect(readFileSync(await fetchOf(entryOf())).equals(program)).toBe(true);
    // What has arrived is never asked for again.
    expect(requests).toEqual(Array.from({ length: 40 }, (_, i) => `bytes=${i * 500}-`));
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('waits for a server that is busy for as long as there is time, and gives up on one that fails', async () => {
    answer = (n, from) => (n <= 20 ? { status: 429 } : { status: 206, body: compressed.subarray(from) });
    await expect(fetchOf(entryOf())).resolves.toContain(folder);
    requests = [];
    answer = () => ({ status: 429 });
    await expect(fetchOf(entryOf({ fileSha256: 'a'.repeat(64) }), 60_000)).rejects.toMatchObject({
      code: 'package-fetch-failed',
    });
    expect(requests.length).toBeLessThan(12);
    requests = [];
    answer = () => ({ status: 500 });
    await expect(fetchOf(entryOf({ fileSha256: 'b'.repeat(64) }))).rejects.toMatchObject({
      code: 'package-fetch-failed',
      detail: expect.stringContaining('500'),
    });
    expect(requests).toHaveLength(8);
  });

  it('tells what the server has said, also where the time was over in the middle of the last try', async () => {
    // As a server with its hands full answers: in time at first, and then not any more.
    answer = (n) => ({ status: n === 1 ? 422 : 'none', body: Buffer.from('{"detail":"it has 3 bytes"}') });
    await expect(fetchOf(entryOf(), 1_500)).rejects.toMatchObject({
      code: 'package-fetch-failed',
      detail: expect.stringContaining('the server answered 422 (it has 3 bytes)'),
    });
    expect(requests.length).toBeGreaterThan(1);
    answer = () => ({ status: 'none' });
    await expect(fetchOf(entryOf(), 50)).rejects.toMatchObject({
      code: 'package-fetch-failed',
      detail: expect.stringContaining('nothing came in time'),
    });
  });

  it(
    'believes nothing that is not signed, is another, is cut in itself, or is more than it says; and asks for ' +
      'nothing when the signature is bad',
    async () => {
      await expect(
        fetchOf({ ...entryOf(), signature: signPackage({ ...entryOf(), size: 1 }, key.privateKey) }),
      ).rejects.toMatchObject({ code: 'package-invalid' });
      expect(requests).toEqual([]);
      for (const change of [
        { sha256: 'c'.repeat(64) },
        { fileSha256: 'd'.repeat(64) },
        { size: program.length - 1 },
        { size: program.length + 1 },
      ])
        await expect(fetchOf(entryOf(change))).rejects.toMatchObject({ code: 'package-invalid' });
      const cut = compressed.subarray(0, -9);
      answer = (_n, from) => ({ status: 206, body: cut.subarray(from) });
      await expect(fetchOf(entryOf({ fileSize: cut.length, fileSha256: sha256(cut) }))).rejects.toMatchObject({
        code: 'package-invalid',
      });
      answer = () => ({ status: 206, body: Buffer.concat([compressed, Buffer.alloc(10)]) });
      await expect(fetchOf(entryOf({ fileSha256: 'e'.repeat(64) }))).rejects.toMatchObject({
        code: expect.stringMatching(/^package-/),
      });
      // Nothing is unpacked that is another file: what unpacks would have found it damaged.
      answer = (_n, from) => ({ status: 206, body: Buffer.alloc(compressed.length, 'no gzip').subarray(from) });
      await expect(fetchOf(entryOf())).rejects.toMatchObject({
        code: 'package-invalid',
        detail: expect.stringContaining('is not what its manifest says'),
      });
      // Nothing that could be started, or taken for a good beginning, is left.
      expect(readdirSync(folder).filter((name) => name.endsWith('.staged'))).toEqual([]);
    },
  );
});
