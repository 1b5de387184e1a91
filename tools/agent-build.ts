/**
 * Builds the agent as single executables (docs/adr/0009-agent-executable.md): the bundle of the agent inside the pinned
 * Node, one per processor, compressed for the way, with a manifest that the release key has signed.
 *
 *   npm run build:agent -- [--out DIR] [--arch x64,arm64] [--version V] [--key FILE]
 *
 * Without --arch a processor whose Node cannot be fetched is left out, if it is not this machine's own.
 *
 * The key is made when FILE (else ~/.config/drover/release.key) is not there yet. Whoever holds it decides what hosts
 * execute as root: keep it off the server, and never beside the packages, where it is refused.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';
import { makeFolder } from '../src/base/node-folder.ts';
import { isAboutPath, systemWords } from '../src/base/system-words.ts';
import { newReleaseKey, releasePublicKey, signPackage } from '../src/pki/package-signature.ts';
import { PACKAGES_MANIFEST, type AgentPackage, type PackagesManifest } from '../src/protocol/rest/agent-package.ts';
import { agentBundle } from './agent-bundle.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { inject } = createRequire(import.meta.url)('postject') as {
  inject: (file: string, resource: string, data: Buffer, options: { sentinelFuse: string }) => Promise<void>;
};
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** e_machine of an ELF header, by processor as Node names it. */
const ELF_MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

export interface BuildOptions {
  readonly out: string;
  readonly archs: readonly string[];
  readonly version: string;
  readonly keyFile: string;
  /** Of gzip: 1 is fast, 9 is small; 6 unless given. */
  readonly compression?: number;
  /** Another processor than this machine's is left out, and told, where its Node cannot be had. */
  readonly isOthersOptional?: boolean;
  /** Told what is being done, and of a processor that is left out. */
  readonly onStep?: (step: string) => void;
}

/** What the system refused, with the path that it was about; else the words of whoever fetches. */
export function whyNot(error: Error): string {
  return isAboutPath(error) ? `${dirname(error.path)}: ${systemWords(error)}` : error.message.trim();
}

