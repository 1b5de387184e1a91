/**
 * How commands and scripts are written for Windows, as pure functions: there a process is given one line of text and
 * takes it apart by itself, and cmd.exe reads that line once more by rules of its own. Nothing here is executed by an
 * engine yet (platform-of-host.ts refuses Windows); it is settled, and tested as text, so that the platform file is all
 * that is missing.
 */

/** CreateProcess takes no longer line, cmd.exe a much shorter one; both count UTF-16 units. */
const LINE_MAX = 32_766;
const CMD_LINE_MAX = 8_191;

export interface WindowsCommand {
  /** The program, and the whole line as it is handed to CreateProcess (verbatim: nobody quotes it again). */
  readonly program: string;
  readonly line: string;
}
export interface WindowsFault {
  readonly fault: string;
}

export function isWindowsFault(command: object): command is WindowsFault {
  return 'fault' in command;
}

/** A program with its arguments. Batch files cannot be executed as such: cmd.exe has to read them. */
export function windowsCommand(program: string, args: readonly string[], cmd: string): WindowsCommand | WindowsFault {
  return /\.(cmd|bat)$/i.test(program)
    ? cmdCommand(cmd, program, args)
    : bounded({ program, line: [program, ...args].map(quoteArgument).join(' ') }, LINE_MAX);
}

/**
 * One argument as CommandLineToArgvW and the C runtime take it apart: backslashes are themselves, but before a quote
 * each counts half, and a quote needs one.
 */
export function quoteArgument(text: string): string {
  if (text !== '' && !/[\s"]/.test(text)) return text;
  return `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
}

/**
 * One argument for a batch file: first as above, then every sign that means something to cmd.exe gets a caret, quotes
 * included, so that it never believes itself inside quotes and every caret counts. Twice, because the arguments of a
 * batch file are read a second time where they are used (`%1`).
 */
export function quoteForCmd(text: string): string {
  const quoted = `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, '$1$1')}"`;
  const caret = (part: string): string => part.replaceAll(/[()\][%!^"`<>&|;, *?]/g, '^$&');
  return caret(caret(quoted));
}

/** /d no AutoRun of the registry, /s the outer quotes alone are taken off, /v:off `!` is an exclamation mark. */
function cmdCommand(cmd: string, program: string, args: readonly string[]): WindowsCommand | WindowsFault {
  if ([program, ...args].some((text) => /[\r\n]/.test(text)))
    return { fault: 'cmd.exe ends a command at the first line break; none of its arguments can hold one.' };
  // The name is read once: it is not an argument of the batch file.
  const name = quoteArgument(program).replaceAll(/[()\][%!^"`<>&|;, *?]/g, '^$&');
  return bounded(
    { program: cmd, line: `${quoteArgument(cmd)} /d /s /v:off /c "${[name, ...args.map(quoteForCmd)].join(' ')}"` },
    CMD_LINE_MAX,
  );
}

/** A script in a file. The exit code of -File is the script's own. */
export function powershellScript(
  powershell: string,
  scriptPath: string,
  args: readonly string[],
): WindowsCommand | WindowsFault {
  return windowsCommand(
    powershell,
    ['-NoLogo', '-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', scriptPath, ...args],
    '',
  );
}

/**
 * A line of PowerShell, past every quoting: Base64 of UTF-16LE. By itself it would end with 0 or 1; the last line tells
 * the code of the program.
 */
export function powershellEncoded(powershell: string, text: string): WindowsCommand | WindowsFault {
  const encoded = Buffer.from(`${text}\r\nif ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }`, 'utf16le').toString(
    'base64',
  );
  return windowsCommand(powershell, ['-NoLogo', '-NoProfile', '-NonInteractive', '-EncodedCommand', encoded], '');
}

/**
 * A program with arguments as PowerShell reads it: in single quotes nothing means anything, but a single quote (also
 * the typographic ones).
 */
export function powershellInvocation(argv: readonly string[]): string {
  return `& ${argv.map((text) => `'${text.replaceAll(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`).join(' ')}`;
}

export type WindowsLanguage = 'powershell' | 'cmd' | 'other';

export function windowsLanguage(lang: string | undefined): WindowsLanguage {
  if (lang === undefined || lang === 'powershell' || lang === 'pwsh') return 'powershell';
  return lang === 'cmd' || lang === 'batch' || lang === 'bat' ? 'cmd' : 'other';
}

/** The end of the file's name decides who takes it. */
export function scriptName(language: WindowsLanguage): string {
  return { powershell: 'script.ps1', cmd: 'script.cmd', other: 'script' }[language];
}

/**
 * The bytes of the script file. Windows PowerShell 5 reads a file without a byte order mark in the code page of the
 * system. cmd.exe needs CR LF (with LF alone it loses labels), takes a mark for part of the first command, and reads
 * bytes by the console's code page, so UTF-8 is set first. What is not UTF-8 goes as it is: its author knows why.
 */
export function scriptBytes(language: WindowsLanguage, script: Uint8Array): Uint8Array {
  const bytes = Buffer.from(script);
  if (language === 'other' || (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return bytes;
  let text: string;
  try {
    // The decoder takes a mark off by itself.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes;
  }
  if (language === 'powershell') return Buffer.from(`\ufeff${text}`);
  return Buffer.from(`@chcp 65001 >nul\r\n${text.replaceAll(/\r?\n/g, '\r\n')}`);
}

function bounded(command: WindowsCommand, max: number): WindowsCommand | WindowsFault {
  if (command.line.includes('\0')) return { fault: 'A command line cannot hold a NUL character.' };
  return command.line.length <= max
    ? command
    : {
        fault: `The command line has ${command.line.length} characters; Windows takes ${max}. Put the arguments into a file.`,
      };
}
