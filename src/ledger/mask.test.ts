import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { secretForms } from '../base/secret-forms.ts';
import { createMask, HELD_BYTES_MAX, SharedMasks, type MaskStream } from './mask.ts';

function maskInPieces(secrets: string[], pieces: Buffer[]): Buffer {
  const stream = createMask(secrets).stream();
  return Buffer.concat([...pieces.map((piece) => stream.push(piece, false)), stream.push(Buffer.alloc(0), true)]);
}
const whole = (secrets: string[], text: string | Buffer): string =>
  maskInPieces(secrets, [Buffer.from(text as string)]).toString();

describe('masking', () => {
  const secret = fc.string({ minLength: 4, maxLength: 24, unit: fc.constantFrom('a', 'b', 'é', ' ', '\n') });
  const filler = fc.string({ maxLength: 6, unit: fc.constantFrom('a', 'b', 'c', ' ', '\n') });

  it('is the same however the stream was cut, and lets no secret through', () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(filler, fc.nat(2))),
        fc.array(fc.nat(20)),
        (secrets, parts, cuts) => {
          const bytes = Buffer.from(parts.map(([text, n]) => text + (secrets[n] ?? '')).join(''));
          const pieces: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) pieces.push(bytes.subarray(at, (at = Math.min(bytes.length, at + cut))));
          pieces.push(bytes.subarray(at));
          const masked = maskInPieces(secrets, pieces);
          expect(masked.toString()).toBe(maskInPieces(secrets, [bytes]).toString());
          for (const value of secrets) expect(masked.includes(Buffer.from(value))).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('masks each line of a secret of several lines, and its Base64', () => {
    const key = '-----BEGIN-----\nabcdefgh\n-----END-----';
    expect(whole([key], `x abcdefgh y ${Buffer.from(key).toString('base64')} z\n${key}`)).toBe(
      'x ****** y ****** z\n******',
    );
  });

  const odd = `p@ss/w+rd "it's" <é&ü> 100%~`;
  const said = (script: string): string =>
    execFileSync('bash', ['-c', script], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8', S: odd },
      stdio: ['ignore', 'pipe', 'inherit'],
    }).toString();
  it.each([
    ['Base64', 'printf %s "$S" | base64 -w0'],
    ['Base64 of echo', 'echo "$S" | base64 -w0'],
    ['Base64 without padding, for URLs', 'printf %s "$S" | base64 -w0 | tr +/ -_ | tr -d ='],
    ['wrapped Base64', 'echo "$S" | base64 -w20'],
    ['Base64 wrapped with CR LF and indented', 'echo "$S" | base64 -w24 | sed "s/^/   /; s/$/\\r/"'],
    ['hexadecimal', 'printf %s "$S" | od -An -v -tx1 | tr -d " \\n"'],
    ['hexadecimal with blanks', 'printf %s "$S" | od -An -v -tx1'],
    ['hexadecimal in capitals', 'printf %s "$S" | od -An -v -tx1 | tr a-f A-F | tr -d "\\n "'],
    ['a trace of bash', 'exec 2>&1; set -x; : "$S"'],
    ['quoted by bash', 'printf "%q" "$S"'],
    ['quoted by bash without a locale', 'LC_ALL=C; printf "%q" "$S"'],
    ['an indented copy', 'printf %s "$S" | sed "s/^/        /"'],
    ['JSON of Python', `python3 -c 'import os,json; print(json.dumps(os.environ["S"])[1:-1])'`],
    ['JSON in UTF-8', `python3 -c 'import os,json; print(json.dumps(os.environ["S"],ensure_ascii=False)[1:-1])'`],
    ['JSON of PHP', `python3 -c 'import os,json; print(json.dumps(os.environ["S"])[1:-1].replace("/","\\\\/"))'`],
    ['URL-encoded', `python3 -c 'import os,urllib.parse as u; print(u.quote(os.environ["S"], safe=""))'`],
    ['a path of a URL', `python3 -c 'import os,urllib.parse as u; print(u.quote(os.environ["S"]))'`],
    ['a form', `python3 -c 'import os,urllib.parse as u; print(u.quote_plus(os.environ["S"]))'`],
    [
      'URL-encoded in small letters',
      `python3 -c 'import os,re,urllib.parse as u; print(re.sub("%..", lambda m: m[0].lower(), u.quote(os.environ["S"])))'`,
    ],
  ])('knows %s', (_what, script) => {
    const text = said(script);
    expect(text.length).toBeGreaterThan(10);
    // What is left is what the program says around it: nothing of the secret but, at the most, punctuation.
    expect(whole([odd], text).replace(/\*{6}/g, '')).toMatch(/^[\s+:'"$\\=.a]{0,12}$/);
  });

  it('knows what pages make of it, and programs that know one byte for each letter', () => {
    const html = `p@ss/w+rd &quot;it&#39;s&quot; &lt;é&amp;ü&gt; 100%~`;
    for (const form of [html, html.replace('&#39;', '&#x27;'), html.replaceAll('&quot;', '"').replaceAll('&#39;', "'")])
      expect(whole([odd], `x ${form} y`)).toBe('x ****** y');
    expect(whole([odd], Buffer.from(`x ${odd} y`, 'latin1'))).toBe('x ****** y');
  });

  it('knows what bash makes of any secret that it is to quote', () => {
    const secrets = fc.sample(
      fc.string({ unit: fc.constantFrom(...`aZ0 !"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~é\t`), minLength: 8, maxLength: 20 }),
      { numRuns: 500, seed: 7 },
    );
    const shown = execFileSync('bash', ['-c', 'for s; do printf "%q\\0" "$s"; done', 'bash', ...secrets], {
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
    })
      .toString()
      .split('\0');
    expect(secrets.filter((secret, i) => !whole([secret], shown[i]!).includes('******'))).toEqual([]);
  });

  it.each([0, 1, 2, 3])('knows Base64 inside something longer, %d bytes in', (before) => {
    const text = Buffer.from(`${'u'.repeat(before)}:correct horse:x`).toString('base64');
    const masked = whole(['correct horse'], text);
    expect(masked).toContain('******');
    expect(masked.length).toBeLessThan(20);
  });

  it('knows a key that was wrapped anew, without its frame, and one that ends with a line feed', () => {
    const body = Buffer.from(Array.from({ length: 90 }, (_, i) => (i * 37) % 256)).toString('base64');
    const lines = (width: number): string => body.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');
    const key = `-----BEGIN KEY-----\n${lines(64)}\n-----END KEY-----\n`;
    for (const text of [lines(10), lines(70), lines(33).replaceAll('\n', '\r\n    '), body])
      expect(whole([key], `[${text}]`).replace(/\s/g, '')).toBe('[******]');
    expect(whole(['hunter2\n'], 'hunter2')).toBe('******');
    expect(whole(['hunter2\n'], `${Buffer.from('hunter2').toString('base64')}.`)).toBe('******.');
  });

  it('leaves everything else as it is, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(maskInPieces(['zzzzzzzz'], [Buffer.from(bytes)])).toEqual(Buffer.from(bytes));
      }),
    );
    expect(whole(['secret of seventeen'], 'a secret of seven\n  teenagers')).toBe('a ******agers');
    expect(whole(['abcd'], 'ab cd a\nbcd')).toBe('ab cd a\nbcd');
  });

  it('holds back no more than may begin a secret', () => {
    const stream = createMask(['hunter2-hunter2']).stream();
    expect(stream.push(Buffer.from('$ done\n'), false).toString()).toBe('$ done\n');
    expect(stream.push(Buffer.from('is hunter2-hun'), false).toString()).toBe('is ');
    expect(stream.heldBytes).toBe(11);
    expect(stream.push(Buffer.from('ger'), false).toString()).toBe('hunter2-hunger');
  });

  it('costs the same for a text that is nearly the secret all along', () => {
    const value = 'a'.repeat(65_536);
    const costOf = (text: Buffer): number => {
      const stream = createMask([value]).stream();
      const { user, system } = process.threadCpuUsage();
      let size = 0;
      for (let at = 0; at < text.length; at += 4_096) size += stream.push(text.subarray(at, at + 4_096), false).length;
      expect(size + stream.push(Buffer.alloc(0), true).length).toBe(text.length);
      const after = process.threadCpuUsage();
      return (after.user + after.system - user - system) / 1_000;
    };
    const size = 32 * 65_536;
    const plain = Math.max(...Array.from({ length: 3 }, () => costOf(Buffer.alloc(size, 'b'))));
    // Two MiB; what compared anew at each byte would cost thousands of times as much.
    expect(costOf(Buffer.from(`${'a'.repeat(65_535)}b`.repeat(32)))).toBeLessThan(50 * plain);
  });

  it('holds no more than so much of what may begin a secret, and masks what is longer, however it was cut', () => {
    const value = Array.from({ length: 1_000 }, (_, n) => String.fromCharCode(97 + ((n * n + (n >> 3)) % 26))).join('');
    const mask = createMask([value]);
    const blanks = ' '.repeat(250);
    const beginning = [...value.slice(0, 800)].join(blanks);
    const feed = (text: string, cut: () => number): { told: string; heldMax: number } => {
      const bytes = Buffer.from(text);
      const stream = mask.stream();
      const parts: Buffer[] = [];
      let heldMax = 0;
      for (let at = 0, to = 0; at < bytes.length; at = to) {
        to = Math.min(bytes.length, at + cut());
        parts.push(stream.push(bytes.subarray(at, to), false));
        heldMax = Math.max(heldMax, stream.heldBytes);
      }
      return { told: Buffer.concat([...parts, stream.push(Buffer.alloc(0), true)]).toString(), heldMax };
    };
    // Three times as much as is held; then something else, the whole of the secret, and a beginning that is short enough to be anything.
    const short = [...value.slice(0, 100)].join(blanks);
    const text = `from ${beginning}! and ${[...value].join('\n')}, ${value} and ${short}?`;
    const { told } = feed(text, () => text.length);
    expect(told).toBe(`from ******! and ******, ****** and ${short}?`);
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 100_000 }), (length) => {
        const cut = feed(text, () => length);
        expect(cut.told).toBe(told);
        expect(cut.heldMax).toBeLessThanOrEqual(HELD_BYTES_MAX + blanks.length);
      }),
      { numRuns: 8, examples: [[HELD_BYTES_MAX], [HELD_BYTES_MAX - 1], [251], [1_021]] },
    );
  });

  it('masks forms that are longer than what is held', () => {
    const value = Array.from({ length: 8_000 }, (_, n) => ['\u0001', 'ö', '"', 'x'][(n * n + (n >> 2)) % 4]).join('');
    for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
      for (const length of [form.length, 1_000])
        expect(
          maskInPieces(
            [value],
            [...`<${form}> `.repeat(3).matchAll(new RegExp(`[^]{1,${length}}`, 'g'))].map(([piece]) =>
              Buffer.from(piece),
            ),
          ).toString(),
        ).toBe('<******> '.repeat(3));
    const controls = '\u0001\u0002\u0003'.repeat(4_000);
    const escaped = JSON.stringify(controls).slice(1, -1);
    expect(escaped.length).toBeGreaterThan(HELD_BYTES_MAX);
    expect(whole([controls], `<${escaped}>`)).toBe('<******>');
  });
});

