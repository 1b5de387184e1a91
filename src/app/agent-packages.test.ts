import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    writeFileSync(join(folder, `drover-agent-${version}.json`), JSON.stringify({ v: 1, version, publicKey: key.publicKey, packages: [{ ...identity, file, fileSize: 4, fileSha256: 'b'.repeat(64), signature: signPackage(identity, key.privateKey), ...change }] }));
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
    expect(new AgentPackages(folder, ours.publicKey, silentLog).list().map((manifest) => manifest.version)).toEqual(['1.10.0', '1.9.0']);
    // Without a configured key, each manifest's own.
    expect(new AgentPackages(folder, undefined, silentLog).list().map((manifest) => manifest.version)).toEqual(['2.0.0', '1.10.0', '1.9.0']);
    expect(new AgentPackages(join(folder, 'none'), undefined, silentLog).list()).toEqual([]);
  });

  it('hands out nothing but whole packages of good manifests', () => {
    const packages = new AgentPackages(folder, ours.publicKey, silentLog);
    expect(packages.file('drover-agent-1.9.0-linux-x64.gz')?.entry.version).toBe('1.9.0');
    for (const name of ['drover-agent-2.0.0-linux-x64.gz', 'drover-agent-1.9.0.json', '../escape.gz', 'drover-agent-9.9.9-linux-x64.gz']) expect(packages.file(name)).toBeUndefined();
    writeFileSync(join(folder, 'drover-agent-1.9.0-linux-x64.gz'), 'cut');
    expect(packages.file('drover-agent-1.9.0-linux-x64.gz')).toBeUndefined();
  });

  it('compares versions by their numbers', () => {
    expect(['1.10.0', '1.9.0', '1.9.0-rc.1', '1.9', '0.1.0', '1.9.0-rc.2'].toSorted(compareVersions)).toEqual(['0.1.0', '1.9.0-rc.1', '1.9.0-rc.2', '1.9.0', '1.9', '1.10.0']);
  });
});
