import { describe, expect, it } from 'vitest';
import { asksOf, Interrupts, onDisconnectOf, type OnDisconnect } from './interrupt.ts';

function told(options: { asks: boolean; onDisconnect?: OnDisconnect }, keys: readonly string[]): string[] {
  const done: string[] = [];
  const note = (text: string) => (): void => void done.push(text);
  const interrupts = new Interrupts({
    asks: options.asks,
    onDisconnect: options.onDisconnect ?? 'cancel',
    cancel: note('cancel'),
    detach: note('detach'),
    leave: note('leave'),
    question: (text) => void done.push(text === undefined ? 'answered' : 'question'),
    say: () => undefined,
  });
  for (const key of keys) {
    if (key.startsWith('SIG')) interrupts.disconnect(key);
    else if (key === '^C' && !interrupts.isAsking) interrupts.press();
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
    expect(told({ asks: false, onDisconnect: 'detach' }, ['^C'])).toEqual(['detach']);
  });
});

it('an interrupt of who only watches leaves the run alone, at a terminal too', () => {
  const flags = { watching: true };
  const asks = asksOf(flags, true);
  expect(told({ asks, onDisconnect: onDisconnectOf(flags, asks) }, ['^C'])).toEqual(['detach']);
  expect([asksOf({}, true), asksOf({}, false)]).toEqual([true, false]);
});

describe('SIGTERM and SIGHUP', () => {
  it('never ask, and do what was said', () => {
    expect(told({ asks: true, onDisconnect: 'cancel' }, ['SIGTERM'])).toEqual(['answered', 'cancel']);
    expect(told({ asks: true, onDisconnect: 'detach' }, ['SIGHUP'])).toEqual(['detach']);
    expect(told({ asks: false }, ['SIGTERM', 'SIGTERM'])).toEqual(['answered', 'cancel', 'leave']);
    expect(told({ asks: true }, ['^C', 'SIGTERM'])).toEqual(['question', 'answered', 'cancel']);
  });

  it('cancel where nothing was said and there is no terminal, unless somebody only watches', () => {
    expect(onDisconnectOf({}, false)).toBe('cancel');
    expect(onDisconnectOf({}, true)).toBe('detach');
    expect(onDisconnectOf({ watching: true }, false)).toBe('detach');
    expect(onDisconnectOf({ onDisconnect: 'cancel' }, true)).toBe('cancel');
    expect(onDisconnectOf({ onDisconnect: 'detach' }, false)).toBe('detach');
  });
});
