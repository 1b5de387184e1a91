import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LiveLines, unseen, type LivePiece } from './live-lines.ts';

function piece(offset: number, text: string, more: Partial<LivePiece> = {}): LivePiece {
  return { host: 'h', task: 0, ordinal: 0, attempt: 1, stream: 'stdout', offset, bytes: Buffer.from(text), ...more };
}

describe('live output', () => {
  it('comes as whole lines, wherever it was cut, also within a character, and each once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replace(/[\r\n]/g, ''))),
        fc.array(fc.nat(60)),
        fc.array(fc.nat(60)),
        (texts, cuts, repeats) => {
          const whole = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const bounds = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort(
            (a, b) => a - b,
          );
          const lines = new LiveLines();
          const shown: string[] = [];
          bounds.slice(1).forEach((end, i) => {
            // After a reconnection a piece may begin earlier than where the last one ended.
            const from = Math.max(0, bounds[i]! - (repeats[i] ?? 0));
            shown.push(...lines.take({ ...piece(from, ''), bytes: whole.subarray(from, end) }));
          });
          expect(shown).toEqual(texts);
        },
      ),
    );
  });

  it('says what was skipped, and ends the line before it', () => {
    const lines = new LiveLines();
    expect(lines.take(piece(0, 'one\ntw'))).toEqual(['one']);
    expect(lines.take(piece(100, 'x\n'))).toEqual(['tw', '… 94 bytes were skipped; they are in the record', 'x']);
    expect(lines.take(piece(102, 'rest'))).toEqual([]);
    expect(lines.flush(piece(0, ''))).toEqual(['rest']);
  });

  it('of a new attempt begins anew, and what is late of the old one is passed over', () => {
    const lines = new LiveLines();
    lines.take(piece(0, 'old\n'));
    expect(lines.take(piece(0, 'new\n', { attempt: 2 }))).toEqual(['new']);
    expect(lines.take(piece(4, 'late\n'))).toEqual([]);
  });

  it('keeps steps apart on one host, whichever attempt each is at', () => {
    const lines = new LiveLines();
    expect(lines.take(piece(0, 'a second attempt\n', { attempt: 2 }))).toEqual(['a second attempt']);
    expect(lines.take(piece(0, 'another step\n', { task: 1 }))).toEqual(['another step']);
    expect(lines.take(piece(17, 'on\n', { attempt: 2 }))).toEqual(['on']);
    expect([lines.shown(piece(0, '', { task: 1 })), lines.shown(piece(0, '', { task: 2 }))]).toEqual([13, 0]);
  });

  it('keeps hosts and streams apart, and no line grows without end', () => {
    const lines = new LiveLines();
    lines.take(piece(0, 'a'));
    expect(lines.take(piece(0, 'b\n', { stream: 'stderr' }))).toEqual(['b']);
    expect(lines.take(piece(0, 'c\n', { ordinal: 1 }))).toEqual(['c']);
    expect(lines.take(piece(1, 'x'.repeat(70_000))).map((line) => line.length)).toEqual([70_001]);
  });

  it('knows the part of a piece that is new', () => {
    expect(Buffer.from(unseen(piece(10, 'abcdef'), 13)).toString()).toBe('def');
    expect(unseen(piece(10, 'abc'), 20)).toHaveLength(0);
    expect(unseen(piece(10, 'abc'), 0)).toHaveLength(3);
  });
});
