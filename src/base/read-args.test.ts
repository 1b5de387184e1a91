import { expect, it } from 'vitest';
import { readArgs } from './read-args.ts';

const options = {
  data: { type: 'string' },
  listen: { type: 'string', default: '127.0.0.1:7400' },
  agents: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;
const read = (...args: string[]) => readArgs({ args, options, strict: true });

it('reads what there is', () => {
  expect(read('--data', 'x', '--json').values).toMatchObject({ data: 'x', json: true, listen: '127.0.0.1:7400' });
});

it.each([
  ['--port', /There is no option --port\. Did you mean --listen HOST:PORT\?/],
  ['--agent', /There is no option --agent\. Did you mean --agents\?/],
  ['--dir', /Did you mean --data\?/],
  ['--xyzzy', /There is no option --xyzzy\. \(--help/],
])('refuses %s with what was meant', (word, told) => {
  expect(() => read(word, '1')).toThrow(told);
});

it('tells other faults as they are', () => {
  expect(() => read('--data')).toThrow(/argument missing/);
});
