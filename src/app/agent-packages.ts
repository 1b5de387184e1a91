/**
 * The packages of the agent that this server can hand out: a folder with a manifest per version, as
 * `npm run build:agent` writes it. It is looked at whenever somebody asks, so that a new version is there as soon as
 * its files are; a manifest is read and verified again when its file has changed. A manifest that is damaged, or not
 * signed by the configured release key, is passed over; the log says so once, and `check` tells of it and of files that
 * are not what their manifest says.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { isPackageSigned } from '../pki/package-signature.ts';
import type { AgentPackage, PackagesManifest } from '../protocol/rest/agent-package.ts';

const MANIFEST = /^drover-agent-([0-9][0-9A-Za-z.+-]{0,63})\.json$/;
const FILE = /^drover-agent-[0-9A-Za-z.+-]{1,100}\.gz$/;

export interface CheckedPackage extends AgentPackage {
  readonly problem?: string;
}
/** With a problem of its own, the manifest was passed over: then there are no packages. */
export interface CheckedPackages {
  readonly version: string;
  readonly packages: readonly CheckedPackage[];
  readonly problem?: string;
}
type ReadManifest =
  | { readonly version: string; readonly manifest: PackagesManifest; readonly problem?: undefined }
  | { readonly version: string; readonly manifest?: undefined; readonly problem: string };

export class AgentPackages {
  readonly #folder: string;
  readonly #releaseKey: string | undefined;
  readonly #log: Log;
  readonly #told = new Set<string>();
  /** By name of the manifest: what it said when it was read last, and of which file that holds. */
  readonly #manifests = new Map<string, { readonly of: string; readonly read: ReadManifest }>();
  /** By file: what was found when it was read last, and of which file that holds. */
  readonly #verdicts = new Map<string, { readonly of: string; readonly problem: Promise<string | undefined> }>();

  /** Without a configured key the manifest's own is believed: then whoever can write to the folder decides what hosts run. */
  constructor(folder: string, releaseKey: string | undefined, log: Log) {
    this.#folder = folder;
    this.#releaseKey = releaseKey;
    this.#log = log;
  }

  /** Newest first, as versions are compared. */
  list(): readonly PackagesManifest[] {
    return this.#look().flatMap(({ manifest }) => manifest ?? []);
  }

  of(version: string): PackagesManifest | undefined {
    return this.list().find((manifest) => manifest.version === version);
  }

