import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { silentLog } from '../base/log.ts';
import { newReleaseKey, signPackage } from '../pki/package-signature.ts';
import { AgentPackages, compareVersions } from './agent-packages.ts';

describe('the packages of a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-packages-'));
  const [ours, strangers] = [newReleaseKey(), newReleaseKey()];
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function put(version: string, key: typeof ours, change: object = {}): void {
    const identity = { version, os: 'linux', arch: 'x64', size: 4, sha256: 'a'.repeat(64) };
    const file = `drover-agent-${version}-linux-x64.gz`;
    writeFileSync(join(folder, file), 'gzip');
    writeFileSync(
      join(folder, `drover-agent-${version}.json`),
      JSON.stringify({
        v: 1,
        version,
        publicKey: key.publicKey,
        packages: [
          {
            ...identity,
            file,
            fileSize: 4,
            fileSha256: createHash('sha256').update('gzip').digest('hex'),
            signature: signPackage(identity, key.privateKey),
            ...change,
          },
        ],
      }),
    );
  }

  beforeAll(() => {
    put('1.9.0', ours);
    put('1.10.0', ours);
    put('2.0.0', strangers);
    put('3.0.0', ours, { sha256: 'c'.repeat(64) });
    put('4.0.0', ours, { file: '../escape.gz' });
    writeFileSync(join(folder, 'drover-agent-5.0.0.json'), 'not json');
  });

  it('are those that the release key has signed, newest first', () => {
    expect(new AgentPackages(folder, ours.publicKey, silentLog).list().map((manifest) => manifest.version)).toEqual([
      '1.10.0',
      '1.9.0',
    ]);
    // Without a configured key, each manifest's own.
    expect(new AgentPackages(folder, undefined, silentLog).list().map((manifest) => manifest.version)).toEqual([
      '2.0.0',
      '1.10.0',
      '1.9.0',
    ]);
    expect(new AgentPackages(join(folder, 'none'), undefined, silentLog).list()).toEqual([]);
  });

  it('hands out nothing but whole packages of good manifests', () => {
    const packages = new AgentPackages(folder, ours.publicKey, silentLog);
    expect(packages.file('drover-agent-1.9.0-linux-x64.gz')?.entry.version).toBe('1.9.0');
    for (const name of [
      'drover-agent-2.0.0-linux-x64.gz',
      'drover-agent-1.9.0.json',
      '../escape.gz',
      'drover-agent-9.9.9-linux-x64.gz',
    ])
      expect(packages.file(name)).toBeUndefined();
    writeFileSync(join(folder, 'drover-agent-1.9.0-linux-x64.gz'), 'cut');
    expect(() => packages.file('drover-agent-1.9.0-linux-x64.gz')).toThrow(
      'has 3 bytes, not the 4 that its manifest says',
    );
  });

  it('tells of manifests that were passed over and of files that are not what they should be, as they are now', async () => {
    const packages = new AgentPackages(folder, ours.publicKey, silentLog);
    const path = join(folder, 'drover-agent-1.9.0-linux-x64.gz');
    const problemsOf = async (): Promise<unknown[]> =>
      (await packages.check()).map(({ version, problem, packages: [first] }) => [version, problem ?? first?.problem]);
    writeFileSync(path, 'GZIP');
    expect(await problemsOf()).toEqual([
      ['5.0.0', 'it is not JSON'],
      ['4.0.0', 'it is damaged, or of another version than its name says'],
      ['3.0.0', 'it is not signed by the release key'],
      ['2.0.0', 'it is not signed by the release key'],
      ['1.10.0', undefined],
      ['1.9.0', 'drover-agent-1.9.0-linux-x64.gz has another checksum than its manifest says'],
    ]);
    writeFileSync(path, 'gzip');
    expect((await problemsOf()).at(-1)).toEqual(['1.9.0', undefined]);
    rmSync(path);
    expect((await problemsOf()).at(-1)).toEqual(['1.9.0', 'drover-agent-1.9.0-linux-x64.gz is missing']);
  });

  it('are chosen by version, the newest unless given; what no host could be given is refused with the reason', async () => {
    const packages = new AgentPackages(folder, ours.publicKey, silentLog);
    const codeOf = (version: string | undefined): Promise<string> =>
      packages.choose(version).then(
        ({ version: chosen }) => chosen,
        ({ code, detail }: DroverError) => `${code}: ${detail}`,
      );
    expect(await codeOf(undefined)).toBe('1.10.0');
    expect(await codeOf('1.9.0')).toMatch(/^package-invalid: No package of 1\.9\.0 is whole: .* is missing\./);
    expect(await codeOf('3.0.0')).toMatch(
      /^package-invalid: The manifest of 3\.0\.0 was passed over: it is not signed/,
    );
    expect(await codeOf('9.9.9')).toMatch(/^package-not-found: /);
  });

  it('are read and verified again when their manifest has changed, and not at each request', () => {
    const packages = new AgentPackages(folder, ours.publicKey, silentLog);
    const one = packages.of('1.9.0');
    expect(packages.of('1.9.0')).toBe(one);
    put('1.9.0', strangers);
    expect(packages.of('1.9.0')).toBeUndefined();
    put('1.9.0', ours);
    expect(packages.of('1.9.0')).toEqual(one);
  });

  it('are the newest that a server reads; the one after them is told of, with how many are older', async () => {
    const crowded = mkdtempSync(join(tmpdir(), 'drover-packages-'));
    const manifestOf = (n: number): string => join(crowded, `drover-agent-1.${n}.0.json`);
    const told = async (): Promise<unknown[]> => {
      const packages = new AgentPackages(crowded, undefined, silentLog);
      const last = (await packages.check()).at(-1)!;
      const chosen = await packages.choose('1.0.0').then(
        ({ version }) => version,
        ({ code, detail }: DroverError) => `${code}: ${detail}`,
      );
      return [packages.list().length, packages.list()[0]!.version, last.version, last.problem, chosen];
    };
    try {
      const identity = { os: 'linux', arch: 'x64', size: 4, sha256: 'a'.repeat(64) };
      const add = (n: number): void => {
        const [version, file] = [`1.${n}.0`, `drover-agent-1.${n}.0-linux-x64.gz`];
        const entry = { ...identity, version, file, fileSize: 4, fileSha256: 'b'.repeat(64) };
        const signature = signPackage(entry, ours.privateKey);
        const manifest = { v: 1, version, publicKey: ours.publicKey, packages: [{ ...entry, signature }] };
        writeFileSync(manifestOf(n), JSON.stringify(manifest));
      };
      const most = limits.packageVersionsMax;
      for (let n = 0; n < most; n++) add(n);
      expect(await told()).toEqual([
        most,
        `1.${most - 1}.0`,
        '1.0.0',
        undefined,
        expect.stringMatching(/^package-invalid: No package of 1\.0\.0 is whole: .* is missing\./),
      ]);
      add(most);
      const why = `it is not read: a server reads the ${most} newest of its folder`;
      expect(await told()).toEqual([
        most,
        `1.${most}.0`,
        '1.0.0',
        why,
        expect.stringContaining(`package-invalid: The manifest of 1.0.0 was passed over: ${why}.`),
      ]);
      add(most + 1);
      expect(await told()).toEqual([
        most,
        `1.${most + 1}.0`,
        '1.1.0',
        why.replace('it is', 'it and 1 older are'),
        expect.stringContaining('package-not-found: '),
      ]);
    } finally {
      rmSync(crowded, { recursive: true, force: true });
    }
  });

  it('compares versions by their numbers', () => {
    expect(['1.10.0', '1.9.0', '1.9.0-rc.1', '1.9', '0.1.0', '1.9.0-rc.2'].toSorted(compareVersions)).toEqual([
      '0.1.0',
      '1.9.0-rc.1',
      '1.9.0-rc.2',
      '1.9.0',
      '1.9',
      '1.10.0',
    ]);
  });
});
