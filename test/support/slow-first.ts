/**
 * The order of test files: those that take minutes first, so that the last of the suite are short ones and no process is left alone with a long one.
 * What a run prints as its slowest belongs here.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const SLOWEST = [
  'hostile-orders',
  'up',
  'documented-commands',
  'cli-everyday',
  'agent-upgrade',
  'agent-install',
  'embedded-postgres',
  'sim',
  'run-over-ssh',
  'ssh-inputs',
  'worker-agents',
  'retired-workers',
].map((name) => `/${name}.test.ts`);

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOWEST.findIndex((end) => moduleId.endsWith(end));
      return at < 0 ? SLOWEST.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
