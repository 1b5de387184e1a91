import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'sdk/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // One more than the cores of the smallest machine: with as many as cores, a third of their time passed in waiting.
    maxWorkers: 3,
    // For machines that are far slower than ours; what hangs is told as well a minute later.
    testTimeout: 90_000,
    hookTimeout: 180_000,
    reporters: ['dot'],
    passWithNoTests: false,
  },
});
