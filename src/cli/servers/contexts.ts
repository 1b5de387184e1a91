/**
 * Servers that this user has logged in to, by name, with their tokens and authorities: one file, for this user alone. `local` is the one
 * that `drover up` runs on this machine, known without a login.
 */
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { given } from '../../base/given.ts';
import { upDataDir } from '../../base/node-data-folder.ts';
import { makeFolder } from '../../base/node-folder.ts';
import { systemWords, systemWordsOf } from '../../base/system-words.ts';
import { UsageError } from '../exit.ts';

export interface Credentials {
  readonly url: string;
  readonly token: string;
  /** The server's own authority, as PEM. */
  readonly ca?: string;
  /** Of a server of this machine: where it looks for packages of the agent. */
  readonly packages?: string;
}

export interface Contexts {
  /** The one that commands speak to unless they are told another. */
  readonly current: string | undefined;
  readonly contexts: ReadonlyMap<string, Credentials>;
}

export const LOCAL = 'local';
const NAME = /^[\w.:@[\]-]{1,100}$/;

/** All that are known; the local one last. */
export function readContexts(): Contexts {
  const { current, contexts } = readStored();
  const local = readJson(join(upDataDir(), 'access.json'), credentialsOf);
  const all = new Map(contexts);
  if (local && !all.has(LOCAL)) all.set(LOCAL, local);
  // Of several one must have been chosen: nobody works on another server than the one that is meant.
  const only = all.size === 1 ? [...all.keys()][0] : undefined;
  return { current: current !== undefined && all.has(current) ? current : only, contexts: all };
}

export function contextOf(name: string): Credentials {
  const { contexts } = readContexts();
  const found = contexts.get(name);
  if (!found)
    throw new UsageError(
      `There is no context ${JSON.stringify(name)}. ` +
        `${contexts.size === 0 ? 'None is stored: drover login URL' : `There are: ${[...contexts.keys()].join(', ')}`}` +
        '.',
    );
  return found;
}

export function useContext(name: string): Credentials {
  const found = contextOf(name);
  store({ current: name, contexts: readStored().contexts });
  return found;
}

/** Chosen from now on. The answer is where it is stored. */
export function storeContext(name: string, credentials: Credentials): string {
  checkContextName(name);
  return store({ current: name, contexts: new Map([...readStored().contexts, [name, credentials]]) });
}

/** Whether it was there. */
export function forgetContext(name: string): void {
  const { current, contexts } = readStored();
  if (!contexts.has(name)) {
    contextOf(name);
    throw new UsageError(`${name} is the server of this machine, which is known while drover up has its data folder.`);
  }
  const rest = new Map([...contexts].filter(([other]) => other !== name));
  if (rest.size === 0) return removeFile();
  store({ current: current === name ? undefined : current, contexts: rest });
}

export function checkContextName(name: string): void {
  if (!NAME.test(name) || name === LOCAL)
    throw new UsageError(
      `${JSON.stringify(name)} is no name for a context: letters a-z and A-Z, digits and . _ - : @ [ ], 100 at most, and not ${LOCAL}.`,
    );
}

interface StoredContexts {
  readonly current: string | undefined;
  readonly contexts: ReadonlyMap<string, Credentials>;
}

function readStored(): StoredContexts {
  return (
    readJson(contextsFile(), (document) => {
      const { current, contexts } = document as { current?: unknown; contexts?: unknown };
      if (typeof contexts !== 'object' || contexts === null) return undefined;
      const all = Object.entries(contexts).map(([name, value]) => [name, credentialsOf(value)] as const);
      if (all.some(([, credentials]) => credentials === undefined)) return undefined;
      return {
        current: typeof current === 'string' ? current : undefined,
        contexts: new Map(all as (readonly [string, Credentials])[]),
      };
    }) ?? { current: undefined, contexts: new Map() }
  );
}

/** Written beside and renamed, so that an interrupted login leaves the earlier ones whole. */
function store({ current, contexts }: StoredContexts): string {
  const path = contextsFile();
  try {
    makeFolder(dirname(path), 0o700);
    const text = JSON.stringify({ current, contexts: Object.fromEntries(contexts) }, undefined, 2);
    writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
    chmodSync(`${path}.new`, 0o600);
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${systemWordsOf(error, path)}. XDG_CONFIG_HOME says where else.`);
  }
  return path;
}

function removeFile(): void {
  const path = contextsFile();
  try {
    rmSync(path);
  } catch (error) {
    throw new UsageError(`${path} cannot be removed: ${systemWords(error)}.`);
  }
}

function contextsFile(): string {
  return join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'drover', 'contexts.json');
}

export function credentialsOf(document: unknown): Credentials | undefined {
  const { url, token, ca, packages } = document as Partial<Credentials>;
  return typeof url === 'string' && typeof token === 'string'
    ? {
        url,
        token,
        ...given({
          ca: typeof ca === 'string' ? ca : undefined,
          packages: typeof packages === 'string' ? packages : undefined,
        }),
      }
    : undefined;
}

function readJson<T>(path: string, take: (document: unknown) => T | undefined): T | undefined {
  try {
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const taken = typeof document === 'object' && document !== null ? take(document) : undefined;
    if (taken !== undefined) return taken;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (['ENOENT', 'ENOTDIR'].includes(String(code))) return undefined;
    if (code) throw new UsageError(`${path} cannot be read: ${systemWords(error)}.`);
  }
  throw new UsageError(`${path} is damaged. Log in again, or remove it.`);
}
