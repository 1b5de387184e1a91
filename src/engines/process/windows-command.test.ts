import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isWindowsFault,
  powershellEncoded,
  powershellInvocation,
  powershellScript,
  quoteArgument,
  quoteForCmd,
  scriptBytes,
  scriptName,
  windowsCommand,
  windowsLanguage,
  type WindowsCommand,
} from './windows-command.ts';

const CMD = 'C:\\Windows\\System32\\cmd.exe';
const PWSH = 'C:\\Program Files\\PowerShell\\7\\pwsh.exe';

/** CommandLineToArgvW as Microsoft documents it, for all but the program's name. */
function takenApart(line: string): string[] {
  const args: string[] = [];
  let [current, inside, begun] = ['', false, false];
  for (let i = 0; i < line.length; ) {
    let slashes = 0;
    while (line[i + slashes] === '\\') slashes++;
    i += slashes;
    if (line[i] === '"') {
      current += '\\'.repeat(slashes >> 1);
      begun = true;
      if (slashes % 2 === 1) current += '"';
      else inside = !inside;
      i++;
      continue;
    }
    current += '\\'.repeat(slashes);
    begun ||= slashes > 0;
    if (i >= line.length) break;
    if (!inside && /[ \t]/.test(line[i]!)) {
      if (begun) args.push(current);
      [current, begun] = ['', false];
    } else {
      current += line[i];
      begun = true;
    }
    i++;
  }
  return begun ? [...args, current] : args;
}

/**
 * What cmd.exe makes of a part of a line: outside quotes a caret takes the meaning from what follows. Throws where
 * something still has one.
 */
function readByCmd(text: string): string {
  let read = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '^') read += text[++i] ?? '';
    else if (/[&|<>()%!"]/.test(text[i]!)) throw new Error(`cmd.exe would take ${text[i]} for its own in ${text}`);
    else read += text[i];
  }
  return read;
}

describe('arguments on Windows', () => {
  it.each([
    ['plain', 'plain'],
    ['', '""'],
    ['two words', '"two words"'],
    ['a\tb', '"a\tb"'],
    ['C:\\dir\\', 'C:\\dir\\'],
    ['C:\\my dir\\', '"C:\\my dir\\\\"'],
    ['say "hi"', '"say \\"hi\\""'],
    ['a\\"b', '"a\\\\\\"b"'],
    ['\\\\server\\share', '\\\\server\\share'],
    ['a\\\\b c', '"a\\\\b c"'],
    ['日本 語', '"日本 語"'],
  ])('%j is written %s', (text, written) => expect(quoteArgument(text)).toBe(written));

  it('come out as they went in, whatever they hold', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '"', '\\', '\t', '^', '&', '%', 'é'), maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 5 }),
        (args) => void expect(takenApart(args.map(quoteArgument).join(' '))).toEqual(args),
      ),
    );
  });

  it('of a batch file survive cmd.exe reading them twice, with nothing left for it to act on', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '"', '\\', '^', '&', '|', '<', '>', '%', '!', '(', ')'),
      maxLength: 10,
    });
    fc.assert(
      fc.property(text, (value) => void expect(takenApart(readByCmd(readByCmd(quoteForCmd(value))))).toEqual([value])),
    );
    expect(readByCmd(quoteForCmd('a&b'))).toBe('^"a^&b^"');
    expect(quoteForCmd('%PATH%')).not.toMatch(/(?<!\^)%/);
  });

  it('make a line for programs, and one through cmd.exe for batch files', () => {
    expect(windowsCommand('C:\\Program Files\\x.exe', ['a b', '%PATH%'], CMD)).toEqual({
      program: 'C:\\Program Files\\x.exe',
      line: '"C:\\Program Files\\x.exe" "a b" %PATH%',
    });
    expect(windowsCommand('C:\\t\\build.CMD', ['x'], CMD)).toEqual({
      program: CMD,
      line: `${CMD} /d /s /v:off /c "C:\\t\\build.CMD ^^^"x^^^""`,
    });
    expect((windowsCommand('C:\\my tools\\b.bat', [], CMD) as WindowsCommand).line).toBe(
      `${CMD} /d /s /v:off /c "^"C:\\my^ tools\\b.bat^""`,
    );
  });

  it('are refused where Windows would cut them off or act on them', () => {
    for (const command of [
      windowsCommand('x.cmd', ['a\nrmdir'], CMD),
      windowsCommand('x.cmd', ['a'.repeat(8_200)], CMD),
      windowsCommand('x.exe', ['a'.repeat(33_000)], CMD),
      windowsCommand('x.exe', ['a\0b'], CMD),
    ])
      expect(isWindowsFault(command)).toBe(true);
    expect(isWindowsFault(windowsCommand('x.exe', ['a'.repeat(30_000)], CMD))).toBe(false);
  });
});

describe('PowerShell', () => {
  it('is given a script as a file, and a line as Base64 of UTF-16LE that ends with the code of its program', () => {
    expect((powershellScript(PWSH, 'C:\\spool\\a b\\script.ps1', ['-Name', 'x y']) as WindowsCommand).line).toBe(
      `"${PWSH}" -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "C:\\spool\\a b\\script.ps1" -Name "x y"`,
    );
    const { line } = powershellEncoded(PWSH, 'Write-Output "ä"') as WindowsCommand;
    const encoded = line.split(' ').at(-1)!;
    expect(line).toContain(' -EncodedCommand ');
    expect(Buffer.from(encoded, 'base64').toString('utf16le')).toBe(
      'Write-Output "ä"\r\nif ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }',
    );
    expect(isWindowsFault(powershellEncoded(PWSH, 'x'.repeat(20_000)))).toBe(true);
  });

  it('takes words as they are in single quotes', () => {
    expect(powershellInvocation(['C:\\a b\\x.exe', "it's", '$env:X `n "q"', 'so ‘called’'])).toBe(
      "& 'C:\\a b\\x.exe' 'it''s' '$env:X `n \"q\"' 'so ‘‘called’’'",
    );
  });
});

describe('script files on Windows', () => {
  const UTF8 = '\ufeff';
  it.each([
    ['powershell', 'echo ä\n', `${UTF8}echo ä\n`],
    ['powershell', `${UTF8}echo ä\n`, `${UTF8}echo ä\n`],
    ['cmd', 'echo ä\n:end\n', '@chcp 65001 >nul\r\necho ä\r\n:end\r\n'],
    ['cmd', `${UTF8}a\r\nb\n`, '@chcp 65001 >nul\r\na\r\nb\r\n'],
    ['other', 'print(1)\n', 'print(1)\n'],
  ] as const)('for %s hold what it reads right: %j', (language, script, written) =>
    expect(Buffer.from(scriptBytes(language, Buffer.from(script))).toString()).toBe(written),
  );

  it('that are UTF-16 or of some other code page stay as they are', () => {
    for (const bytes of [Buffer.from('\ufeffecho x', 'utf16le'), Buffer.from([0x65, 0xe4, 0x0a])])
      for (const language of ['powershell', 'cmd'] as const)
        expect(Buffer.from(scriptBytes(language, bytes))).toEqual(bytes);
  });

  it('are named by their language', () => {
    expect(
      [undefined, 'powershell', 'pwsh', 'cmd', 'bat', 'python'].map((lang) => scriptName(windowsLanguage(lang))),
    ).toEqual(['script.ps1', 'script.ps1', 'script.ps1', 'script.cmd', 'script.cmd', 'script']);
  });
});
