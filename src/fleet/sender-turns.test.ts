import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { SenderTurns } from './sender-turns.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('turns of senders', () => {
  it('carry out so many of one at once, keep so many waiting in order, and refuse the rest; another is not touched', async () => {
    const turns = new SenderTurns({ atOnceMax: 2, waitingMax: 2 });
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const work = (name: string) => (): Promise<void> => {
      begun.push(name);
      return new Promise((resolve) => ends.push(resolve));
    };
    expect(['1', '2', '3', '4', '5'].map((name) => turns.run('a', work(name)))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(turns.run('b', work('other'))).toBe(true);
    expect(begun).toEqual(['1', '2', 'other']);
    ends.shift()!();
    await turn();
    expect(begun).toEqual(['1', '2', 'other', '3']);
    turns.forget('a');
    for (const end of ends.splice(0)) end();
    await turn();
    expect(begun).toHaveLength(4);
    expect(turns.run('a', work('anew'))).toBe(true);
    expect(begun.at(-1)).toBe('anew');
  });

  it('of a worker are as many as the limits say', () => {
    const [atOnceMax, waitingMax] = [limits.workerQuestionsAtOnceMax, limits.workerQuestionsWaitingMax];
    const turns = new SenderTurns({ atOnceMax, waitingMax });
    let begun = 0;
    const work = (): Promise<void> => (begun++, new Promise(() => undefined));
    for (let n = 0; n < atOnceMax + waitingMax; n++) expect(turns.run('w', work)).toBe(true);
    expect(turns.run('w', work)).toBe(false);
    expect(begun).toBe(atOnceMax);
  });
});
