import { expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { WatcherPlaces } from './watcher-places.ts';

it('has places for so many watchers of one token and of all, and a place that is given back is taken again', () => {
  const places = new WatcherPlaces();
  const codeOf = (token: string): string => {
    try {
      places.take(token);
      return 'taken';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const taken = Array.from({ length: limits.liveWatchersPerTokenMax }, () => places.take('a'));
  expect(codeOf('a')).toBe('too-many-watchers');
  for (let i = limits.liveWatchersPerTokenMax; i < limits.liveWatchersPerServerMax; i++)
    expect(codeOf(`b${i}`)).toBe('taken');
  expect(codeOf('c')).toBe('too-many-requests');
  taken[0]!();
  expect([codeOf('c'), codeOf('c')]).toEqual(['taken', 'too-many-requests']);
  taken[1]!();
  expect([codeOf('a'), codeOf('c')]).toEqual(['taken', 'too-many-requests']);
});
