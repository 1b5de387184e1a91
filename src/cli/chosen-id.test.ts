import { describe, expect, it } from 'vitest';
import { choiceFrom, chosenId, type Choice } from './chosen-id.ts';

const IDS = [
  'abcd0000-0000-4000-8000-000000000001',
  'abce0000-0000-4000-8000-000000000002',
  'abce0000-0000-4000-8000-000000000003',
];
async function* items() {
  for (const [n, id] of IDS.entries()) yield { id, createdBy: n === 0 ? 'somebody' : 'mia' };
}
function choiceOf(caller: string): Choice {
  return { noun: 'an upgrade', list: 'agents upgrades list', ...choiceFrom(items, async () => caller) };
}

describe('the one that is meant', () => {
  it.each([
    [IDS[2]!, IDS[2]!],
    ['abcd', IDS[0]!],
    ['ABCD0000-', IDS[0]!],
    ['abce0000-0000-4000-8000-000000000003', IDS[2]!],
    ['abce0000-0000-4000-8000-00000000000', 'Several upgrades have an id that begins with'],
    ['abce', 'Several upgrades have an id that begins with abce; say more of it'],
    ['ffff', 'No upgrade has an id that begins with ffff'],
    ['abc', '"abc" is not the id of an upgrade, nor a beginning of one'],
    ['web-1', '"web-1" is not the id of an upgrade'],
    ['last', IDS[1]!],
  ])('by %s is %s', async (text, expected) => {
    const answer = chosenId(text, choiceOf('mia'));
    if (IDS.includes(expected)) await expect(answer).resolves.toBe(expected);
    else await expect(answer).rejects.toThrow(expected);
  });

  it('is none of somebody else, when the last is asked for', async () => {
    await expect(chosenId('last', choiceOf('nobody'))).rejects.toThrow(
      'This token has made no upgrade yet. See: drover agents upgrades list',
    );
  });
});
