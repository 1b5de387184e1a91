/**
 * The packages of the agent that this server can hand out: a folder with a manifest per version, as `npm run build:agent` writes it. It is read
 * again whenever somebody asks, so that a new version is there as soon as its files are; a manifest that is damaged, or not signed by the
 * configured release key, is as good as none, and the log says so once.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { isPackageSigned } from '../pki/package-signature.ts';
import type { AgentPackage, PackagesManifest } from '../protocol/rest/agent-package.ts';

const MANIFEST = /^drover-agent-([0-9][0-9A-Za-z.+-]{0,63})\.json$/;
const FILE = /^drover-agent-[0-9A-Za-z.+-]{1,100}\.gz$/;

export class AgentPackages {
  readonly #folder: string;
  readonly #releaseKey: string | undefined;
  readonly #log: Log;
  readonly #told = new Set<string>();

  /** Without a configured key the manifest's own is believed: then whoever can write to the folder decides what hosts run. */
  constructor(folder: string, releaseKey: string | undefined, log: Log) {
    this.#folder = folder;
    this.#releaseKey = releaseKey;
    this.#log = log;
  }

  get folder(): string {
    return this.#folder;
  }

  /** Newest first, as versions are compared. */
  list(): readonly PackagesManifest[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return [];
    }
    const manifests = names.filter((name) => MANIFEST.test(name)).slice(0, limits.packageVersionsMax).flatMap((name) => this.#read(name) ?? []);
    return manifests.sort((a, b) => compareVersions(b.version, a.version));
  }

  of(version: string): PackagesManifest | undefined {
    return this.list().find((manifest) => manifest.version === version);
  }

  /** The file's path and what the manifest says of it; undefined for anything that is not a package of a good manifest. */
  file(name: string): { path: string; entry: AgentPackage } | undefined {
    if (!FILE.test(name)) return undefined;
    const entry = this.list().flatMap((manifest) => manifest.packages).find((candidate) => candidate.file === name);
    const path = join(this.#folder, name);
    return entry && statSync(path, { throwIfNoEntry: false })?.size === entry.fileSize ? { path, entry } : undefined;
  }

  #read(name: string): PackagesManifest | undefined {
    try {
      const manifest = JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as PackagesManifest;
      const publicKey = this.#releaseKey ?? manifest.publicKey;
      const isGood = manifest.v === 1 && manifest.version === MANIFEST.exec(name)![1] && Array.isArray(manifest.packages) && manifest.packages.length > 0
        && manifest.packages.every((entry) => entry.version === manifest.version && FILE.test(entry.file) && isPackageSigned(entry, entry.signature, publicKey));
      if (isGood) return { ...manifest, publicKey };
      this.#tell(name, 'it is damaged, or not signed by the release key');
    } catch (error) {
      this.#tell(name, (error as Error).message);
    }
    return undefined;
  }

  #tell(name: string, why: string): void {
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#log.error({ code: 'package-invalid', manifest: join(this.#folder, name), why }, 'packages of the agent were passed over');
  }
}

/** By numbers where both have them: 1.10 is newer than 1.9; a pre-release comes before its release. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => /^([0-9.]*)(.*)$/.exec(version)!);
  const [left, right] = [x![1]!.split('.').map(Number), y![1]!.split('.').map(Number)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) if ((left[i] ?? 0) !== (right[i] ?? 0)) return (left[i] ?? 0) - (right[i] ?? 0);
  if (x![2] === y![2]) return 0;
  if (x![2] === '' || y![2] === '') return x![2] === '' ? 1 : -1;
  return x![2]! < y![2]! ? -1 : 1;
}
