/**
 * Brings a package to this host: fetched in pieces that survive a cut, unpacked once it is the file that was meant, believed only when
 * size, digest and the release key's signature are right. Until then it has no name under which anything would start it.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, createWriteStream, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fullJitterMs } from '../base/backoff.ts';
import { pause, type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { NameLookups } from '../base/node-names.ts';
import type { Random } from '../base/random.ts';
import { endProved } from '../pki/peer-proof.ts';
import { isPackageSigned } from '../pki/package-signature.ts';
import type { AgentPackage } from '../protocol/rest/agent-package.ts';

/** Tries in a row that brought nothing at all. */
const TRIES = 8;
/** A server that has its hands full is asked again after so long, as often as there is time. */
const BUSY_MS = 10_000;
const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 20_000;
/** Nothing came for so long: another try, from where this one ended. */
const SILENT_MS = 20_000;
const REFUSAL_BYTES_MAX = 4_096;

export interface FetchOptions {
  readonly entry: AgentPackage;
  readonly publicKey: string;
  /** Of servers, each as good as the other. */
  readonly urls: readonly string[];
  readonly ca: string;
  /** Proved to servers: an agent has places of its own there, whoever else is behind its address. */
  readonly identity?: { readonly privateKey: string; readonly certificate: string };
  readonly folder: string;
  /** For all of it. */
  readonly withinMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: each name by itself, as Node does it, and at each try. */
  readonly names?: Pick<NameLookups, 'lookup'>;
}

/** Path of the checked executable, on disk. Throws `package-fetch-failed` or `package-invalid`. */
export async function fetchPackage(options: FetchOptions): Promise<string> {
  const { entry, folder } = options;
  if (!isPackageSigned(entry, entry.signature, options.publicKey))
    throw new DroverError('package-invalid', {
      detail: `The package ${entry.file} is not signed by the release key of the order.`,
    });
  const partial = join(folder, `${entry.fileSha256}.part`);
  await fetchAll(options, partial);
  const staged = join(folder, `${entry.sha256}.staged`);
  try {
    await unpack(partial, staged, entry);
  } catch (error) {
    // Whatever is wrong with it will be wrong again.
    rmSync(partial, { force: true });
    rmSync(staged, { force: true });
    if (error instanceof DroverError || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw new DroverError('package-invalid', {
      detail: `The package ${entry.file} cannot be unpacked: ${(error as Error).message}`,
      cause: error,
    });
  }
  rmSync(partial, { force: true });
  return staged;
}

class ServerBusy extends Error {}
/** There was less time left than a server may be silent, and nothing came in it. */
class TimeOver extends Error {}

async function fetchAll(options: FetchOptions, partial: string): Promise<void> {
  const { entry, urls, clock, random } = options;
  let why: string | undefined;
  const endMs = clock.monotonicMs() + options.withinMs;
  const leftOf = (ms: number): number => Math.max(0, Math.min(ms, endMs - clock.monotonicMs()));
  for (let [tries, turn] = [0, 0]; tries < TRIES && urls.length > 0 && clock.monotonicMs() < endMs; tries++, turn++) {
    const have = statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
    if (have === entry.fileSize) return;
    if (have > entry.fileSize) rmSync(partial);
    if (tries > 0) await pause(clock, leftOf(fullJitterMs(tries, RETRY_BASE_MS, RETRY_CAP_MS, random)));
    if (clock.monotonicMs() >= endMs) break;
    const url = new URL(`/agent-packages/${encodeURIComponent(entry.file)}`, urls[turn % urls.length]);
    try {
      await fetchRest(url, options, partial, have > entry.fileSize ? 0 : have, endMs);
      if (statSync(partial).size === entry.fileSize) return;
      why = `${url.host} ended early`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      // A try that the end of the time cut off is no reason where there is another.
      if (why === undefined || !(error instanceof TimeOver)) why = `${url.host}: ${(error as Error).message}`;
      if (error instanceof ServerBusy) {
        tries = -1;
        await pause(clock, leftOf(BUSY_MS * (0.5 + random.next())));
      }
    }
    if ((statSync(partial, { throwIfNoEntry: false })?.size ?? 0) > have) tries = -1;
  }
  why ??= urls.length > 0 ? 'there was no time left' : 'no address was given';
  throw new DroverError('package-fetch-failed', { detail: `The package ${entry.file} could not be fetched: ${why}.` });
}

function fetchRest(
  url: URL,
  { ca, entry, clock, identity, names }: FetchOptions,
  partial: string,
  from: number,
  endMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // The server is known by the authority that we joined; its name may be any, for what comes is believed by its signature alone.
    const secure = url.protocol === 'https:';
    const leftMs = endMs - clock.monotonicMs();
    const tls = secure ? { ca, checkServerIdentity: () => undefined } : {};
    const request = (secure ? httpsRequest : httpRequest)(url, {
      headers: { range: `bytes=${from}-` },
      timeout: Math.max(1, Math.min(SILENT_MS, leftMs)),
      agent: false,
      ...tls,
      ...given({ lookup: names?.lookup }),
    });
    request.on('error', reject);
    request.on('timeout', () =>
      request.destroy(
        leftMs < SILENT_MS ? new TimeOver('nothing came in time') : new Error('nothing came for a while'),
      ),
    );
    request.on('response', (response) => {
      const whole = response.statusCode === 200;
      if (!whole && response.statusCode !== 206) {
        return void whyOf(response).then((why) => {
          const said = `the server answered ${response.statusCode}${why}`;
          reject(response.statusCode === 429 || response.statusCode === 503 ? new ServerBusy(said) : new Error(said));
        });
      }
      keep(response, partial, { from: whole ? 0 : from, clock, fileSize: entry.fileSize, endMs }).then(
        resolve,
        (error: unknown) => {
          response.destroy();
          reject(error as Error);
        },
      );
    });
    if (identity && secure) endProved(request, identity);
    else request.end();
  });
}

