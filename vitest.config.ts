import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'sdk/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // Two cores; more would only make the real processes of the integration tests wait for each other.
    maxWorkers: 2,
    // For machines that are far slower than ours; what hangs is told as well a minute later.
    testTimeout: 90_000,
    hookTimeout: 180_000,
    reporters: ['dot'],
    passWithNoTests: false,
  },
});
