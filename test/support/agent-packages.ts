/** Packages of the agent for tests: real executables built here, and small scripts that play a version that is not what it should be. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { inject } from 'vitest';
import { releasePublicKey, signPackage } from '../../src/pki/package-signature.ts';
import { PACKAGES_MANIFEST, type PackagesManifest } from '../../src/protocol/rest/agent-package.ts';
import { buildAgent } from '../../tools/agent-build.ts';
import { until } from './until.ts';

const MAKING_MS_MAX = 170_000;

export function executableOf(folder: string, version: string): string {
  return join(folder, `drover-agent-${version}-linux-${process.arch}`);
}

export async function buildVersion(folder: string, version: string): Promise<void> {
  await buildAgent({ out: folder, archs: [process.arch], version, keyFile: releaseKeyOf(folder), compression: 1 });
}

/**
 * Real packages of a version, with the key that has signed them in `key/release.key`. Each version is built once for the whole test run, by whoever
 * asks first, and copied: a test may damage its own.
 */
export async function putVersion(folder: string, version: string): Promise<void> {
  const shared = join(inject('sharedFolder'), 'packages');
  await onceForAll(join(shared, version), async (out) => {
    await buildAgent({ out, archs: [process.arch], version, keyFile: releaseKeyOf(shared), compression: 1 });
  });
  cpSync(join(shared, version), folder, { recursive: true, mode: constants.COPYFILE_FICLONE });
  mkdirSync(dirname(releaseKeyOf(folder)), { recursive: true });
  copyFileSync(releaseKeyOf(shared), releaseKeyOf(folder));
}

function releaseKeyOf(folder: string): string {
  return join(folder, 'key', 'release.key');
}

/** Makes a folder that all test files share; the others wait for whoever is making it. */
async function onceForAll(folder: string, make: (folder: string) => Promise<void>): Promise<void> {
  // One at a time, also of different folders: they have the key in common.
  const lock = join(dirname(folder), 'lock');
  mkdirSync(dirname(folder), { recursive: true });
  await until('the one who makes it', () => existsSync(folder) || isMade(lock), MAKING_MS_MAX);
  if (existsSync(folder)) return;
  try {
    await make(`${folder}.new`);
    renameSync(`${folder}.new`, folder);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** A package that is signed well and holds `program`; `change` is what went wrong when it was packed. */
export function packProgram(
  folder: string,
  version: string,
  program: string,
  change: (compressed: Buffer) => Buffer = (bytes) => bytes,
): void {
  const privateKey = readFileSync(join(folder, 'key', 'release.key'), 'utf8');
  const bytes = Buffer.from(program);
  const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
  const identity = { version, os: 'linux', arch: process.arch, size: bytes.length, sha256: sha256(bytes) };
  const compressed = change(gzipSync(bytes));
  const file = `drover-agent-${version}-linux-${process.arch}.gz`;
  const manifest: PackagesManifest = {
    v: 1,
    version,
    publicKey: releasePublicKey(privateKey),
    packages: [
      {
        ...identity,
        file,
        fileSize: compressed.length,
        fileSha256: sha256(compressed),
        signature: signPackage(identity, privateKey),
      },
    ],
  };
  writeFileSync(join(folder, file), compressed);
  writeFileSync(join(folder, PACKAGES_MANIFEST(version)), JSON.stringify(manifest));
}

/** The package of a version once more, for a processor that no host here has. */
export function addPackage(folder: string, version: string, arch: string): void {
  const privateKey = readFileSync(join(folder, 'key', 'release.key'), 'utf8');
  const path = join(folder, PACKAGES_MANIFEST(version));
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as PackagesManifest;
  const compressed = gzipSync('#!/bin/sh\n');
  const entry = {
    ...manifest.packages[0]!,
    arch,
    file: `drover-agent-${version}-linux-${arch}.gz`,
    fileSize: compressed.length,
    fileSha256: createHash('sha256').update(compressed).digest('hex'),
  };
  writeFileSync(join(folder, entry.file), compressed);
  writeFileSync(
    path,
    JSON.stringify({
      ...manifest,
      packages: [...manifest.packages, { ...entry, signature: signPackage(entry, privateKey) }],
    }),
  );
}

/** Installed by hand, as `install.sh` would; answers the program that starts it. */
export function placeAgent(root: string, executable: string, version: string): string {
  mkdirSync(join(root, version), { recursive: true });
  cpSync(executable, join(root, version, 'drover-agent'));
  symlinkSync(version, join(root, 'current'));
  const launch = join(root, 'launch');
  copyFileSync(fileURLToPath(new URL('../../src/agent-install/launch.sh', import.meta.url)), launch);
  chmodSync(launch, 0o755);
  return launch;
}
