/**
 * What a process can be given as arguments and variables. A kernel refuses what is longer only when the script is to begin, on every
 * host and with a word that helps nobody; so it is refused where a run is asked for. Pure.
 */
import { limits } from '../../base/limits.ts';

interface GivenStrings {
  readonly argv?: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly environment?: 'clean' | 'login' | 'agent';
}

/** A string as the kernel counts it: `NAME=value` or an argument, and a NUL. */
interface CountedString {
  /** Into the body of a request. */
  readonly pointer: string;
  readonly what: string;
  readonly bytes: number;
}

/**
 * Under a login shell a value waits under a second, longer name until the profiles have been read; where root becomes another user, all of
 * them do until that is done (what would be too long with it is held in parts there). Nobody is given a name that begins so.
 */
export const HELD = '__drover_';

function countedStrings(given: GivenStrings): CountedString[] {
  const held = given.environment === 'login' ? HELD : '';
  const list = (field: string, what: string, texts: readonly string[]): CountedString[] =>
    texts.map((text, i) => ({
      pointer: `#/${field}/${i}`,
      what: `${what} ${i + 1}`,
      bytes: Buffer.byteLength(text) + 1,
    }));
  const record = (
    field: string,
    what: string,
    prefix: string,
    values: Readonly<Record<string, string>>,
  ): CountedString[] =>
    Object.entries(values).map(([name, value]) => ({
      pointer: `#/${field}/${name}`,
      what: `${what} ${name} (${prefix}${name}=…)`,
      bytes: Buffer.byteLength(`${held}${prefix}${name}=`) + Buffer.byteLength(value) + 1,
    }));
  return [
    ...list('command', 'word', given.argv ?? []),
    ...list('args', 'argument', given.args),
    ...record('env', 'variable', '', given.env),
    ...record('params', 'parameter', 'DROVER_PARAM_', given.params),
    ...record('secrets', 'secret', '', given.secrets),
  ];
}

/** What is over, as a sentence each: one string alone, or all together. */
export function stringFaults(given: GivenStrings): { pointer: string; detail: string }[] {
  const strings = countedStrings(given);
  const faults = strings
    .filter(({ bytes }) => bytes > limits.argumentStringBytesMax)
    .map(({ pointer, what, bytes }) => ({
      pointer,
      detail:
        `The ${what} has ${bytes} bytes with its name and its end; an operating system takes ` +
        `${limits.argumentStringBytesMax} for one string. Give what is larger on standard input.`,
    }));
  const total = strings.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > limits.argumentsBytesMax)
    faults.push({
      pointer: '#/args',
      detail:
        `Arguments, variables, parameters and secrets have ${total} bytes together, with their names; ` +
        `${limits.argumentsBytesMax} are allowed. Give what is larger on standard input.`,
    });
  return faults;
}