  /** All that is there, newest first, with what is wrong with it. Reads every file that it has not read before. */
  async check(): Promise<readonly CheckedPackages[]> {
    const checked: CheckedPackages[] = [];
    for (const { version, manifest, problem } of this.#look()) {
      const packages: CheckedPackage[] = [];
      for (const entry of manifest?.packages ?? []) {
        const wrong = await this.#fileProblem(entry);
        packages.push({ ...entry, ...given({ problem: wrong }) });
      }
      checked.push({ version, packages, ...given({ problem }) });
    }
    const files = new Set(checked.flatMap(({ packages }) => packages.map(({ file }) => file)));
    for (const file of this.#verdicts.keys()) if (!files.has(file)) this.#verdicts.delete(file);
    return checked;
  }

  /** The version that is asked for, or the newest. Refused where no host could be given it; what only some lack, those tell. */
  async choose(version: string | undefined): Promise<PackagesManifest> {
    const all = this.#look();
    const found = all.find((one) => (version === undefined ? one.manifest !== undefined : one.version === version));
    const refuse = (code: 'package-not-found' | 'package-invalid', detail: string): never => {
      throw new DroverError(code, {
        detail: `${detail} See: drover agents packages.`,
        faults: [{ pointer: '#/version', code, detail }],
      });
    };
    if (!found)
      return refuse(
        'package-not-found',
        `The server has no package ${version === undefined ? 'of the agent' : `of version ${version}`} in ${this.#folder}.`,
      );
    if (!found.manifest)
      return refuse('package-invalid', `The manifest of ${found.version} was passed over: ${found.problem}.`);
    const problems: (string | undefined)[] = [];
    for (const entry of found.manifest.packages) problems.push(await this.#fileProblem(entry));
    if (problems.every((problem) => problem !== undefined))
      return refuse('package-invalid', `No package of ${found.version} is whole: ${problems[0]}.`);
    return found.manifest;
  }

  /**
   * The file's path and what the manifest says of it; undefined for anything that is not of a good manifest. Throws
   * `package-invalid` for one of the wrong size.
   */
  file(name: string): { path: string; entry: AgentPackage } | undefined {
    if (!FILE.test(name)) return undefined;
    const entry = this.list()
      .flatMap((manifest) => manifest.packages)
      .find((candidate) => candidate.file === name);
    if (!entry) return undefined;
    const path = join(this.#folder, name);
    const problem = sizeProblem(entry, statSync(path, { throwIfNoEntry: false })?.size);
    if (problem !== undefined) throw new DroverError('package-invalid', { detail: `${problem}, on this server.` });
    return { path, entry };
  }

  #look(): readonly ReadManifest[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    const found = names
      .filter((name) => MANIFEST.test(name))
      .sort((a, b) => compareVersions(versionOf(b), versionOf(a)));
    const [manifests, older] = [found.slice(0, limits.packageVersionsMax), found.slice(limits.packageVersionsMax)];
    for (const name of this.#manifests.keys()) if (!manifests.includes(name)) this.#manifests.delete(name);
    return [...manifests.map((name) => this.#readOnce(name)), ...this.#leaveOut(older)];
  }

  /** Told as one, under the newest of them: there may be any number. */
  #leaveOut(older: readonly string[]): ReadManifest[] {
    const [name] = older;
    if (name === undefined) return [];
    const unread = older.length > 1 ? `it and ${older.length - 1} older are not read` : 'it is not read';
    const why = `${unread}: a server reads the ${limits.packageVersionsMax} newest of its folder`;
    return [this.#passOver(name, versionOf(name), why)];
  }

  /** Reading and checking signatures is work that anybody could cause: a manifest is read once for as long as it stays the same. */
  #readOnce(name: string): ReadManifest {
    const stat = statSync(join(this.#folder, name), { throwIfNoEntry: false });
    if (!stat) return this.#read(name);
    const of = identityOf(stat);
    const known = this.#manifests.get(name);
    if (known?.of === of) return known.read;
    const read = this.#read(name);
    this.#manifests.set(name, { of, read });
    return read;
  }

  #read(name: string): ReadManifest {
    const version = versionOf(name);
    try {
      const manifest = JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as PackagesManifest;
      const publicKey = this.#releaseKey ?? manifest.publicKey;
      const isWhole =
        manifest.v === 1 &&
        manifest.version === version &&
        Array.isArray(manifest.packages) &&
        manifest.packages.length > 0 &&
        manifest.packages.every(
          (entry) => entry.version === version && FILE.test(entry.file) && Number.isSafeInteger(entry.fileSize),
        );
      if (!isWhole) return this.#passOver(name, version, 'it is damaged, or of another version than its name says');
      if (!manifest.packages.every((entry) => isPackageSigned(entry, entry.signature, publicKey)))
        return this.#passOver(name, version, 'it is not signed by the release key');
      return { version, manifest: { ...manifest, publicKey } };
    } catch (error) {
      return this.#passOver(name, version, error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message);
    }
  }

  #passOver(name: string, version: string, problem: string): ReadManifest {
    if (!this.#told.has(name)) {
      this.#told.add(name);
      this.#log.error(
        { code: 'package-invalid', manifest: join(this.#folder, name), why: problem },
        'packages of the agent were passed over',
      );
    }
    return { version, problem };
  }

  /** A file is read once for as long as it stays the same. */
  async #fileProblem(entry: AgentPackage): Promise<string | undefined> {
    const path = join(this.#folder, entry.file);
    const stat = statSync(path, { throwIfNoEntry: false });
    const problem = sizeProblem(entry, stat?.size);
    if (problem !== undefined || !stat) return problem;
    const of = `${identityOf(stat)},${entry.fileSha256}`;
    const known = this.#verdicts.get(entry.file);
    if (known?.of === of) return known.problem;
    const verdict = digestOf(path).then(
      (digest) =>
        digest === entry.fileSha256 ? undefined : `${entry.file} has another checksum than its manifest says`,
      (error: Error) => `${entry.file} cannot be read: ${error.message}`,
    );
    this.#verdicts.set(entry.file, { of, problem: verdict });
    return verdict;
  }
}

function versionOf(manifest: string): string {
  return MANIFEST.exec(manifest)![1]!;
}

function identityOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [ino, size, mtimeMs, ctimeMs].join();
}

function sizeProblem({ file, fileSize }: AgentPackage, size: number | undefined): string | undefined {
  if (size === undefined) return `${file} is missing`;
  return size === fileSize ? undefined : `${file} has ${size} bytes, not the ${fileSize} that its manifest says`;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** By numbers where both have them: 1.10 is newer than 1.9; a pre-release comes before its release. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => /^([0-9.]*)(.*)$/.exec(version)!);
  const [left, right] = [x![1]!.split('.').map(Number), y![1]!.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++)
    if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0);
  if (x![2] === y![2]) return 0;
  if (x![2] === '' || y![2] === '') return x![2] === '' ? 1 : -1;
  return x![2]! < y![2]! ? -1 : 1;
}
