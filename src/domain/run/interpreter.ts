/**
 * Who carries out a script: decided here alone, from its first bytes and what was asked, for agents and over SSH alike. `#!` is read
 * by us and never left to the kernel: so a folder without exec rights will do, and a missing program is named. Pure.
 *
 * A shell takes a byte order mark for a part of the first command and a carriage return for a part of the last word: a script
 * with either may well "succeed" without having done a thing. It is refused, with the way to mend it.
 */
import type { ErrorCode } from '../../base/errors.ts';

/** What was to be run is not there, or is something else. */
export type ProgramLack = 'absent' | 'folder' | 'locked';
/** Who named the program; it decides what the user may do. */
export type ProgramOrigin = 'command' | 'lang' | 'shebang';

export interface InterpreterChoice {
  /** The first that exists is taken. */
  readonly programs: readonly string[];
  /** Before the script's file. */
  readonly args: readonly string[];
  readonly origin: ProgramOrigin;
}

export interface InterpreterFault {
  readonly refused: ErrorCode;
  readonly detail: string;
}

/** Names that mean the same everywhere. Anything else is a program's name or path. */
const LANGUAGES: Readonly<Record<string, { readonly programs: readonly string[]; readonly args?: readonly string[] }>> =
  {
    sh: { programs: ['/bin/sh', 'sh'] },
    bash: { programs: ['bash'] },
    python: { programs: ['python3', 'python'] },
    perl: { programs: ['perl'] },
    node: { programs: ['node'] },
    powershell: { programs: ['pwsh', 'powershell'], args: ['-NoLogo', '-NoProfile', '-NonInteractive', '-File'] },
  };
/** By the last part of their path; the other interpreters pass over a mark and over carriage returns. */
const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'mksh', 'zsh', 'fish', 'csh', 'tcsh']);
/** What Linux reads of a first line; it cuts the rest off without a word, and we do not. */
const SHEBANG_BYTES_MAX = 255;
const NAME_LENGTH_MAX = 300;

export function interpreterOf(script: Uint8Array, lang: string | undefined): InterpreterChoice | InterpreterFault {
  const fault = scriptFormatFault(script, lang);
  if (fault !== undefined) return { refused: 'script-format', detail: fault };
  if (lang !== undefined) {
    const known = Object.hasOwn(LANGUAGES, lang) ? LANGUAGES[lang]! : { programs: [lang] };
    return { programs: known.programs, args: known.args ?? [], origin: 'lang' };
  }
  return script[0] === 0x23 && script[1] === 0x21
    ? shebangOf(script)
    : { programs: ['/bin/sh'], args: [], origin: 'lang' };
}

/** What makes a script unfit for the shell that is to read it, as a sentence; undefined where nothing does. */
export function scriptFormatFault(script: Uint8Array, lang: string | undefined): string | undefined {
  if (lang !== undefined && !SHELLS.has(lang.split('/').at(-1)!)) return undefined;
  const repair = 'Save it as UTF-8 without a mark and with LF at the end of lines, or say --fix-line-ends.';
  if (utf16Of(script) !== undefined) return `The script is written in UTF-16, which no shell reads. ${repair}`;
  if (hasByteOrderMark(script))
    return `The script begins with a byte order mark (EF BB BF), which a shell takes for a part of the first line. ${repair}`;
  const end = script.indexOf(0x0a);
  const last = script[(end === -1 ? script.length : end) - 1];
  return last === 0x0d
    ? 'The first line of the script ends with a carriage return (CR LF, as Windows writes lines), which a shell ' +
        `takes for a part of the last word. ${repair}`
    : undefined;
}

/** The same script as a shell takes it: UTF-8 without a mark, CR LF and a last CR made LF. A carriage return elsewhere stays. */
export function fixLineEnds(script: Uint8Array): Uint8Array {
  const encoding = utf16Of(script);
  const text =
    encoding === undefined
      ? Buffer.from(script.subarray(hasByteOrderMark(script) ? 3 : 0)).toString('latin1')
      : Buffer.from(new TextDecoder(encoding).decode(script)).toString('latin1');
  return Buffer.from(text.replace(/\r(\n|$)/g, '\n'), 'latin1');
}

/** A sentence or two about a program that cannot be run; `where` is the search path, for a bare name. */
export function programLackDetail(origin: ProgramOrigin, lack: ProgramLack, names: string, where?: string): string {
  const name = names.length > NAME_LENGTH_MAX ? `${names.slice(0, NAME_LENGTH_MAX)}…` : names;
  const named = origin === 'shebang' ? `${name}, named by the first line of the script,` : name;
  if (lack === 'folder') return `${named} is a folder on this host, not a program.`;
  if (lack === 'locked')
    return `${named} is on this host and may not be executed: it is no program, or lacks the right (chmod +x).`;
  const repair = {
    command: 'Install it, or give its full path.',
    lang: 'Install it, or name another with --lang.',
    shebang: 'Install it, or name another there or with --lang.',
  }[origin];
  return `There is no ${named} on this host${where === undefined ? '' : ` (looked in ${where})`}. ${repair}`;
}

/** As the kernel reads it: the interpreter, and all the rest of the line as one argument. */
function shebangOf(script: Uint8Array): InterpreterChoice | InterpreterFault {
  const newline = script.indexOf(0x0a);
  const end = newline === -1 ? script.length : newline;
  if (end > SHEBANG_BYTES_MAX)
    return shebangFault(`has ${end} bytes; an operating system reads ${SHEBANG_BYTES_MAX} of it`);
  const line = Buffer.from(script.subarray(2, end)).toString('utf8');
  const [, program = '', option = ''] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
  if (program === '') return shebangFault('names no program');
  if (!program.startsWith('/') || program.includes('\0'))
    return shebangFault(`names ${JSON.stringify(program)}, which is no absolute path`);
  return { programs: [program], args: option === '' ? [] : [option], origin: 'shebang' };
}

function shebangFault(what: string): InterpreterFault {
  return { refused: 'interpreter-missing', detail: `The first line of the script begins with #! and ${what}.` };
}

function hasByteOrderMark(script: Uint8Array): boolean {
  return script[0] === 0xef && script[1] === 0xbb && script[2] === 0xbf;
}

function utf16Of(script: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (script[0] === 0xff && script[1] === 0xfe) return 'utf-16le';
  return script[0] === 0xfe && script[1] === 0xff ? 'utf-16be' : undefined;
}
