/**
 * `requiring('sshd', 'root').describe(…)`: tests that need something of the machine. Where it is lacking they are not tried, their title
 * says why, `npm test` lists them in its summary, and CI fails.
 */
import { describe, it } from 'vitest';
import { lackOf, type TestNeed } from '../../tools/test-needs.ts';

interface Requiring {
  describe(title: string, tests: () => void): void;
  it(title: string, test: () => Promise<void> | void, timeoutMs?: number): void;
}

export function requiring(...needs: readonly TestNeed[]): Requiring {
  const lack = lackOf(needs);
  const titled = (title: string): string => (lack === undefined ? title : `${title} [not tried: ${lack}]`);
  return {
    describe: (title, tests) => void describe.skipIf(lack !== undefined)(titled(title), tests),
    it: (title, test, timeoutMs) => void it.skipIf(lack !== undefined)(titled(title), test, timeoutMs),
  };
}
