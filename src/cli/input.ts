/**
 * What a command line says, and what it says to read: pairs, numbers, durations, files, standard input, secrets. Faults are collected, so
 * that all of them are told at once.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { Option } from 'commander';
import { formatDurationMs, parseDurationMs } from '../base/duration.ts';
import { limits } from '../base/limits.ts';
import { systemWords } from '../base/system-words.ts';
import { UsageError } from './exit.ts';

const PIECE_BYTES = 64 * 1024;
const AGAIN_MS = 20;
const SECRET_FORM = 'NAME=@FILE, NAME=@- (standard input) or NAME=env:VARIABLE';

/** For options that may be repeated. */
export function many(value: string, all: readonly string[] = []): readonly string[] {
  return [...all, value];
}

/** Several `-t` mean any of them. */
export function oneTarget(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions[0]! : expressions.map((expression) => `(${expression})`).join(' or ');
}

/** Faults of one command line. Whatever reads a flag goes on after a fault; `end` throws when there were any. */
export class Faults {
  readonly #texts: string[] = [];

  add(text: string): undefined {
    this.#texts.push(text);
  }

  end(): void {
    if (this.#texts.length > 0)
      throw new UsageError(
        this.#texts.length === 1
          ? this.#texts[0]!
          : `${this.#texts.length} things are wrong:${this.#texts.map((text) => `\n  ${text}`).join('')}`,
      );
  }
}

export function pairs(
  faults: Faults,
  flag: string,
  texts: readonly string[],
  form = 'NAME=VALUE',
): Record<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(at, 0));
    if (at < 1) faults.add(`${flag} wants ${form}, not ${JSON.stringify(at < 0 ? text : text.slice(0, at + 1))}.`);
    else if (found.has(name)) faults.add(`${flag} ${name} is given twice.`);
    else found.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(found);
}

export interface Range {
  readonly least?: number;
  readonly most?: number;
}

export function number(
  faults: Faults,
  flag: string,
  text: string | undefined,
  { least = 0, most = 999_999_999 }: Range = {},
): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    return faults.add(`${flag} wants a whole number from ${least} to ${most}, not ${JSON.stringify(text)}.`);
  const value = Number(text);
  return value >= least && value <= most
    ? value
    : faults.add(`${flag} wants a number from ${least} to ${most}, not ${value}.`);
}

export function choice<T extends string>(
  faults: Faults,
  flag: string,
  choices: readonly T[],
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined;
  return (
    choices.find((one) => one === text) ??
    faults.add(`${flag} wants ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, not ${JSON.stringify(text)}.`)
  );
}

/** An option that `choicesOf` reads: help lists the words, and shells complete them. */
export function choicesOption(flags: string, choices: readonly string[]): Option {
  const option = new Option(flags, 'one or several of them, with commas between');
  // `choices()` would take one word alone.
  option.argChoices = [...choices];
  return option;
}

/** Words with commas between them, each one of `choices`; the words for people, `timed-out`, are taken for those of the API. */
export function choicesOf<T extends string>(
  faults: Faults,
  flag: string,
  choices: readonly T[],
  text: string | undefined,
): readonly T[] | undefined {
  const words = text?.split(',').map((word) => word.trim().replace(/[- ]/g, '_'));
  const unknown = (words ?? []).filter((word) => !choices.some((choice) => choice === word));
  if (unknown.length > 0)
    return faults.add(
      `${flag} knows ${choices.join(', ')}; not ${unknown.map((word) => JSON.stringify(word)).join(', ')}.`,
    );
  return words as readonly T[] | undefined;
}

export function duration(
  faults: Faults,
  flag: string,
  text: string | undefined,
  mostMs = Number.MAX_SAFE_INTEGER,
): string | undefined {
  if (text === undefined) return undefined;
  const ms = parseDurationMs(text);
  if (ms === undefined)
    return faults.add(
      `${flag} wants a duration with its unit, such as 500ms, 30s, 5m, 2h or 1h30m, not ${JSON.stringify(text)}. (bad-duration)`,
    );
  if (ms === 0) return faults.add(`${flag} wants a duration that is longer than nothing. (bad-duration)`);
  return ms <= mostMs
    ? text
    : faults.add(`${flag} wants ${formatDurationMs(mostMs)} at most, not ${text}. (bad-duration)`);
}

