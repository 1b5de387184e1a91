/** A server, put together from contracts and what implements them. */
import { hostname, networkInterfaces } from 'node:os';
import { JobDefinitions } from '../app/job-definitions.ts';
import { AgentPackages } from '../app/agent-packages.ts';
import { DatabaseSpace } from '../app/database-space.ts';
import { installationKeys } from '../app/installation-keys.ts';
import { RunEventHub } from '../app/run-events.ts';
import { RunProgress } from '../app/run-progress.ts';
import type { EnrolmentContext } from '../app/enrolment.ts';
import { sshDesk } from '../app/ssh-access.ts';
import { type Clock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { FreeSpace } from '../base/free-space.ts';
import { newId, type ServerId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { version } from '../base/node-process.ts';
import { systemRandom } from '../base/random.ts';
import { LinkFleet } from '../fleet/link-fleet.ts';
import { createApi } from '../http/api.ts';
import { WatcherPlaces } from '../http/watcher-places.ts';
import { createPort, type Port } from '../http/port.ts';
import { WORKER_FRAMES } from '../protocol/link/worker-frames.ts';
import { LinkFaults } from '../link/link-faults.ts';
import { createLinkServer } from '../link/ws-server.ts';
import { startAuditSealer } from '../loops/audit-sealer.ts';
import { startMaintenance } from '../loops/maintenance.ts';
import { NoticeTeller } from '../loops/notice-teller.ts';
import { RunOwner } from '../owner/run-owner.ts';
import { SshContacts } from '../owner/ssh-contacts.ts';
import { UpgradeOwner } from '../loops/upgrade-owner.ts';
import type { AllowList } from '../outbound/allow-list.ts';
import { createOutbound } from '../outbound/outbound.ts';
import { fingerprint } from '../pki/ca.ts';
import { certificateRequest, newKey } from '../pki/identity.ts';
import { type MasterKey } from '../pki/sealer.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import { createLeaseKeeper } from '../store/postgres/lease/lease-keeper.ts';
import { createPostgresStore } from '../store/postgres/postgres-store.ts';
import type { Store } from '../store/contract/store.ts';
import { onceDatabaseAnswers } from './database-wait.ts';
import { HostView } from '../app/host-view.ts';
import { ServerMetrics } from '../http/metrics.ts';
import { StreamWords } from '../http/routes/runs/stream-words.ts';
import { given } from '../base/given.ts';
import type { ScoreWeights } from '../domain/placement/plugins.ts';

const SERVER_CERTIFICATE_MS = 365 * 86_400_000;

export interface ServerConfig {
  readonly databaseUrl: string;
  readonly listen: string;
  readonly advertise: string | undefined;
  readonly masterKey: MasterKey;
  readonly agentsShareUser: boolean;
  readonly databaseFolder: string | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly certificateMs: number;
  readonly packages: AgentPackages;
  /** Which strange machines it may speak to. */
  readonly outboundAllowed: AllowList;
  /** By what workers are chosen for tasks without hosts; 1 each unless given. */
  readonly placementWeights?: ScoreWeights;
  /** How people reach it, where that is by another URL than its own: links in notices begin so. Without a slash at its end. */
  readonly linksUrl?: string;
}

export interface Server {
  /** As others reach it. */
  readonly url: string;
  /** As this machine reaches it. */
  readonly localUrl: string;
  /** Its certificate authority, in PEM. */
  readonly ca: string;
  readonly store: Store;
  stop(): Promise<void>;
}

/** Answers when it takes requests and has begun its loops. Several fit into one process: nothing is kept outside of what it answers. */
export async function createServer(config: ServerConfig): Promise<Server> {
  const { clock, log } = config;
  const serverId = newId<'server'>() as ServerId;
  const { host, port: wanted } = parseListen(config.listen);
  const answered = <T>(work: () => Promise<T>): Promise<T> => onceDatabaseAnswers(clock, log, work);
  const disk = config.databaseFolder === undefined ? undefined : watchedDisk(config.databaseFolder, clock, log);
  const space = new DatabaseSpace(clock, disk);
  await disk?.start();
  const store = await answered(() =>
    createPostgresStore({
      url: config.databaseUrl,
      clock,
      log,
      onFull: () => space.onRefused(),
      auditKey: async (secrets) => (await installationKeys(secrets, config.masterKey, clock)).masterKey.auditKey,
    }),
  );
  const metrics = new ServerMetrics();
  const { masterKey, ca } = await answered(() => installationKeys(store, config.masterKey, clock));
  const key = newKey();
  const signed = await ca.sign(
    {
      csr: certificateRequest(key),
      id: serverId,
      role: 'server',
      lifetimeMs: SERVER_CERTIFICATE_MS,
      names: serverNames(host, config.advertise),
    },
    clock.nowMs(),
  );

  const faults = new LinkFaults(
    log,
    (code) => metrics.observeLinkFault(code),
    () => metrics.observeFramePassedOver(),
  );
  const listener = createLinkServer<WorkerToServerFrame, ServerToWorkerFrame>({
    role: 'worker',
    authority: ca.certificate,
    shapes: WORKER_FRAMES,
    onFault: faults.note,
    onPassedOver: faults.notePassedOver,
    clock,
    refuse: (id) => fleet.refusalOf(id),
    onProved: (socket) => port.proved(socket),
  });
  const enrolment: EnrolmentContext = {
    store,
    clock,
    ca,
    masterKey,
    workers: () => fleet.agentWorkers(),
    certificateMs: config.certificateMs,
  };
  // What workers and agents ask waits for no caller.
  const fleet: LinkFleet = new LinkFleet({
    serverId,
    listener,
    random: systemRandom,
    ...given({ weights: config.placementWeights }),
    store: store.forFleet,
    enrolment: { ...enrolment, store: store.forFleet },
    masterKey,
    clock: store.clock(),
    log,
    ssh: sshDesk({ store: store.forFleet, sealer: masterKey }),
  });
  const lease = createLeaseKeeper({ url: config.databaseUrl, serverId, log });
  const progress = new RunProgress();
  const events = new RunEventHub({
    store,
    clock,
    onProgress: (runId, callback) => progress.on(runId, callback),
    watchOutput: (attempts, onOutput) => fleet.watch(attempts, onOutput),
  });
  const contacts = new SshContacts({ store, clock: store.clock(), log });
  const owner = new RunOwner({
    serverId,
    store,
    fleet,
    sealer: masterKey,
    clock: store.clock(),
    log,
    isLeaseTrusted: () => lease.isTrusted(),
    isWatched: (runId) => events.isWatched(runId),
    onProgress(runId) {
      progress.tell(runId);
      notices.wake();
    },
    onCommitted: (figures) => metrics.observeCommit(figures),
    onContact: (hostId, contact) => contacts.note(hostId, contact),
    onUndecided: () => metrics.observeUndecided(),
    onUnknownReport: () => metrics.observeUnknownReport(),
  });
  const outbound = createOutbound({ allowed: config.outboundAllowed, clock });
  let publicUrl = '';
  const runLinkOf = (runId: string): string => `${config.linksUrl ?? publicUrl}/api/v1/runs/${runId}`;
  const notices = new NoticeTeller({
    store,
    sealer: masterKey,
    outbound,
    clock: store.clock(),
    random: systemRandom,
    log,
    linkOf: runLinkOf,
  });
  const api = createApi(
    {
      store,
      hosts: new HostView(store),
      clock: store.clock(),
      log,
      sealer: masterKey,
      outbound,
      definitions: new JobDefinitions(),
      ownership: owner,
      fleet,
      enrolment,
      events,
      watchers: new WatcherPlaces(),
      words: new StreamWords(),
      metrics,
      packages: config.packages,
      space,
      publicUrl: () => publicUrl,
      runLinkOf,
      agentsShareUser: config.agentsShareUser,
      caFingerprint: fingerprint(ca.certificate),
    },
    {
      onCaller: (socket) => port.proved(socket),
      readiness: async () => ({
        database: await store.ping().then(
          () => true,
          () => false,
        ),
        lease: lease.isTrusted(),
        descriptors: port.isWell(),
      }),
    },
  );
  await api.ready();
  const port: Port = createPort({
    host,
    port: wanted,
    clock,
    log,
    tls: { key, cert: `${signed!.certificate}\n${ca.certificate}` },
    onRequest: (request, response) => api.routing(request, response),
    onUpgrade: (request, socket, head) =>
      request.url === '/link/v1/worker' ? listener.handleUpgrade(request, socket, head) : !socket.destroy(),
  });
  await port.start();
  metrics.observePort(port);
  publicUrl = urlOf(host, port.address.port, config.advertise);
  const register = (): Promise<void> =>
    store.serverRegister({ id: serverId, url: publicUrl, version: version(), leaseMs: limits.serverLeaseMs });
  await answered(register);
  lease.onLost = () =>
    void register().catch((error: unknown) =>
      log.warn({ err: error }, 'the lease was lost and could not be taken again yet'),
    );
  await lease.start();
  const upgrades = new UpgradeOwner({
    store,
    fleet,
    packages: config.packages,
    url: () => publicUrl,
    clock: store.clock(),
    log,
  });
  await answered(() => fleet.start(owner, upgrades));
  await owner.start();
  await upgrades.start();
  await notices.start();
  const stopMaintenance = startMaintenance(store, clock, log);
  const stopSealer = startAuditSealer(store, clock, log);
  return {
    url: publicUrl,
    localUrl: isWildcard(host)
      ? urlOf('127.0.0.1', port.address.port, undefined)
      : urlOf(host, port.address.port, undefined),
    ca: ca.certificate,
    store,
    async stop() {
      await disk?.stop();
      stopMaintenance();
      await stopSealer();
      await notices.stop();
      await upgrades.stop();
      await owner.stop();
      await contacts.stop();
      await fleet.stop();
      await lease.stop();
      await store.serverDeregister(serverId).catch(() => undefined);
      await port.stop();
      await api.close();
      await store.close();
    },
  };
}

function watchedDisk(folder: string, clock: Clock, log: Log): FreeSpace {
  return new FreeSpace({
    folder,
    bytesMin: limits.databaseFreeBytesMin,
    clock,
    onChange(isLow, freeBytes) {
      const figures = { folder, freeBytes, wantedBytes: limits.databaseFreeBytesMin };
      if (isLow)
        log.error({ code: 'database-full', ...figures }, 'the disk of the database is full: new work is refused');
      else log.info(figures, 'the disk of the database has space again: new work is taken');
    },
  });
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  if (!match || Number(match[2]) > 65_535)
    throw new DroverError('bad-input', {
      detail: `--listen wants HOST:PORT with a port from 0 to 65535, not ${JSON.stringify(text)}.`,
    });
  return { host: match[1]!.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(match[2]) };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map((address) => address.address.replace(/%.*$/, ''));
}

function serverNames(host: string, advertise: string | undefined): string[] {
  return [
    ...new Set([
      'localhost',
      '127.0.0.1',
      hostname(),
      ...ownAddresses(),
      ...(isWildcard(host) ? [] : [host]),
      ...(advertise ? [advertise.replace(/:\d+$/, '')] : []),
    ]),
  ];
}

function urlOf(host: string, port: number, advertise: string | undefined): string {
  if (advertise) return `https://${advertise}`;
  return `https://${isWildcard(host) ? hostname() : host.includes(':') ? `[${host}]` : host}:${port}`;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