describe('masks that attempts share', () => {
  const large = (seed: number): string =>
    Array.from({ length: limits.secretBytesMax / 64 }, (_, n) =>
      String.fromCharCode(...Array.from({ length: 63 }, (_, at) => 33 + ((n * 31 + at * at * seed) % 90))),
    ).join('\n');

  it('are made of large secrets in many turns, one set at a time, and of small ones at once', async () => {
    const masks = new SharedMasks();
    let turns = 0;
    let isOver = false;
    const count = (): void => void (isOver || (turns++, setImmediate(count)));
    setImmediate(count);
    const ends: string[] = [];
    const made = async (name: string, secrets: string[]): Promise<MaskStream> => {
      const mask = await masks.of(secrets);
      ends.push(`${name} after ${turns < 30 ? 'few' : turns < 100 ? 'some' : 'many'} turns`);
      return mask.stream();
    };
    const [first, second] = [large(7), large(11)];
    const streams = await Promise.all([
      made('first', [first]),
      made('second', [second]),
      made('first again', [first]),
      made('small', ['hunter2']),
    ]);
    isOver = true;
    expect(ends).toEqual([
      'small after few turns',
      expect.stringMatching(/^first after (some|many)/),
      expect.stringMatching(/^first again after (some|many)/),
      'second after many turns',
    ]);
    for (const [n, secret] of [first, second, first, 'hunter2'].entries())
      for (const form of [secret, Buffer.from(secret).toString('base64')])
        expect(streams[n]!.push(Buffer.from(`<${form}>`), true).toString()).toBe('<******>');
    expect(await masks.of([first])).toBe(await masks.of([first]));
  });

  it('have no form that takes long by itself, also of a secret of line feeds', () => {
    const cpuMs = (): number => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1_000;
    };
    const steps: number[] = [];
    // Four times as large as they may be: what grows with the square stands out from all that grows in step.
    const forms = secretForms([`${'\n'.repeat(4 * limits.secretBytesMax)}x`]);
    for (let isDone = false; !isDone; ) {
      const before = cpuMs();
      isDone = forms.next().done === true;
      steps.push(cpuMs() - before);
    }
    expect(Math.max(...steps)).toBeLessThan(steps.reduce((sum, one) => sum + one, 0) / 2);
  });
});
