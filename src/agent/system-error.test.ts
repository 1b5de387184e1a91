import { expect, it } from 'vitest';
import { DroverError } from '../base/errors.ts';
import { isOfSystem } from './system-error.ts';

it('knows what the machine refuses, also where the journal says so in its own words, and nothing else', () => {
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  const told = new DroverError('spool-full', { detail: 'The journal cannot be written.', cause: full });
  expect(
    [full, told, new DroverError('bad-input', { detail: '' }), new TypeError(), undefined].map(isOfSystem),
  ).toEqual([true, true, false, false, false]);
});
