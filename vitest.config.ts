import { defineConfig } from 'vitest/config';
import { SlowFirst } from './test/support/slow-first.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than the cores of the smallest machine: with as many as cores, a third of their time passed in waiting.
    maxWorkers: 3,
    // For machines that are far slower than ours; what hangs is told as well a minute later.
    testTimeout: 90_000,
    hookTimeout: 180_000,
    sequence: { sequencer: SlowFirst },
    // What a test starts without a clean environment finds no server of whoever runs the tests either.
    env: { DROVER_URL: '', DROVER_TOKEN: '', DROVER_CONTEXT: '', DROVER_DATA: '/nonexistent' },
    reporters: ['dot'],
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        // Beside the code: no state of modules, no database, so that files share processes. Starting one costs more than most of them.
        test: { name: 'unit', include: ['src/**/*.test.ts', 'sdk/**/*.test.ts'], isolate: false },
      },
      {
        extends: true,
        test: { name: 'system', include: ['test/**/*.test.ts'], globalSetup: 'test/support/global-setup.ts' },
      },
    ],
  },
});