/** An instant: a date and time, or a duration back from now. */
export function instant(faults: Faults, flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined;
  const backMs = parseDurationMs(text);
  const atMs = backMs !== undefined ? nowMs - backMs : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (atMs < 0) return faults.add(`${flag} wants a time since 1970, not ${JSON.stringify(text)}.`);
  return Number.isNaN(atMs)
    ? faults.add(
        `${flag} wants a time, such as 2h (ago), 2026-03-01 or 2026-03-01T12:00:00Z, not ${JSON.stringify(text)}.`,
      )
    : new Date(atMs).toISOString();
}

/** Files of one command line. Standard input can be read once only, so only one of them may be `-`. */
export class Inputs {
  readonly #faults: Faults;
  #stdinTaken = false;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Not more than `bytesMax` and a little: a device has no end. */
  read(flag: string, path: string, bytesMax: number): Buffer | undefined {
    if (path === '-' && this.#stdinTaken) return this.#faults.add('Standard input (-) can be read for one thing only.');
    this.#stdinTaken ||= path === '-';
    try {
      const bytes = readUpTo(path, bytesMax + 1);
      return bytes.length <= bytesMax
        ? bytes
        : this.#faults.add(
            `${flag}: ${path === '-' ? 'standard input' : `the file ${path}`} has more than the ${bytesMax} bytes that are allowed.`,
          );
    } catch (error) {
      return this.#faults.add(
        `${flag}: ${path === '-' ? 'standard input' : `the file ${path}`} cannot be read: ${systemWords(error)}.`,
      );
    }
  }

  text(flag: string, path: string, bytesMax: number): string | undefined {
    const bytes = this.read(flag, path, bytesMax);
    if (bytes === undefined) return undefined;
    const text = bytes.toString();
    return Buffer.from(text).equals(bytes)
      ? text
      : this.#faults.add(`${flag}: ${path === '-' ? 'standard input' : `the file ${path}`} is not UTF-8 text.`);
  }

  /** Values, or those of files: NAME=@FILE, without the end of its last line. A text that begins with @ has another @ before it. */
  values(flag: string, texts: readonly string[]): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, said] of Object.entries(pairs(this.#faults, flag, texts))) {
      const value = said.startsWith('@@')
        ? said.slice(1)
        : said.startsWith('@')
          ? this.text(`${flag} ${name}`, said.slice(1), limits.argumentsBytesMax)?.replace(/\r?\n$/, '')
          : said;
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  /** Never from the command line itself, where everybody on the machine could read it. */
  secrets(texts: readonly string[]): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, source] of Object.entries(pairs(this.#faults, '--secret', texts, SECRET_FORM))) {
      const value = source.startsWith('@')
        ? this.text(`--secret ${name}`, source.slice(1), limits.secretBytesMax)?.replace(/\r?\n$/, '')
        : source.startsWith('env:')
          ? process.env[source.slice(4)]
          : undefined;
      if (value !== undefined) found[name] = value;
      else if (source.startsWith('env:'))
        this.#faults.add(`--secret ${name}: there is no environment variable ${source.slice(4)}.`);
      // The value is not repeated: it may be a real one.
      else if (!source.startsWith('@'))
        this.#faults.add(
          `--secret ${name} wants ${name}=@FILE, ${name}=@- (standard input) or ${name}=env:VARIABLE, so that ` +
            "the value never stands on a command line. If that was a real one, change it: it is in this shell's " +
            'history.',
        );
    }
    return found;
  }
}

function readUpTo(path: string, bytesMax: number): Buffer {
  const file = path === '-' ? 0 : openSync(path, 'r');
  const pieces: Buffer[] = [];
  try {
    for (let left = bytesMax; left > 0; ) {
      const piece = Buffer.alloc(Math.min(left, PIECE_BYTES));
      const count = readPiece(file, piece);
      if (count === 0) break;
      pieces.push(piece.subarray(0, count));
      left -= count;
    }
  } finally {
    if (file !== 0) closeSync(file);
  }
  return Buffer.concat(pieces);
}

/** Some hand on a standard input that does not wait for its writer; then we do. */
function readPiece(file: number, piece: Buffer): number {
  for (;;) {
    try {
      return readSync(file, piece);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
    }
  }
}
