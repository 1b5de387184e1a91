/** `drover worker`: joins if need be, listens for agents, links to every server. */
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { WorkerJoinResult } from '../app/enrolment.ts';
import { calmLog } from '../base/calm-log.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { refuseCoreFiles } from '../base/node-core-files.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createJsonLog } from '../base/node-log.ts';
import { settleForManyConnections } from '../base/node-memory.ts';
import { NameLookups, NAMES_OF_LINKS } from '../base/node-names.ts';
import { keepFilesPrivate, onStopSignal, runMain, version } from '../base/node-process.ts';
import { readArgs } from '../base/read-args.ts';
import { systemRandom } from '../base/random.ts';
import { parseQueueWeights, QUEUE_WEIGHTS, type QueueWeights } from '../domain/placement/queue-pick.ts';
import { oneForm } from '../domain/target/nameable.ts';
import { createSshLedger } from '../engines/ssh/ssh-ledger.ts';
import { fingerprintOf, identityOf } from '../enrol/identity-choice.ts';
import { postJoin } from '../enrol/join-client.ts';
import { passedOver } from '../enrol/passed-over.ts';
import { AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import { SERVER_FRAMES } from '../protocol/link/worker-frames.ts';
import { LinkFaults } from '../link/link-faults.ts';
import { createLinkClient } from '../link/ws-client.ts';
import { createAgentPort, type AgentPortKeys } from '../link/agent-port.ts';
import { createLinkServer } from '../link/ws-server.ts';
import { certificateRequest, identityWriter, newKey, readJsonFile, writeJsonFile } from '../pki/identity.ts';
import { parseJoinToken } from '../pki/join-token.ts';
import { CertificateRenewal, type RenewableIdentity } from '../pki/renewal.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';
import type { ServerToWorkerFrame, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import { WorkerService } from '../worker/worker.ts';
import { ownCalls } from './own-calls.ts';
import { ownProcesses, parseCapacity } from './own-processes.ts';
import { dataFolderOf } from './data-folders.ts';

interface WorkerIdentity extends RenewableIdentity {
  workerId: string;
  name: string;
  zone: string;
  /** The server that it joined by. */
  serverUrl: string;
  /** All that there were when it was last told. */
  servers?: string[];
  joinedWith?: string;
  port?: number;
}
const IDENTITY = 'identity.json';
/** Until then the link is up, as a rule. */
const FIRST_LOOK_MS = 10_000;

async function main(): Promise<void> {
  // Beginning anew would cut the channel to a supervisor, which has set this by itself.
  if (!process.send) settleForManyConnections();
  const { values } = readArgs({
    options: {
      data: { type: 'string' },
      join: { type: 'string' },
      listen: { type: 'string', default: '0.0.0.0:7401' },
      advertise: { type: 'string' },
      name: { type: 'string' },
      server: { type: 'string' },
      capacity: { type: 'string' },
      'ssh-capacity': { type: 'string' },
      'process-user': { type: 'string' },
      'process-capacity': { type: 'string' },
      'call-allow': { type: 'string' },
      'call-capacity': { type: 'string' },
      'queue-weights': { type: 'string' },
      json: { type: 'boolean' },
    },
    strict: true,
  });
  // As the server has it on record.
  if (values.name !== undefined) values.name = oneForm(values.name);
  const dataDir = values.data ?? dataFolderOf('worker');
  const log = calmLog(createJsonLog({ role: 'worker' }), systemClock);
  refuseCoreFiles(log);
  await acquireFolderLock(dataDir, 'worker');
  keepFilesPrivate();
  const identity = await identityOf(
    readJsonFile<WorkerIdentity>(dataDir, IDENTITY),
    values.join ?? process.env.DROVER_JOIN,
    log,
    () => enrol(dataDir, values),
  );
  for (const told of passedOver(identity, { name: values.name })) log.warn({}, told);
  const { host, port } = parseListen(values.listen);

  const faults = new LinkFaults(log);
  const agents = createLinkServer<AgentFrame, WorkerToAgentFrame>({
    role: 'agent',
    authority: identity.ca,
    shapes: AGENT_FRAMES,
    onFault: faults.note,
    onPassedOver: faults.notePassedOver,
    clock: systemClock,
    refuse: (id) => worker.refusalOf(id),
    onProved: (socket) => agentPort.proved(socket),
  });
  const keys = (): AgentPortKeys => ({
    key: identity.privateKey,
    cert: `${identity.certificate}\n${identity.ca}`,
  });
  const agentPort = createAgentPort({
    clock: systemClock,
    log,
    tls: keys(),
    onUpgrade: (request, socket, head) =>
      request.url === '/link/v1/agent' ? agents.handleUpgrade(request, socket, head) : !socket.destroy(),
  });
  // An embedded worker that was given any port keeps the one it got: its agents know it by that.
  const wanted = port === 0 ? (identity.port ?? 0) : port;
  await agentPort.listen(host, wanted).catch((error: unknown) => {
    if (port === 0 && errorCodeOf(error) === 'address-in-use') return agentPort.listen(host, 0);
    throw error;
  });
  const bound = agentPort.address.port;
  const save = identityWriter(dataDir, IDENTITY, log);
  if (port === 0 && identity.port !== bound) save(Object.assign(identity, { port: bound }));
  const agentAddress = values.advertise ?? `${host === '0.0.0.0' || host === '::' ? ownAddress() : host}:${bound}`;

  const renewal = new CertificateRenewal(identity, newKey, () => save(identity));
  const ssh = createSshLedger({
    dir: join(dataDir, 'ssh'),
    clock: systemClock,
    random: systemRandom,
    log,
    access: ({ hostId, accountId }) => worker.requestAccess(hostId, accountId),
    recordHostKey: (hostId, key) => worker.recordHostKey(hostId, key),
    secretsOf: (attempt) => worker.secretsOf(attempt),
  });
  const own = ownProcesses(dataDir, values, { clock: systemClock, log });
  const calls = ownCalls(dataDir, values, { clock: systemClock, log });
  const names = new NameLookups({ clock: systemClock, atOnceMax: NAMES_OF_LINKS });
  const worker: WorkerService = new WorkerService({
    engines: [
      { name: 'ssh', ledger: ssh.ledger },
      ...(own ? [{ name: 'process' as const, ledger: own.ledger }] : []),
      ...(calls ? [{ name: 'calls' as const, ledger: calls.ledger }] : []),
    ],
    ssh: {
      accessChanged: () => ssh.engine.accessChanged(),
      test: (hostId, accountId) => ssh.engine.test({ hostId, ...given({ accountId }) }),
    },
    ...given({ room: own?.room }),
    id: identity.workerId,
    version: version(),
    agentAddress,
    agents,
    serverUrl: values.server ?? identity.serverUrl,
    knownServers: identity.servers ?? [],
    onServers(urls) {
      if (urls.length > 0 && urls.join() !== identity.servers?.join()) save(Object.assign(identity, { servers: urls }));
    },
    clock: systemClock,
    random: systemRandom,
    log,
    capacity: {
      agent: parseCapacity('--capacity', values.capacity, limits.workerExecutionsDefault),
      ssh: parseCapacity('--ssh-capacity', values['ssh-capacity'], limits.workerSshExecutionsDefault),
      process: own?.capacity ?? 0,
      calls: calls?.capacity ?? 0,
    },
    frameCounts: () => ({ framesRefused: faults.total, framesPassedOver: faults.passedOver }),
    weights: parseWeights(values['queue-weights']),
    dial: (url) =>
      createLinkClient<ServerToWorkerFrame, WorkerToServerFrame>({
        urls: () => [linkUrl(url)],
        peerRole: 'server',
        shapes: SERVER_FRAMES,
        onFault: faults.note,
        onPassedOver: faults.notePassedOver,
        identity: () => identity,
        clock: systemClock,
        random: systemRandom,
        names,
        log,
        reconnectCapMs: limits.workerReconnectCapMs,
        onRefused(code, detail) {
          log.error({ code, detail, url }, 'the server refused this worker');
          if (code === 'worker-revoked') worker.retire();
        },
      }),
    onCertificate(certificate) {
      if (!renewal.accept(certificate))
        return log.error({}, 'a certificate that is not for this worker was passed over');
      agentPort.renew(keys());
      log.info({}, 'the certificate was renewed');
    },
  });
  onStopSignal(log, () => worker.stop());
  await worker.start();
  const renew = (): void => {
    const request = renewal.request(systemClock.nowMs());
    if (request) worker.renewOwn(request.csr, request.signature);
    systemClock.after(renewal.nextLookMs(systemClock.nowMs()), renew, { unref: true });
  };
  systemClock.after(Math.min(FIRST_LOOK_MS, renewal.nextLookMs(systemClock.nowMs())), renew, { unref: true });
  log.info({ agentAddress }, 'listening for agents');
  process.send?.({ ready: true, agentAddress });
  if (values.json) process.stdout.write(`${JSON.stringify({ ready: true, agentAddress })}\n`);
}

async function enrol(
  dataDir: string,
  flags: { join?: string | undefined; name?: string | undefined },
): Promise<WorkerIdentity> {
  const join = flags.join ?? process.env.DROVER_JOIN;
  if (!join)
    throw new DroverError('join-token-invalid', {
      detail:
        'This worker has not joined yet. Make a token (drover agents join-token create --role worker) and start with --join TOKEN.',
    });
  const token = parseJoinToken(join);
  const privateKey = newKey();
  const name = flags.name ?? hostname();
  const answer = await postJoin<WorkerJoinResult>(token, '/api/v1/workers/join', () => ({
    secret: token.secret,
    csr: certificateRequest(privateKey),
    name,
    version: version(),
    nowMs: systemClock.nowMs(),
  }));
  const identity: WorkerIdentity = {
    workerId: answer.workerId,
    name,
    zone: answer.zone,
    privateKey,
    certificate: answer.certificate,
    ca: answer.ca,
    serverUrl: token.url,
    joinedWith: fingerprintOf(join),
  };
  writeJsonFile(dataDir, IDENTITY, identity);
  return identity;
}

function parseWeights(text: string | undefined): QueueWeights {
  const weights = text === undefined ? QUEUE_WEIGHTS : parseQueueWeights(text);
  if (!weights)
    throw new DroverError('bad-input', {
      detail: `--queue-weights wants three numbers from 1 to 9999 for high, normal and low, such as 6:3:1, not ${JSON.stringify(text)}.`,
    });
  return weights;
}

/** Links are always TLS, whatever the URL that people use. */
function linkUrl(url: string): string {
  return `wss://${new URL(url).host}/link/v1/worker`;
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  if (!match || Number(match[2]) > 65_535)
    throw new DroverError('bad-input', {
      detail: `--listen wants HOST:PORT with a port from 0 to 65535, not ${JSON.stringify(text)}.`,
    });
  return { host: match[1]!.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(match[2]) };
}

function ownAddress(): string {
  return (
    Object.values(networkInterfaces())
      .flat()
      .find((address) => address && !address.internal && address.family === 'IPv4')?.address ?? '127.0.0.1'
  );
}

await runMain(main);
