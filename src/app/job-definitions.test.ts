import { expect, it } from 'vitest';
import { jobLimits } from '../base/job-limits.ts';
import { JobDefinitions } from './job-definitions.ts';

const text = (name: string, length = 0): string =>
  `job: ${name}\ntargets: all\nstages: [{ stage: s, steps: [{ step: a, command: ['true'] }] }]\n#${'x'.repeat(length)}`;

it('reads a text once while it is used, and keeps what was used last', () => {
  const definitions = new JobDefinitions();
  const half = jobLimits.jobTextsKeptLengthMax / 8;
  const first = definitions.of(text('a', half));
  expect(first).toMatchObject({ ok: true, definition: { job: 'a' } });
  for (let n = 0; n < 6; n++) definitions.of(text(`b${n}`, half));
  expect(definitions.of(text('a', half))).toBe(first);
  const second = definitions.of(text('b1', half));
  for (let n = 0; n < 6; n++) definitions.of(text(`c${n}`, half));
  expect(definitions.of(text('b1', half))).toBe(second);
  expect(definitions.of(text('a', half))).not.toBe(first);
});

it('keeps nothing of what is refused', () => {
  const definitions = new JobDefinitions();
  const refused = definitions.of('job: 1');
  expect(refused.ok).toBe(false);
  expect(definitions.of('job: 1')).not.toBe(refused);
});
