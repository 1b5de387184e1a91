import { expect, it } from 'vitest';
import { parseJob } from './job-definition.ts';

it.each<[string, string, string]>([
  ['stages', JSON.stringify({ job: 'j', stages: Array(10_000).fill({}) }), 'stages: at most 1000 entries'],
  ['parameters', JSON.stringify({ job: 'j', parameters: Array(10_000).fill({}) }), 'parameters: at most 100 entries'],
  [
    'steps of one stage',
    JSON.stringify({ job: 'j', stages: [{ steps: Array(10_000).fill({}) }] }),
    'steps: at most 2000 entries',
  ],
  [
    'steps of all stages',
    JSON.stringify({ job: 'j', stages: Array(10).fill({ steps: Array(1_000).fill({}) }) }),
    'more than 2000 steps',
  ],
  [
    'variables',
    JSON.stringify({
      job: 'j',
      stages: [{ steps: [{ env: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`1x${i}`, {}])) }] }],
    }),
    'env: at most 1000 entries',
  ],
  [
    'keys',
    JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, {}]))),
    'A map has 5000 keys',
  ],
])('is not spent on what stands in too many %s: there is one fault', (_what, text, detail) => {
  expect(parseJob(text)).toMatchObject({
    ok: false,
    faultCount: 1,
    faults: [{ detail: expect.stringContaining(detail) as unknown }],
  });
});
