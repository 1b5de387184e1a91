import { expect, it } from 'vitest';
import { programName } from './program-name.ts';

it.each([
  [undefined, '/usr/bin', 'drover'],
  ['drover', '/usr/bin', 'drover'],
  ['./drover', '/usr/bin:', './drover'],
  ['/opt/drover/drover', '/usr/bin:/opt/drover', 'drover'],
  ['/opt/drover/drover', '/usr/bin', '/opt/drover/drover'],
  ['../my clone/drover', '/usr/bin', "'../my clone/drover'"],
])('called by %j with the PATH %s it is typed again as %s', (called, path, name) =>
  expect(programName(called, path)).toBe(name),
);
