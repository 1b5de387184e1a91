import { describe, expect, it } from 'vitest';
import { Interrupts } from './interrupt.ts';

function told(options: { asks: boolean; cancels?: boolean }, keys: readonly string[]): string[] {
  const done: string[] = [];
  const note = (text: string) => (): void => void done.push(text);
  const interrupts = new Interrupts({
    asks: options.asks,
    cancels: options.cancels ?? true,
    cancel: note('cancel'),
    detach: note('detach'),
    leave: note('leave'),
    question: (text) => void done.push(text === undefined ? 'answered' : 'question'),
    say: () => undefined,
  });
  for (const key of keys) {
    if (key === '^C' && !interrupts.isAsking) interrupts.press();
    else interrupts.key(key === '^C' ? '\x03' : key);
  }
  return done;
}

describe('Ctrl-C', () => {
  it.each([
    [['^C'], ['question']],
    [
      ['^C', 'd'],
      ['question', 'answered', 'detach'],
    ],
    [
      ['^C', 'c'],
      ['question', 'answered', 'cancel'],
    ],
    [
      ['^C', 'x'],
      ['question', 'answered'],
    ],
    [
      ['^C', 'x', '^C', 'D'],
      ['question', 'answered', 'question', 'answered', 'detach'],
    ],
    [
      ['^C', '^C'],
      ['question', 'answered', 'cancel'],
    ],
    [
      ['^C', '^C', '^C'],
      ['question', 'answered', 'cancel', 'leave'],
    ],
    [['c', 'd'], []],
  ])('on a terminal: %j comes to %j', (keys, done) => expect(told({ asks: true }, keys)).toEqual(done));

  it("where nobody can be asked cancels one's own run, and leaves that of others alone", () => {
    expect(told({ asks: false }, ['^C'])).toEqual(['answered', 'cancel']);
    expect(told({ asks: false, cancels: false }, ['^C'])).toEqual(['detach']);
  });
});
