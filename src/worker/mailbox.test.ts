import { expect, it } from 'vitest';
import { othersTurn as turn, systemClock } from '../base/clock.ts';
import { Mailbox } from './mailbox.ts';

function boxOf(hear: (word: string, box: Mailbox<string>) => void): {
  box: Mailbox<string>;
  heard: string[];
  faults: unknown[];
} {
  const [heard, faults]: [string[], unknown[]] = [[], []];
  const box: Mailbox<string> = new Mailbox({
    clock: systemClock,
    hear: (word) => {
      heard.push(word);
      hear(word, box);
    },
    onFault: (error) => faults.push(error),
  });
  return { box, heard, faults };
}

it('hands over what comes, in order, and never while it is being said', async () => {
  const { box, heard } = boxOf((word, own) => word === 'a' && own.post('c'));
  expect([box.post('a'), box.post('b')]).toEqual([true, true]);
  expect(heard).toEqual([]);
  for (let i = 0; i < 3; i++) await turn();
  expect(heard).toEqual(['a', 'b', 'c']);
});

it('keeps what comes while it is held, and what had come, and goes on where it was', async () => {
  const { box, heard } = boxOf((word, own) => word === 'a' && own.hold());
  for (const word of ['a', 'b']) box.post(word);
  await turn();
  box.post('c');
  await turn();
  expect(heard).toEqual(['a']);
  box.release();
  await turn();
  expect(heard).toEqual(['a', 'b', 'c']);
});

it('loses the word that could not be carried out, and no other', async () => {
  const { box, heard, faults } = boxOf((word) => {
    if (word === 'a') throw new Error('a fault of ours');
  });
  for (const word of ['a', 'b']) box.post(word);
  await turn();
  expect([heard, faults.length]).toEqual([['a', 'b'], 1]);
});

it('hands over nothing once it is closed, and says so', async () => {
  const { box, heard } = boxOf((_word, own) => own.close());
  for (const word of ['a', 'b']) box.post(word);
  await turn();
  expect([heard, box.post('c')]).toEqual([['a'], false]);
});
