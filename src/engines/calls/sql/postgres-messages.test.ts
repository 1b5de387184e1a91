/** Whatever a far end says in the place of PostgreSQL: it is passed on whole, or refused, and read in one go. */
import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { describe, expect, it } from 'vitest';
import { callLimits } from '../../../base/call-limits.ts';
import { PostgresMessages } from './postgres-messages.ts';

function message(kind: string, ...parts: readonly (string | number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const head = Buffer.alloc(5);
  head.write(kind, 'latin1');
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const LOGIN = [
  message('R', [0, 0, 0, 10], 'SCRAM-SHA-256\0', '\0'),
  message('R', [0, 0, 0, 11], 'r=x,s=y,i=4096'),
  message('R', [0, 0, 0, 12], 'v=z'),
  message('R', [0, 0, 0, 0]),
];
const SAID = [
  message('S', 'TimeZone\0', 'UTC\0'),
  message('K', [0, 0, 0, 1, 0, 0, 0, 2]),
  message('Z', 'I'),
  message('1'),
  message('2'),
  message('3'),
  message('n'),
  message('s'),
  message('I'),
  message('t', [0, 1], [0, 0, 0, 23]),
  message('T', [0, 2], 'a\0', Buffer.alloc(18), '\0', Buffer.alloc(18)),
  message('D', [0, 3], [255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 2], 'xy'),
  message('C', 'SELECT 1\0'),
  message('E', 'SERROR\0', 'C42P01\0', 'Mno\0', '\0'),
  message('N', '\0'),
  message('A', [0, 0, 0, 1], 'channel\0', '\0'),
  message('G', [0], [0, 1], [0, 0]),
  message('H', [0], [0, 0]),
  message('c'),
  message('d', 'row'),
];

const passed = (guard: PostgresMessages, bytes: Buffer): Buffer => Buffer.concat(guard.take(bytes));
const refused = (...said: readonly Buffer[]): string | undefined => {
  try {
    passed(new PostgresMessages(), Buffer.concat(said));
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('what a database says', () => {
  it('is passed on message by message, however it comes', () => {
    const all = Buffer.concat([...LOGIN, ...SAID]);
    expect(passed(new PostgresMessages(), all)).toEqual(all);
    fc.assert(
      fc.property(fc.array(fc.nat(40)), (cuts) => {
        const guard = new PostgresMessages();
        let [at, heard] = [0, Buffer.alloc(0)];
        for (const cut of [...cuts, all.length]) {
          heard = Buffer.concat([heard, passed(guard, all.subarray(at, at + cut))]);
          at += cut;
        }
        expect(heard).toEqual(all);
      }),
      { numRuns: 100 },
    );
  });

  it('is refused where a length leads beyond it, or it has no end', () => {
    const endless = Buffer.from([0x45, 0, 0, 0, 6, 0x53, 0]);
    expect(refused(endless)).toBe('call-broken');
    for (const whole of SAID)
      for (let length = 5; length < whole.length; length++) {
        const cut = Buffer.from(whole.subarray(0, length));
        cut.writeUInt32BE(length - 1, 1);
        // Some are whole as well when they are shorter: then the driver reads them, and comes to an end.
        if (refused(cut) === undefined) new Parser().parse(cut, () => undefined);
      }
    for (const unknown of [message('V', [0, 0, 0, 0]), message('W'), message('\x00'), Buffer.from([0x45, 0, 0, 0, 3])])
      expect(refused(unknown)).toBe('call-broken');
  });

  it('is nothing over which the driver falls, whatever byte of it is another', () => {
    const all = [...SAID, ...LOGIN];
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(60), fc.nat(255), (which, at, byte) => {
        const changed = Buffer.from(all[which]!);
        changed[Math.min(at, changed.length - 1)] = byte;
        const guard = new PostgresMessages();
        try {
          for (const one of guard.take(changed)) new Parser().parse(one, () => undefined);
        } catch {
          // Refused, by us or by the driver.
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('asks for a login once, and goes on with it once', () => {
    const [asked, goesOn, over, done] = LOGIN as [Buffer, Buffer, Buffer, Buffer];
    for (const said of [
      [asked, goesOn, goesOn],
      [asked, asked],
      [goesOn],
      [asked, over],
      [asked, goesOn, over, over],
      [asked, goesOn, over, done, asked],
      [done, done],
      [message('R', [0, 0, 0, 3]), message('R', [0, 0, 0, 3])],
      [message('R', [0, 0, 0, 5], 'salt'), asked],
    ])
      expect(refused(...said)).toBe('call-broken');
  });

  it('is no longer than so much at once', () => {
    const most = callLimits.sqlMessageBytesMax;
    expect(refused(message('d', Buffer.alloc(most - 4)))).toBeUndefined();
    // Refused by its head: nothing of it is waited for.
    expect(refused(message('d', Buffer.alloc(most - 3)).subarray(0, 5))).toBe('output-limit');
  });
});
