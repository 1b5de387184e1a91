import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { HandClock } from '../../test/support/hand-clock.ts';
import { systemClock } from './clock.ts';
import { NameLookups } from './node-names.ts';

/** A system that answers when the test says so; `asked` are the names that are under way, in their order. */
function world(atOnceMax: number) {
  const clock = new HandClock();
  const under: { name: string; done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void }[] = [];
  const names = new NameLookups({
    clock,
    atOnceMax,
    withinMs: 9_000,
    ask: (name, _options, done) => void under.push({ name, done }),
  });
  const told: string[] = [];
  return {
    clock,
    told,
    asked: () => under.map(({ name }) => name),
    want(name: string) {
      names.lookup(name, { all: true }, (error, found) =>
        told.push(error ? `${error.code}: ${error.message}` : `${name} ${(found as LookupAddress[])[0]!.address}`),
      );
    },
    answer(name: string) {
      const [one] = under.splice(
        under.findIndex((other) => other.name === name),
        1,
      );
      one!.done(null, [{ address: '10.0.0.1', family: 4 }]);
    },
  };
}

it('asks for a name once, whoever wants it, and tells all of them; for the next who comes it asks anew', () => {
  const { want, asked, answer, told } = world(4);
  want('a');
  want('a');
  expect(asked()).toEqual(['a']);
  answer('a');
  expect(told).toEqual(['a 10.0.0.1', 'a 10.0.0.1']);
  want('a');
  expect(asked()).toEqual(['a']);
});

it('asks for so many at once, in their order', () => {
  const { want, asked, answer } = world(2);
  for (const name of ['a', 'b', 'c', 'd']) want(name);
  expect(asked()).toEqual(['a', 'b']);
  answer('a');
  expect(asked()).toEqual(['b', 'c']);
});

it('keeps half for names that are not known to be slow', () => {
  const { clock, want, asked, answer, told } = world(4);
  const slow = ['s1', 's2', 's3', 's4'];
  for (const name of slow) want(name);
  clock.advance(5_000);
  for (const name of slow) answer(name);
  for (const name of slow) want(name);
  expect(asked()).toEqual(['s1', 's2']);
  for (const name of ['a', 'b', 'c']) want(name);
  expect(asked()).toEqual(['s1', 's2', 'a', 'b']);
  answer('s1');
  expect(asked()).toEqual(['s2', 'a', 'b', 's3']);
  // Quick this time: its past is forgotten.
  answer('s2');
  answer('a');
  answer('s3');
  want('s2');
  expect([asked(), told.length]).toEqual([['b', 's4', 'c', 's2'], 8]);
});

it('counts a name among the slow while it is not answered', () => {
  const { clock, want, asked, answer } = world(4);
  want('known');
  clock.advance(1_000);
  answer('known');
  want('s1');
  want('s2');
  clock.advance(1_000);
  want('known');
  want('a');
  expect(asked()).toEqual(['s1', 's2', 'a']);
});

it('tells whoever has waited long enough, and asks for nothing that nobody wants any more', () => {
  const { clock, want, asked, answer, told } = world(1);
  want('slow');
  clock.advance(4_000);
  want('b');
  want('slow');
  clock.advance(5_000);
  expect(told).toEqual(['ETIMEOUT: the name slow was not found within 9 s: no name server answered for it']);
  clock.advance(4_000);
  expect(told.slice(1)).toEqual([
    'ETIMEOUT: the name b was not looked up within 9 s: other names were first whose name servers do not answer',
    'ETIMEOUT: the name slow was not found within 9 s: no name server answered for it',
  ]);
  answer('slow');
  expect([asked(), told.length]).toEqual([[], 3]);
});

it('finds what this machine finds, in the form that is asked for', async () => {
  const names = new NameLookups({ clock: systemClock, atOnceMax: 1 });
  const find = (name: string, all: boolean): Promise<unknown> =>
    new Promise((resolve) =>
      names.lookup(name, { all }, (error, found, family) => resolve([error?.code, found, family])),
    );
  expect(await find('localhost', true)).toEqual([
    undefined,
    expect.arrayContaining([{ address: expect.stringMatching(/^(127\.|::1$)/), family: expect.any(Number) }]),
    undefined,
  ]);
  expect(await find('localhost', false)).toEqual([
    undefined,
    expect.stringMatching(/^(127\.|::1$)/),
    expect.any(Number),
  ]);
  expect(await find('no such name', true)).toEqual([
    expect.stringMatching(/^(ENOTFOUND|EAI_)/),
    expect.anything(),
    undefined,
  ]);
});