/** Writes each piece as it comes, so that a cut takes nothing back that has arrived. Not a byte more than announced, whoever sends them. */
function keep(
  response: IncomingMessage,
  partial: string,
  { from, clock, fileSize, endMs }: { from: number; clock: Clock; fileSize: number; endMs: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const file = openSync(partial, from === 0 ? 'w' : 'a', 0o600);
    let room = fileSize - from;
    response.on('data', (piece: Buffer) => {
      try {
        room -= piece.length;
        // However slowly it comes: what is not here in time is not taken.
        if (clock.monotonicMs() >= endMs) throw new Error('it did not come in time');
        if (room < 0) throw new Error('more came than was announced');
        for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      } catch (error) {
        response.destroy(error as Error);
      }
    });
    response.on('end', resolve);
    response.on('error', reject);
    response.on('close', () => {
      closeSync(file);
      reject(new Error('it ended early'));
    });
  });
}

/** What a refusal says of itself, as far as it is short and readable. */
async function whyOf(response: IncomingMessage): Promise<string> {
  try {
    let text = '';
    for await (const chunk of response) if ((text += String(chunk)).length > REFUSAL_BYTES_MAX) return '';
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === 'string' ? ` (${detail.slice(0, 200)})` : '';
  } catch {
    return '';
  }
}

/** Nothing is unpacked that is not the very file, and no more of it than it says. */
async function unpack(partial: string, staged: string, entry: AgentPackage): Promise<void> {
  const travelled = createHash('sha256');
  await pipeline(createReadStream(partial), travelled);
  if (travelled.digest('hex') !== entry.fileSha256) throw notWhatItSays(entry);
  const unpacked = createHash('sha256');
  let size = 0;
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      unpacked.update(chunk);
      done(
        size > entry.size
          ? new DroverError('package-invalid', { detail: `The package ${entry.file} unpacks to more than it says.` })
          : null,
        chunk,
      );
    },
  });
  await pipeline(
    createReadStream(partial),
    createGunzip(),
    tap,
    createWriteStream(staged, { mode: 0o755, flush: true }),
  );
  if (size !== entry.size || unpacked.digest('hex') !== entry.sha256) throw notWhatItSays(entry);
}

function notWhatItSays(entry: AgentPackage): DroverError {
  return new DroverError('package-invalid', {
    detail: `The package ${entry.file} is not what its manifest says: size or checksum differ.`,
  });
}
