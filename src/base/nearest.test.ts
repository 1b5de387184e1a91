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

it('says what was meant, and nothing where nothing is near', () => {
  expect([meantText(['--a', '--b']), meantText([])]).toEqual([' Did you mean --a or --b?', '']);
});
