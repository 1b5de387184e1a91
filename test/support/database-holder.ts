/** A process that runs an embedded PostgreSQL on a folder and says so on standard output, for tests that kill it. */
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';

const postgres = createEmbeddedPostgres({
  dir: process.argv[2]!,
  clock: systemClock,
  log: silentLog,
  settings: { shared_buffers: '16MB' },
});
await postgres.start();
process.stdout.write(`${JSON.stringify({ pid: postgres.pid, url: postgres.url })}\n`);
process.stdin.resume();
