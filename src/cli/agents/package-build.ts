/**
 * Packages of the agent where none is there yet: made by the clone that started the server of this machine, into that server's folder, with
 * this user's release key. A server never makes them itself: whoever holds the release key decides what hosts execute as root.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DroverApiError } from '@drover/sdk';
import { makeFolder } from '../../base/node-folder.ts';
import { version } from '../../base/node-process.ts';
import { systemWordsOf } from '../../base/system-words.ts';
import type { Session } from '../servers/session.ts';

/** Where these are sources: the builder and what it needs lie there. */
const clone = fileURLToPath(new URL('../../..', import.meta.url));
const STEP = 'step: ';
/** A server that is not known as one of this machine may be anywhere: this clone does not write into folders that such a one names. */
const ELSEWHERE =
  ' It makes itself only where `drover up` runs, for the user who started it, in a clone of Drover; this server ' +
  'is not one of those that run here.';
const NO_CLONE = ' It makes itself only in a clone of Drover, which this is not.';

/** Asks once more when the server had no package, this is the machine where one can be made, and it was made. */
export async function withPackages<Answer>(
  { credentials }: Session,
  wanted: string | undefined,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const isMissing = error instanceof DroverApiError && error.code === 'package-not-found';
    if (!isMissing || (wanted !== undefined && wanted !== version())) throw error;
    const builder = join(clone, 'tools', 'agent-build.ts');
    if (credentials.packages === undefined || !existsSync(builder))
      throw withAdvice(error, existsSync(builder) ? ELSEWHERE : NO_CLONE);
    await build(builder, credentials.packages);
    return ask();
  }
}

function withAdvice(error: DroverApiError, why: string): DroverApiError {
  return new DroverApiError(error.status, {
    code: error.code,
    detail:
      `${error.detail}${why} What to do: on any machine, in a clone of Drover of version ${version()}, npm run ` +
      'build:agent -- --out FOLDER; copy what is in FOLDER into that folder of the server (every server, if there ' +
      'are several); then repeat this command.',
  });
}

function notMade(why: string): DroverApiError {
  return new DroverApiError(404, {
    code: 'package-not-found',
    detail: `The package of the agent could not be made: ${why}`,
  });
}

async function build(builder: string, folder: string): Promise<void> {
  const say = (text: string): void => void process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  for (const needed of ['esbuild', 'postject'])
    if (!existsSync(join(clone, 'node_modules', needed)))
      throw notMade(`${needed} is not installed in this clone; install it with: (cd '${clone}' && npm ci)`);
  try {
    makeFolder(folder, 0o700);
  } catch (error) {
    throw notMade(`the folder ${folder} cannot be made: ${systemWordsOf(error, folder)}.`);
  }
  say('There is no package of the agent yet: making it, once.');
  const child = spawn(process.execPath, [...process.execArgv, builder, '--out', folder, '--steps'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let tail = '';
  const hear = (line: string): void => {
    if (line.startsWith(STEP)) say(`Making the package of the agent: ${line.slice(STEP.length)}`);
    else tail = `${tail}${line} `.slice(-600);
  };
  createInterface({ input: child.stdout }).on('line', () => undefined);
  createInterface({ input: child.stderr }).on('line', hear);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    if (process.stderr.isTTY) process.stderr.write('\n');
    throw notMade(tail.trim() || `the build ended with ${code}`);
  }
  say(`The package of the agent is in ${folder}.`);
  if (process.stderr.isTTY) process.stderr.write('\n');
}
