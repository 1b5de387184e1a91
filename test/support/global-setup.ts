/** One PostgreSQL for the whole test run, with a migrated template database that each test file clones. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from './audit-key.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string;
    /** For what is costly to make and the same for all test files. */
    sharedFolder: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-test-'));
  chmodSync(dir, 0o711);
  // The hundreds of processes that the tests start compile our sources once, not each for itself.
  process.env.NODE_COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/drover-compiled', import.meta.url));
  const postgres = createEmbeddedPostgres({
    dir,
    clock: systemClock,
    log: silentLog,
    settings: { fsync: 'off', synchronous_commit: 'off', shared_buffers: '128MB', max_connections: '400' },
  });
  await postgres.start();
  const store = await createPostgresStore({
    url: postgres.url,
    clock: systemClock,
    log: silentLog,
    auditKey: testAuditKey,
  });
  await store.close();
  const admin = new pg.Client({ connectionString: postgres.url.replace(/\/drover$/, '/postgres') });
  await admin.connect();
  await admin.query('ALTER DATABASE drover RENAME TO template_drover');
  await admin.end();
  project.provide('databaseUrl', postgres.url);
  project.provide('sharedFolder', join(dir, 'shared'));
  return async () => {
    await postgres.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
