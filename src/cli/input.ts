/**
 * What a command line says, and what it says to read: pairs, numbers, durations, files, standard input, secrets. Faults are collected, so
 * that all of them are told at once.
 */
import { readFileSync } from 'node:fs';
import { parseDurationMs } from '../base/duration.ts';
import { UsageError } from './exit.ts';

/** For options that may be repeated. */
export function many(value: string, all: readonly string[] = []): string[] {
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
    if (this.#texts.length > 0) throw new UsageError(this.#texts.length === 1 ? this.#texts[0]! : `${this.#texts.length} things are wrong:${this.#texts.map((text) => `\n  ${text}`).join('')}`);
  }
}

export function pairs(faults: Faults, flag: string, texts: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(at, 0));
    if (at < 1) faults.add(`${flag} wants NAME=VALUE, not ${JSON.stringify(at < 0 ? text : text.slice(0, at + 1))}.`);
    else if (found.has(name)) faults.add(`${flag} ${name} is given twice.`);
    else found.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(found);
}

export function number(faults: Faults, flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : faults.add(`${flag} wants a whole number, not ${JSON.stringify(text)}.`);
}

export function duration(faults: Faults, flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return parseDurationMs(text) !== undefined ? text : faults.add(`${flag} wants a duration with its unit, such as 500ms, 30s, 5m, 2h or 1h30m, not ${JSON.stringify(text)}. (bad-duration)`);
}

/** An instant: a date and time, or a duration back from now. */
export function instant(faults: Faults, flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined;
  const backMs = parseDurationMs(text);
  const atMs = backMs !== undefined ? nowMs - backMs : /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? faults.add(`${flag} wants a time, such as 2h (ago), 2026-03-01 or 2026-03-01T12:00:00Z, not ${JSON.stringify(text)}.`) : new Date(atMs).toISOString();
}

/** Files of one command line. Standard input can be read once only, so only one of them may be `-`. */
export class Inputs {
  readonly #faults: Faults;
  #stdinTaken = false;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  read(path: string): Buffer | undefined {
    if (path === '-' && this.#stdinTaken) return this.#faults.add('Standard input (-) can be read for one thing only.');
    this.#stdinTaken ||= path === '-';
    try {
      return readFileSync(path === '-' ? 0 : path);
    } catch (error) {
      return this.#faults.add(`${path === '-' ? 'Standard input' : path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}.`);
    }
  }

  text(flag: string, path: string): string | undefined {
    const bytes = this.read(path);
    if (bytes === undefined) return undefined;
    const text = bytes.toString();
    return Buffer.from(text).equals(bytes) ? text : this.#faults.add(`${flag} ${path} is not UTF-8 text.`);
  }

  /** Never from the command line itself, where everybody on the machine could read it. */
  secrets(texts: readonly string[]): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, source] of Object.entries(pairs(this.#faults, '--secret', texts))) {
      const value = source.startsWith('@') ? this.text(`--secret ${name}`, source.slice(1))?.replace(/\r?\n$/, '') : source.startsWith('env:') ? process.env[source.slice(4)] : undefined;
      if (value !== undefined) found[name] = value;
      else if (source.startsWith('env:')) this.#faults.add(`--secret ${name}: there is no environment variable ${source.slice(4)}.`);
      // The value is not repeated: it may be a real one.
      else if (!source.startsWith('@')) this.#faults.add(`--secret ${name} wants ${name}=@FILE, ${name}=@- (standard input) or ${name}=env:VARIABLE, so that the value never stands on a command line. If that was a real one, change it: it is in this shell's history.`);
    }
    return found;
  }
}
