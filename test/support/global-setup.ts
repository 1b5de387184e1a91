/**
 * Made once for the whole test run: the npm package, for tests that call its command many times, and a PostgreSQL with a migrated template database that each test file
 * clones.
 */
import { chmodSync, copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { createPostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { bundlerStop } from '../../tools/agent-bundle.ts';
import { buildPrograms } from '../../tools/build.ts';
import { testAuditKey } from './audit-key.ts';
import { PACKAGE_FOLDER } from './programs.ts';
import { drover } from './up.ts';

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

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
  // The processes of the tests compile what they run once, not each for itself.
  process.env.NODE_COMPILE_CACHE = join(packages, '.cache/drover-compiled');
  await layOutPackage(join(dir, 'package'));
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

/** As npm lays it out. Test files, which are processes of their own that start later, find it in their environment. */
async function layOutPackage(folder: string): Promise<void> {
  await buildPrograms(join(folder, 'dist'));
  await bundlerStop();
  copyFileSync(drover, join(folder, 'drover'));
  // Node and PostgreSQL, which it asks for.
  symlinkSync(packages, join(folder, 'node_modules'));
  process.env[PACKAGE_FOLDER] = folder;
}
