/**
 * The folder that the agent is installed in, shared with `src/agent-install/launch.sh`, which says what is in it. All files are lines of
 * text, because a shell reads them; each is replaced whole, and is on disk before the next step leans on it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { given } from '../base/given.ts';

export interface Trial {
  readonly id: string;
  readonly to: string;
  readonly from: string;
  readonly seconds: number /** Over by then, by this host's clock, or taken back. */;
  readonly endsAtMs?: number;
}
export interface Outcome {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly state: 'succeeded' | 'failed' | 'rolled_back';
  readonly code: string;
  readonly detail: string;
}

/** A version names a folder: nothing else may come in by it. */
const VERSION = /^[0-9][0-9A-Za-z.+-]{0,63}$/;
const EXECUTABLE = 'drover-agent';
/** More boots than any version is given: the next start takes it back. */
const GIVE_UP = '99';

export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

export class InstallRoot {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get incoming(): string {
    return join(this.#folder, '.incoming');
  }

  executable(version: string): string {
    return join(this.#folder, version, EXECUTABLE);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  current(): string | undefined {
    try {
      return readlinkSync(join(this.#folder, 'current'));
    } catch {
      return undefined;
    }
  }

  trial(): Trial | undefined {
    const [id, to, from, seconds, endsAtMs] = this.#lines('trial');
    return id && to && from
      ? { id, to, from, seconds: Number(seconds), ...given({ endsAtMs: endsAtMs ? Number(endsAtMs) : undefined }) }
      : undefined;
  }

  outcome(): Outcome | undefined {
    const [id, from, to, state, code, detail] = this.#lines('outcome');
    if (!id || !from || !to || (state !== 'succeeded' && state !== 'failed' && state !== 'rolled_back'))
      return undefined;
    return { id, from, to, state, code: code ?? '', detail: detail ?? '' };
  }

  /** The folder in which a version is put together; what an earlier try left there stays, for it may be resumed. */
  prepare(): void {
    mkdirSync(this.incoming, { recursive: true, mode: 0o700 });
  }

  /** Gives a checked executable its name. Over one of the same version: it replaces it whole. */
  place(staged: string, version: string): void {
    mkdirSync(join(this.#folder, version), { recursive: true, mode: 0o755 });
    renameSync(staged, this.executable(version));
    this.#sync(join(this.#folder, version));
    this.#sync(this.#folder);
  }

  /** From here on the next start is the new version's; dying before the switch means that nothing has changed. */
  switchOnTrial(trial: Trial): void {
    rmSync(join(this.#folder, 'trial.boots'), { force: true });
    this.#write('trial', [
      trial.id,
      trial.to,
      trial.from,
      String(trial.seconds),
      ...(trial.endsAtMs === undefined ? [] : [String(trial.endsAtMs)]),
    ]);
    const link = join(this.#folder, 'current.new');
    rmSync(link, { force: true });
    symlinkSync(trial.to, link);
    renameSync(link, join(this.#folder, 'current'));
    this.#sync(this.#folder);
  }

  /** The outcome first: a trial without it would be begun again by a repeated order. */
  settle(outcome: Outcome): void {
    this.#write('outcome', [
      outcome.id,
      outcome.from,
      outcome.to,
      outcome.state,
      outcome.code,
      oneLine(outcome.detail),
    ]);
    this.forgetTrial();
  }

  forgetTrial(): void {
    for (const name of ['trial', 'trial.boots']) rmSync(join(this.#folder, name), { force: true });
  }

  giveUp(): void {
    this.#write('trial.boots', [GIVE_UP]);
  }

  /** Versions but these go, and so does what was fetched and not used. */
  keepOnly(versions: readonly string[]): void {
    rmSync(this.incoming, { recursive: true, force: true });
    for (const entry of readdirSync(this.#folder, { withFileTypes: true })) {
      if (
        entry.isDirectory() &&
        isVersion(entry.name) &&
        !versions.includes(entry.name) &&
        existsSync(this.executable(entry.name))
      )
        rmSync(join(this.#folder, entry.name), { recursive: true, force: true });
    }
  }

  #lines(name: string): string[] {
    try {
      return readFileSync(join(this.#folder, name), 'utf8').split('\n');
    } catch {
      return [];
    }
  }

  #write(name: string, lines: readonly string[]): void {
    const staging = join(this.#folder, `${name}.new`);
    writeFileSync(staging, `${lines.join('\n')}\n`, { mode: 0o644, flush: true });
    renameSync(staging, join(this.#folder, name));
    this.#sync(this.#folder);
  }

  #sync(folder: string): void {
    const fd = openSync(folder, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 500);
}
