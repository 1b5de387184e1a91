/**
 * Output values: named texts that a script tells beside what it prints, by lines in the file that `DROVER_OUTPUT` names:
 *
 *     NAME=VALUE
 *     NAME<<END
 *     several lines
 *     END
 *
 * The last line of a name counts. What cannot be read, or is beyond a limit, is left out whole and told as the fault;
 * nothing is cut, and the end of the script stays what it is. Pure. What is quoted in a fault are names that passed, and
 * numbers of lines: whatever else stands there may be a secret in a form that nobody knows.
 */
import { valueLimits } from '../../base/value-limits.ts';

export interface OutputValues {
  readonly values: Readonly<Record<string, string>>;
  /** What of it was left out, and why: sentences for people. */
  readonly fault?: string;
}

export const OUTPUT_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const FAULTS_TOLD_MAX = 5;

export function isOutputName(name: string): boolean {
  return name.length <= valueLimits.outputValueNameLengthMax && OUTPUT_NAME.test(name);
}

export interface ValuesText {
  /** Read no further than `outputValuesFileBytesMax`. */
  readonly bytes: Uint8Array;
  /** There is more of the file. */
  readonly isMore: boolean;
}

/** `masked`: the text without secrets. Names go through it too. */
export function parseOutputValues({ bytes, isMore }: ValuesText, masked: (text: string) => string): OutputValues {
  if (bytes.length === 0 && !isMore) return { values: {} };
  const faults: string[] = [];
  if (isMore)
    faults.push(
      `The file has more than ${valueLimits.outputValuesFileBytesMax} bytes; what comes after them was not read.`,
    );
  // The last line may be cut in the middle.
  const whole = isMore ? bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1) : bytes;
  return limited(linesOf({ text: new TextDecoder().decode(whole), isUtf8: isUtf8(whole) }, masked, faults), faults);
}

/** What somebody else says that he has read: held against the same limits, as nobody's word is enough. */
export function outputValuesIn(
  told: Readonly<Record<string, string>> | undefined,
  fault: string | undefined,
): OutputValues | undefined {
  if (told === undefined && fault === undefined) return undefined;
  const faults = fault === undefined ? [] : [fault];
  const entries = Object.entries(told ?? {}).filter(([name]) => {
    if (isOutputName(name)) return true;
    faults.push('A value under a name that is none was left out.');
    return false;
  });
  return limited(new Map(entries), faults);
}

/** By name, in the order in which they were told first. Undefined: the last that was told of it cannot be taken. */
type Told = Map<string, string | undefined>;

interface Decoded {
  readonly text: string;
  /** Where it is not, the text has a sign in the place of what cannot be read. */
  readonly isUtf8: boolean;
}

function linesOf({ text, isUtf8 }: Decoded, masked: (text: string) => string, faults: string[]): Told {
  const told: Told = new Map();
  const lines = text.split('\n');
  const take = (name: string, value: string): void => {
    const why = value.includes('\0')
      ? 'holds a NUL character'
      : !isUtf8 && value.includes('\uFFFD')
        ? 'is not UTF-8'
        : undefined;
    if (why !== undefined) faults.push(`${name} was left out: its value ${why}.`);
    told.set(name, why === undefined ? masked(value) : undefined);
  };
  for (let at = 0; at < lines.length; at++) {
    const line = withoutReturn(lines[at]!);
    if (line === '') continue;
    const place = `Line ${at + 1}`;
    const sign = /=|<</.exec(line);
    const name = sign && masked(line.slice(0, sign.index));
    if (!sign || !name || !isOutputName(name)) {
      faults.push(
        sign
          ? `${place}: what stands before ${sign[0]} is no name of letters, digits and _ that begins with a letter, ` +
              `of up to ${valueLimits.outputValueNameLengthMax}.`
          : `${place} is neither NAME=VALUE nor NAME<<END.`,
      );
      continue;
    }
    const rest = line.slice(sign.index + sign[0].length);
    if (sign[0] === '=') {
      take(name, rest);
      continue;
    }
    const end = endOf(lines, at, rest);
    if (rest === '' || end < 0) {
      faults.push(
        rest === ''
          ? `${place}: ${name}<< says no word that ends it.`
          : `${place}: the end of ${name}<< is not there, so nothing from this line on was read.`,
      );
      told.set(name, undefined);
      if (rest === '') continue;
      break;
    }
    take(name, lines.slice(at + 1, end).join('\n'));
    at = end;
  }
  return told;
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** Of the block that begins there; -1 where nothing ends it. */
function endOf(lines: readonly string[], at: number, word: string): number {
  for (let end = at + 1; end < lines.length; end++) if (withoutReturn(lines[end]!) === word) return end;
  return -1;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function limited(told: ReadonlyMap<string, string | undefined>, faults: string[]): OutputValues {
  const kept: [name: string, value: string][] = [];
  let [left, beyond] = [valueLimits.outputValuesBytesMax as number, 0];
  for (const [name, value] of told) {
    if (value === undefined) continue;
    const bytes = Buffer.byteLength(value);
    if (kept.length >= valueLimits.outputValuesMax) beyond++;
    else if (value.includes('\0') || !value.isWellFormed())
      faults.push(
        `${name} was left out: its value holds ${value.includes('\0') ? 'a NUL character' : 'half a character'}.`,
      );
    else if (bytes > valueLimits.outputValueBytesMax)
      faults.push(
        `${name} was left out: its value has ${bytes} bytes, and ${valueLimits.outputValueBytesMax} are allowed.`,
      );
    else if (name.length + bytes > left)
      faults.push(
        `${name} was left out: all values together have more than ${valueLimits.outputValuesBytesMax} bytes.`,
      );
    else {
      kept.push([name, value]);
      left -= name.length + bytes;
    }
  }
  if (beyond > 0) faults.push(`${valueLimits.outputValuesMax} values are allowed; ${beyond} more were left out.`);
  const values = Object.fromEntries(kept);
  return faults.length === 0 ? { values } : { values, fault: faultText(faults) };
}

function faultText(faults: readonly string[]): string {
  const more = faults.length - FAULTS_TOLD_MAX;
  return [...faults.slice(0, FAULTS_TOLD_MAX), ...(more > 0 ? [`And ${more} more.`] : [])].join(' ');
}
