import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RemoteParser } from './remote-parser.ts';

const NONCE = 'cafe0123cafe0123';

/** What came, with the pieces of output joined: how they are cut is of no interest. */
function heard(blocks: readonly Buffer[]): string[] {
  const parser = new RemoteParser(NONCE);
  const said: string[] = [];
  let output: Buffer = Buffer.alloc(0);
  for (const message of blocks.flatMap((block) => parser.push(block))) {
    if (message.kind === 'output') output = Buffer.concat([output, message.bytes]);
    else if (message.kind === 'line') said.push(message.words.join(' '));
    else {
      said.push(output.toString('hex'));
      output = Buffer.alloc(0);
    }
  }
  return said;
}

describe('the parser of the remote program', () => {
  it('hears the same however the bytes are cut, and passes over noise', () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
    const noise = fc.string({ maxLength: 20 }).filter((text) => !text.includes(NONCE));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(bytes, fc.constantFrom(1, 2), noise), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (pieces, cuts) => {
          const whole = Buffer.concat(
            pieces
              .flatMap(([piece, stream, text]) => [
                Buffer.from(`${text}${NONCE} O ${stream} 7\n`),
                piece,
                Buffer.from(`${NONCE} \n`),
              ])
              .concat(Buffer.from(`${NONCE} E 1 0\n`)),
          );
          const blocks: Buffer[] = [];
          for (let at = 0, i = 0; at < whole.length; i++)
            blocks.push(whole.subarray(at, (at += cuts[i % cuts.length]!)));
          expect(heard(blocks)).toEqual([
            ...pieces.flatMap(([piece, stream]) => [`O ${stream} 7`, piece.toString('hex')]),
            'E 1 0',
          ]);
        },
      ),
    );
  });

  it('gives up on a line without end', () => {
    expect(() => heard([Buffer.from(`${NONCE} `), Buffer.alloc(100_000, 'x')])).toThrow('a line of it has no end');
  });

  it('holds no more of noise than a nonce', () => {
    expect(heard([Buffer.alloc(1_000_000, 'x'), Buffer.from(`${NONCE} A\n`)])).toEqual(['A']);
  });
});
