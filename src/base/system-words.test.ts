import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isAboutPath, systemWords, systemWordsOf } from './system-words.ts';

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

it.each([
  ['/nowhere/at/all', 'there is no such file or folder'],
  ['/', 'it is a folder'],
  ['/etc/passwd/x', 'a part of the path is no folder'],
  [`/${'x'.repeat(5_000)}`, 'the path is too long'],
])('a file that cannot be read is told with the reason: %s', (path, words) => {
  const error = thrown(() => readFileSync(path));
  expect(systemWords(error)).toBe(words);
});

it('a code that is not known keeps the words of the system, without code, call and path', () => {
  const error = Object.assign(new Error("ESTALE: stale file handle, open '/mnt/a, b'"), { code: 'ESTALE' });
  expect(systemWords(error)).toBe('stale file handle');
  expect(systemWords(new Error('stale file handle'))).toBe('stale file handle');
});

it('another path than the one that was given is told', () => {
  const error = Object.assign(new Error('x'), { code: 'EACCES', syscall: 'mkdir', path: '/srv/a' });
  expect(systemWordsOf(error, '/srv/a/b')).toBe('/srv/a: this user may not do that there');
  expect(systemWordsOf(error, '/srv/a')).toBe('this user may not do that there');
  expect([isAboutPath(error), isAboutPath(new Error('x')), isAboutPath(undefined)]).toEqual([true, false, false]);
});
