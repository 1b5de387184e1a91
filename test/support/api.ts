/** The API over a real store, in this process; the fleet behind it is empty. */
import type { FastifyInstance } from 'fastify';
import { JobDefinitions } from '../../src/app/job-definitions.ts';
import { AgentPackages } from '../../src/app/agent-packages.ts';
import { DatabaseSpace } from '../../src/app/database-space.ts';
import { HostView } from '../../src/app/host-view.ts';
import { RunEventHub } from '../../src/app/run-events.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { FreeSpace } from '../../src/base/free-space.ts';
import { newId, type TokenId } from '../../src/base/ids.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Role } from '../../src/domain/access/permission.ts';
import { AgentHealth } from '../../src/fleet/agent-health.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { createApi, type ApiOptions } from '../../src/http/api.ts';
import { ServerMetrics } from '../../src/http/metrics.ts';
import { StreamWords } from '../../src/http/routes/runs/stream-words.ts';
import { WatcherPlaces, type WatcherLimits } from '../../src/http/watcher-places.ts';
import { newApiToken } from '../../src/app/token.ts';
import { parseAllowList } from '../../src/outbound/allow-list.ts';
import { createOutbound } from '../../src/outbound/outbound.ts';
import { CertificateAuthority, fingerprint } from '../../src/pki/ca.ts';
import { hashSecret } from '../../src/pki/join-token.ts';
import { createMasterKey } from '../../src/pki/sealer.ts';
import { createPostgresStore, type PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { testAuditKey } from './audit-key.ts';
import { testDatabase, type TestDatabase } from './database.ts';

export const NO_FLEET: Fleet = {
  name: 'no-fleet',
  health: new AgentHealth(systemClock),
  start: async () => undefined,
  stop: async () => undefined,
  locate: () => undefined,
  sshRoute: () => undefined,
  workerFor: () => undefined,
  workersFor: () => ({ count: 0, why: '0 of 0 workers' }),
  sshObstacle: () => 'no-address',
  accessLooks: () => ({ begun: 0, done: 0 }),
  hasWorker: () => false,
  hasCopies: () => false,
  isLinked: () => false,
  takesWork: () => false,
  workers: () => [],
  announceOwned() {},
  nextOrder: () => 1,
  assign: () => false,
  cancel: () => false,
  query: () => false,
  ack() {},
  ackChunk() {},
  watch: () => () => undefined,
  fetchOutput: () => Promise.reject(new Error('no host')),
  revoke() {},
  isRevoked: () => false,
  revokeWorker() {},
  upgrade() {},
  testConnection: () => Promise.reject(new Error('no host')),
};

export interface TestApi {
  readonly app: FastifyInstance;
  readonly store: PostgresStore;
  readonly database: TestDatabase;
  readonly ca: CertificateAuthority;
  token(role: Role, lifetimeMs?: number): Promise<string>;
  close(): Promise<void>;
}

export async function testApi(
  options: Omit<ApiOptions, 'readiness'> & {
    readonly watchers?: WatcherLimits;
    readonly disk?: FreeSpace;
    /** Addresses that servers may speak to beside public ones. */
    readonly outboundAllowed?: string;
  } = {},
): Promise<TestApi> {
  const space = new DatabaseSpace(systemClock, options.disk);
  const database = await testDatabase();
  const store = await createPostgresStore({
    url: database.url,
    clock: systemClock,
    log: silentLog,
    onFull: () => space.onRefused(),
    auditKey: testAuditKey,
  });
  const masterKey = createMasterKey(Buffer.alloc(32, 1));
  const ca = await CertificateAuthority.load(await CertificateAuthority.create(systemClock.nowMs()));
  const events = new RunEventHub({
    store,
    clock: systemClock,
    onProgress: () => () => undefined,
    watchOutput: () => () => undefined,
  });
  const app = createApi(
    {
      store,
      hosts: new HostView(store),
      clock: systemClock,
      log: silentLog,
      sealer: masterKey,
      outbound: createOutbound({ allowed: parseAllowList(options.outboundAllowed ?? ''), clock: systemClock }),
      definitions: new JobDefinitions(),
      ownership: { owned: () => [], create: () => undefined, wake() {} },
      fleet: NO_FLEET,
      packages: new AgentPackages('/nonexistent', undefined, silentLog),
      enrolment: {
        store,
        clock: systemClock,
        ca,
        masterKey,
        workers: () => [{ zone: 'default', address: '127.0.0.1:1' }],
      },
      events,
      watchers: new WatcherPlaces(options.watchers),
      words: new StreamWords(),
      metrics: new ServerMetrics(),
      space,
      publicUrl: () => 'https://127.0.0.1:1',
      runLinkOf: (runId) => `https://127.0.0.1:1/api/v1/runs/${runId}`,
      caFingerprint: fingerprint(ca.certificate),
    },
    { readiness: async () => ({ database: true }), ...options },
  );
  await app.ready();
  return {
    app,
    store,
    database,
    ca,
    async token(role, lifetimeMs = 600_000) {
      const text = newApiToken();
      const id = newId<'token'>() as TokenId;
      const create = (name: string): Promise<unknown> =>
        store.apiTokenCreate(
          { id, hash: hashSecret(text), name, role, lifetimeMs },
          { actor: { kind: 'system', id: 'test', name: 'test' }, action: 'test', target: id, detail: {} },
        );
      if ((await create(role)) === 'name-taken') await create(`${role}-${id}`);
      return text;
    },
    async close() {
      await app.close();
      await store.close();
      await database.drop();
    },
  };
}
