import { expect, it } from 'vitest';
import { meantText, nearest } from './nearest.ts';

const words = ['list', 'show', 'label', 'remove', 'add', 'edit', 'import', 'keys', 'test', 'twins', 'join-token'];

it.each([
  ['lst', ['list']],
  ['lits', ['list']],
  ['rm', ['remove']],
  ['delete', ['remove']],
  ['ls', ['list']],
  ['describe', ['show']],
  ['SHOW', ['show']],
  ['imp', ['import']],
  ['join', ['join-token']],
  ['xyzzy', []],
])('%s is taken for %j', (word, meant) => {
  expect(nearest(word, words)).toEqual(meant);
});

it.each<[string, string, string[], string[]]>([
  ['words of forty letters', 'a'.repeat(39), ['a'.repeat(40)], ['a'.repeat(40)]],
  ['no longer ones', 'a'.repeat(41), ['a'.repeat(41)], []],
  ['what is longer by what it begins with', 'join', [`join-${'x'.repeat(100)}`], [`join-${'x'.repeat(100)}`]],
  ['neighbours that changed places', 'parametesr', ['parameters'], ['parameters']],
  ['six wrong letters, and not seven', 'abcdefghijklmnopqrstuvwx', ['hgfedcbaijklmnopqrstuvwx'], []],
  ['five hundred words', 'w10', Array.from({ length: 500 }, (_, i) => `w${i}0`).slice(0, 2), ['w10', 'w00']],
  ['of more than five hundred none', 'w10', Array.from({ length: 501 }, (_, i) => `w${i}`), []],
])('knows %s', (_what, word, of, meant) => {
  expect(nearest(word, of)).toEqual(meant);
});

it('says what was meant, and nothing where nothing is near', () => {
  expect([meantText(['--a', '--b']), meantText([])]).toEqual([' Did you mean --a or --b?', '']);
});
