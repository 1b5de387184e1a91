import { describe, expect, it } from 'vitest';
import { guardedChange, guardedLabels } from './guarded-labels.ts';

describe('labels that scopes count on', () => {
  const guarded = guardedLabels([
    { name: 'all', scope: 'all' },
    { name: 'names', scope: 'web-* and not web-9' },
    { name: 'dba', scope: 'role=db and (env!=test or not site=eu*), db-1' },
    { name: 'late', scope: 'role=web' },
    { name: 'unreadable', scope: '((' },
  ]);

  it('are all that are named in any scope, wanted or not, with the first account that names them', () => {
    expect([...guarded]).toEqual([
      ['role', 'dba'],
      ['env', 'dba'],
      ['site', 'dba'],
    ]);
  });

  it.each([
    ['set', {}, { role: 'web' }, 'role'],
    ['changed', { role: 'db' }, { role: 'web' }, 'role'],
    ['taken off', { env: 'test' }, {}, 'env'],
    ['set to nothing', {}, { site: '' }, 'site'],
    ["of a prototype's name not confused", {}, { constructor: 'x', role: 'r' }, 'role'],
    ['left as it is', { role: 'db', note: 'a' }, { role: 'db', note: 'b' }, undefined],
    ['not in a scope', {}, { note: 'b' }, undefined],
  ])('%s are told', (_what, before, after, label) => {
    expect(guardedChange(guarded, before, after)?.label).toBe(label);
  });
});