export async function buildAgent(options: BuildOptions): Promise<PackagesManifest> {
  mkdirSync(options.out, { recursive: true });
  if (resolve(dirname(options.keyFile)) === resolve(options.out))
    throw new Error(
      `The release key ${options.keyFile} would lie beside the packages that it signs; choose another --key.`,
    );
  const key = releaseKey(options.keyFile);
  const work = mkdtempSync(join(tmpdir(), 'drover-agent-build-'));
  try {
    const bundle = join(work, 'agent.cjs');
    options.onStep?.('bundling');
    await agentBundle(bundle, { write: true, format: 'cjs', version: options.version });
    const packages: AgentPackage[] = [];
    for (const arch of options.archs) {
      options.onStep?.(`linux ${arch}`);
      const node = await nodeOf(arch, work).catch((error: Error) => {
        if (!options.isOthersOptional || arch === process.arch) throw error;
        options.onStep?.(`linux ${arch} is left out, for its Node cannot be fetched: ${whyNot(error)}`);
      });
      if (node !== undefined) packages.push(await buildOne(options, { arch, node }, work, bundle, key.privateKey));
    }
    const manifest: PackagesManifest = { v: 1, version: options.version, publicKey: key.publicKey, packages };
    const manifestFile = join(options.out, PACKAGES_MANIFEST(options.version));
    // A server may look at any moment: it finds a whole one or none.
    writeFileSync(`${manifestFile}.new`, `${JSON.stringify(manifest, undefined, 2)}\n`);
    renameSync(`${manifestFile}.new`, manifestFile);
    return manifest;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function buildOne(
  options: BuildOptions,
  { arch, node }: { arch: string; node: string },
  work: string,
  bundle: string,
  privateKey: string,
): Promise<AgentPackage> {
  const name = `drover-agent-${options.version}-linux-${arch}`;
  const executable = join(options.out, name);
  const staged = join(work, name);
  copyFileSync(node, staged);
  chmodSync(staged, 0o755);
  strip(staged, arch);
  await quietly(() => inject(staged, 'NODE_SEA_BLOB', blobOf(arch, work, bundle), { sentinelFuse: FUSE }));
  const head = readFileSync(staged);
  if (head.readUInt32BE(0) !== 0x7f454c46 || head.readUInt16LE(18) !== ELF_MACHINES[arch])
    throw new Error(`${name} is not a program for ${arch}.`);
  const identity = {
    version: options.version,
    os: 'linux',
    arch,
    size: head.length,
    sha256: createHash('sha256').update(head).digest('hex'),
  };
  const file = `${name}.gz`;
  await pipeline(
    createReadStream(staged),
    createGzip({ level: options.compression ?? 6 }),
    createWriteStream(join(work, file)),
  );
  const compressed = readFileSync(join(work, file));
  // The same file system as the target may be another than that of the work: move by copy, then rename.
  for (const [from, to] of [
    [staged, executable],
    [join(work, file), join(options.out, file)],
  ] as const) {
    copyFileSync(from, `${to}.new`);
    renameSync(`${to}.new`, to);
  }
  return {
    ...identity,
    file,
    fileSize: compressed.length,
    fileSha256: createHash('sha256').update(compressed).digest('hex'),
    signature: signPackage(identity, privateKey),
  };
}

/** The injector complains of notes that stripping has left without names; they are of no use to anybody. */
async function quietly(work: () => Promise<void>): Promise<void> {
  const { warn } = console;
  console.warn = (...words: unknown[]) =>
    /^warning: Can't find string offset/.test(String(words[0])) ? undefined : warn(...words);
  await work().finally(() => (console.warn = warn));
}

/** Code compiled ahead starts faster, but only on the processor and the Node that compiled it. */
function blobOf(arch: string, work: string, bundle: string): Buffer {
  const output = join(work, `agent-${arch}.blob`);
  const config = join(work, `sea-${arch}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      main: bundle,
      output,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: arch === process.arch,
      // A program that is root on every host listens to no NODE_OPTIONS, and needs little of the heap's comfort.
      execArgv: ['--max-semi-space-size=1', '--v8-pool-size=1', '--disable-warning=ExperimentalWarning'],
      execArgvExtension: 'none',
    }),
  );
  run(process.execPath, ['--experimental-sea-config', config], work);
  return readFileSync(output);
}

/** The Node of this repository; for another processor the same version, from the same packages. */
async function nodeOf(arch: string, work: string): Promise<string> {
  const own = join(root, 'node_modules', `node-linux-${arch}`);
  const version = process.versions.node;
  if (
    existsSync(join(own, 'bin/node')) &&
    (JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { version: string }).version === version
  )
    return join(own, 'bin/node');
  const folder = join(root, 'node_modules/.cache/drover-node', `${version}-${arch}`);
  const node = join(folder, 'bin/node');
  if (existsSync(node)) return node;
  mkdirSync(dirname(folder), { recursive: true });
  const packed = run('npm', ['pack', '--silent', `node-linux-${arch}@${version}`], work)
    .trim()
    .split('\n')
    .at(-1)!;
  const unpacked = mkdtempSync(join(dirname(folder), 'unpack-'));
  run('tar', ['-xzf', join(work, packed), '-C', unpacked, '--strip-components=1', 'package/bin/node'], work);
  renameSync(unpacked, folder);
  return node;
}

/** Symbols are a seventh of the program and of no use on a host. Left in where no strip knows the processor. */
function strip(file: string, arch: string): void {
  const programs =
    arch === process.arch ? ['strip'] : [`${arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu-strip`, 'llvm-strip'];
  for (const program of programs) if (spawnSync(program, [file], { stdio: 'ignore' }).status === 0) return;
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${program} ${args[0]} failed: ${error?.message ?? stderr}`);
  return stdout;
}

function releaseKey(file: string): { privateKey: string; publicKey: string } {
  if (!existsSync(file)) {
    makeFolder(dirname(file), 0o700);
    writeFileSync(file, newReleaseKey().privateKey, { mode: 0o600, flag: 'wx' });
  }
  const privateKey = readFileSync(file, 'utf8');
  return { privateKey, publicKey: releasePublicKey(privateKey) };
}

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'dist/agent') },
      arch: { type: 'string' },
      version: { type: 'string', default: version },
      key: { type: 'string' },
      steps: { type: 'boolean' },
    },
  });
  const archs = values.arch?.split(',') ?? Object.keys(ELF_MACHINES);
  if (archs.some((arch) => !Object.hasOwn(ELF_MACHINES, arch)))
    throw new Error(`--arch knows ${Object.keys(ELF_MACHINES).join(' and ')}.`);
  const manifest = await buildAgent({
    out: values.out,
    archs,
    version: values.version,
    keyFile: values.key ?? defaultKeyFile(),
    // For hosts like this machine there is one then; who names a processor wants that one.
    isOthersOptional: values.arch === undefined,
    onStep: (step) => void process.stderr.write(values.steps ? `step: ${step}\n` : `${step}\n`),
  });
  for (const { file, size, fileSize } of manifest.packages)
    process.stdout.write(`${join(values.out, file)}: ${mebibytes(size)}, ${mebibytes(fileSize)} on the way\n`);
  process.stdout.write(`release key (public): ${manifest.publicKey}\n`);
  if (statSync(values.out).mode & 0o022)
    process.stderr.write(`Others may write to ${values.out}; what is in it will be root on hosts.\n`);
}

/** In words, where the machine is what lacks something. */
function explained(error: unknown, out: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return `no space is left on the disk (${message}). A build wants 700 MiB in ${tmpdir()} and 350 MiB in ${out}.`;
  if (code === 'EACCES' || code === 'EROFS') return `it may not be written there: ${message}.`;
  return message;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main().catch((error: unknown) => {
    process.stderr.write(`${explained(error, 'the folder of the packages')}\n`);
    process.exitCode = 1;
  });

/**
 * With what else is this user's alone, and never beside the packages: whoever is handed those would be handed the right
 * to make more.
 */
function defaultKeyFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'drover', 'release.key');
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
