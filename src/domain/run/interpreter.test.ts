import { describe, expect, it } from 'vitest';
import { fixLineEnds, interpreterOf, programLackDetail, scriptFormatFault } from './interpreter.ts';

const of = (script: string, lang?: string) => interpreterOf(Buffer.from(script, 'latin1'), lang);
const BOM = '\xef\xbb\xbf';

describe('who carries out a script', () => {
  it.each([
    ['echo hi', { programs: ['/bin/sh'], args: [], origin: 'lang' }],
    ['#!/bin/bash\necho', { programs: ['/bin/bash'], args: [], origin: 'shebang' }],
    ['#! \t/usr/bin/env  -S python3 -u \t\n', { programs: ['/usr/bin/env'], args: ['-S python3 -u'] }],
    ['#!/bin/sh', { programs: ['/bin/sh'], args: [] }],
    [`#!/${'x'.repeat(252)}\n`, { programs: [`/${'x'.repeat(252)}`] }],
  ])('is read from the first line: %j', (script, choice) => expect(of(script)).toMatchObject(choice));

  it('is what was asked for, whatever the first line says', () => {
    expect(of('#!/bin/bash\nx', 'python')).toMatchObject({ programs: ['python3', 'python'], origin: 'lang' });
    expect(of('x', '/opt/tool')).toMatchObject({ programs: ['/opt/tool'], args: [] });
    expect(of('x', 'constructor')).toMatchObject({ programs: ['constructor'] });
  });

  it.each([
    ['#!\necho', 'names no program'],
    ['#!python3\n', '"python3", which is no absolute path'],
    [`#!/${'x'.repeat(253)}\n`, 'has 256 bytes'],
  ])('is named where it cannot be: %j', (script, detail) =>
    expect(of(script)).toMatchObject({ refused: 'interpreter-missing', detail: expect.stringContaining(detail) }),
  );

  it.each([
    ['a byte order mark', `${BOM}set -e\nfalse\necho done\n`],
    ['a byte order mark', `${BOM}#!/bin/bash\n`],
    ['a carriage return', '#!/bin/sh\r\necho\r\n'],
    ['a carriage return', 'set -e\r\nfalse\r\n'],
    ['a carriage return', '#!/bin/sh\r'],
    ['UTF-16', '\xff\xfee\0c\0h\0o\0'],
    ['UTF-16', '\xfe\xff\0e\0c\0h\0o'],
  ])('never is a shell for a script with %s: %j', (what, script) => {
    for (const lang of [undefined, 'sh', '/usr/bin/zsh'])
      expect(of(script, lang)).toMatchObject({ refused: 'script-format', detail: expect.stringContaining(what) });
    expect(of(script, 'powershell')).toMatchObject({ programs: ['pwsh', 'powershell'] });
    expect(scriptFormatFault(fixLineEnds(Buffer.from(script, 'latin1')), undefined)).toBeUndefined();
  });

  it('is any where a carriage return stands elsewhere', () => {
    expect(of("printf 'a\r\nb'\n\r\n")).toMatchObject({ refused: 'script-format' });
    expect(of("#!/bin/sh\nprintf 'a\r\nb'\n")).toMatchObject({ programs: ['/bin/sh'] });
  });
});

describe('mended line ends', () => {
  it.each([
    [`${BOM}a\r\nb\rc\r\n`, 'a\nb\rc\n'],
    ['a\r\nb\r', 'a\nb\n'],
    ['caf\xe9 \0\n', 'caf\xe9 \0\n'],
    ['\xff\xfee\0\xe9\0\r\0\n\0', 'e\xc3\xa9\n'],
    ['\xfe\xff\0e\0\r\0\n', 'e\n'],
  ])('of %j are %j', (from, to) =>
    expect(Buffer.from(fixLineEnds(Buffer.from(from, 'latin1'))).toString('latin1')).toBe(to),
  );
});

describe('a program that cannot be run', () => {
  it('is named, with what is the matter', () => {
    expect(programLackDetail('command', 'folder', '/tmp')).toBe('/tmp is a folder on this host, not a program.');
    expect(programLackDetail('command', 'locked', '/etc/passwd')).toMatch(
      /^\/etc\/passwd is on this host and may not be/,
    );
    expect(programLackDetail('shebang', 'absent', '/no/such')).toBe(
      'There is no /no/such, named by the first line of the script, on this host. Install it, or name another there or with --lang.',
    );
    expect(programLackDetail('lang', 'absent', 'x'.repeat(9_999), '/bin').length).toBeLessThan(500);
  });
});
