/** `drover agent`: enrols if need be, then keeps its link and carries out what it is told. */
import { createHash, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { freemem, loadavg } from 'node:os';
import { join } from 'node:path';
import { AgentService } from '../agent/agent.ts';
import { dataFolderOf } from './data-folders.ts';
import { becomeUser } from './own-user.ts';
import { AgentSession } from '../agent/session.ts';
import { beginStart } from '../agent/start-counter.ts';
import { InstallRoot } from '../agent/install-root.ts';
import { AgentUpgrade } from '../agent/upgrade.ts';
import { hostFacts, hostName, machineId } from '../agent/facts.ts';
import type { AgentJoinResult } from '../app/enrolment.ts';
import { calmLog } from '../base/calm-log.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId } from '../base/ids.ts';
import { refuseOwnCoreFiles } from '../base/node-core-files.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import type { Log } from '../base/log.ts';
import { createJsonLog } from '../base/node-log.ts';
import { NameLookups, namesAtOnce } from '../base/node-names.ts';
import { keepFilesPrivate, onStopSignal, runMain, version } from '../base/node-process.ts';
import { insteadOf } from '../base/other-form.ts';
import { readArgs } from '../base/read-args.ts';
import { systemRandom } from '../base/random.ts';
import { oneForm } from '../domain/target/nameable.ts';
import { platformOfHost } from '../engines/process/platform-of-host.ts';
import { createProcessLedger } from '../engines/process/process-ledger.ts';
import { fingerprintOf, identityOf } from '../enrol/identity-choice.ts';
import { postJoin } from '../enrol/join-client.ts';
import { noteWorkers, workersToDial, type KnownWorkers } from '../enrol/known-workers.ts';
import { passedOver } from '../enrol/passed-over.ts';
import { WORKER_TO_AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import { LinkFaults } from '../link/link-faults.ts';
import { createLinkClient } from '../link/ws-client.ts';
import {
  certificateRequest,
  newAgentKey,
  readJsonFile,
  renewalTimes,
  signWith,
  identityWriter,
  writeJsonFile,
} from '../pki/identity.ts';
import { joinProofMessage, parseJoinToken } from '../pki/join-token.ts';
import { CertificateRenewal, type RenewableIdentity } from '../pki/renewal.ts';
import type { AgentFrame, WorkerToAgentFrame } from '../protocol/link/agent-v1.ts';

interface AgentIdentity extends RenewableIdentity, KnownWorkers {
  agentId: string;
  hostId: string;
  name: string;
  labels: Record<string, string>;
  dispatchKey: string;
  joinedWith?: string;
}
const IDENTITY = 'identity.json';
/** Until then the link is up, as a rule. */
const FIRST_LOOK_MS = 10_000;

async function main(): Promise<void> {
  const { values } = readArgs({
    options: {
      data: { type: 'string' },
      join: { type: 'string' },
      name: { type: 'string' },
      label: { type: 'string', multiple: true },
      'machine-id': { type: 'string' },
      worker: { type: 'string', multiple: true },
      version: { type: 'boolean' },
      'enrol-only': { type: 'boolean' },
      'run-as': { type: 'string' },
    },
    strict: true,
  });
  if (values.version) return void process.stdout.write(`${version()}\n`);
  // As the server has it on record, so that the two can be compared.
  if (values.name !== undefined) values.name = oneForm(values.name);
  const platform = platformOfHost();
  const dataDir = values.data ?? dataFolderOf('agent');
  const log = calmLog(createJsonLog({ role: 'agent' }), systemClock);
  const present = values['enrol-only'] ? enrolledAs(dataDir, values.join ?? process.env.DROVER_JOIN) : undefined;
  if (present !== undefined) return void process.stdout.write(`${present}\n`);
  if (values['run-as'] !== undefined) becomeUser(values['run-as'], dataDir);
  await acquireFolderLock(dataDir, 'agent');
  keepFilesPrivate();
  const coreLimit = refuseOwnCoreFiles(log);
  const known = readJsonFile<AgentIdentity>(dataDir, IDENTITY);
  const identity = await identityOf(known, values.join ?? process.env.DROVER_JOIN, log, () =>
    enrol(dataDir, values, known, log),
  );
  // Who joined just now was told by that what became of it.
  if (identity === known) {
    const asked = { name: values.name, labels: Object.fromEntries((values.label ?? []).map(parseLabel)) };
    for (const told of passedOver(known, asked)) log.warn({}, told);
  }
  if (values['enrol-only']) return void process.stdout.write(`${identity.agentId}\n`);
  const place = systemRandom.next();
  const address = (worker: string): string => `wss://${worker}/link/v1/agent`;
  const faults = new LinkFaults(log);
  const names = new NameLookups({ clock: systemClock, atOnceMax: namesAtOnce() });
  const dialer = createLinkClient<WorkerToAgentFrame, AgentFrame>({
    urls: () => workersToDial(identity, values.worker ?? [], place).map(address),
    peerRole: 'worker',
    shapes: WORKER_TO_AGENT_FRAMES,
    onFault: faults.note,
    onPassedOver: faults.notePassedOver,
    identity: () => identity,
    clock: systemClock,
    random: systemRandom,
    names,
    log,
    onRefused: (code, detail) => log.error({ code, detail }, 'the worker refused this agent'),
  });
  const { ledger, engine } = createProcessLedger({
    platform,
    dataDir,
    hostName: identity.name,
    hostId: identity.hostId,
    clock: systemClock,
    log,
    coreLimit,
  });
  const save = identityWriter(dataDir, IDENTITY, log);
  const renewal = new CertificateRenewal(identity, newAgentKey, () => save(identity));
  const session = new AgentSession({
    agentId: identity.agentId,
    hostId: identity.hostId,
    dispatchKey: Buffer.from(identity.dispatchKey, 'base64'),
    start: beginStart(dataDir, newId()),
    clock: systemClock,
  });
  const installRoot = process.env.DROVER_AGENT_ROOT;
  const upgrade = new AgentUpgrade({
    version: version(),
    session,
    root: installRoot === undefined ? undefined : new InstallRoot(installRoot),
    identity: () => identity,
    clock: systemClock,
    random: systemRandom,
    names,
    log,
    isLinked: () => agent.isLinked,
    tell: (frame) => agent.tellUpgrade(frame),
    // The orderly end; whoever started us starts the version that is current then.
    restart: () => void process.kill(process.pid, 'SIGTERM'),
  });
  const agent: AgentService = new AgentService({
    agentId: identity.agentId,
    hostId: identity.hostId,
    version: version(),
    bootId: platform.bootId(),
    session,
    ledger,
    dialer,
    clock: systemClock,
    random: systemRandom,
    log,
    facts: () => hostFacts(identity.name, identity.labels, version()),
    load: async () => ({
      ...ledger.load(),
      freeSpoolBytes: await engine.freeSpoolBytes(),
      rssBytes: process.memoryUsage.rss(),
      loadAverage: loadavg()[0]!,
      freeMemoryBytes: freemem(),
    }),
    onUpgrade: (frame) => upgrade.onOrder(frame),
    onUnlinked: () => noteLink(dataDir, 'unlinked', log),
    onWorkers(workers) {
      noteLink(dataDir, 'linked', log);
      upgrade.onWelcome();
      // A worker has welcomed us: our supervisor may say that it can take work.
      if (process.connected) process.send!({ linked: true });
      // Not written now, it is with the next renewal or list.
      if (noteWorkers(identity, workers)) save(identity);
    },
    onCertificate(certificate) {
      if (renewal.accept(certificate)) log.info({}, 'the certificate was renewed');
      else log.error({}, 'a certificate that is not for this agent was passed over');
    },
  });
  onStopSignal(log, async () => {
    upgrade.stop();
    await agent.stop();
  });
  upgrade.start();
  await agent.start();
  const renew = (): void => {
    const request = renewal.request(systemClock.nowMs());
    if (request) agent.renew(request.csr, request.signature);
    systemClock.after(renewal.nextLookMs(systemClock.nowMs()), renew, { unref: true });
  };
  systemClock.after(Math.min(FIRST_LOOK_MS, renewal.nextLookMs(systemClock.nowMs())), renew, { unref: true });
  process.send?.({ ready: true });
}

/**
 * For an installer that comes again: the agent that is enrolled here, whose certificate is still good; its token stays
 * unused. Who installs over an agent means that one, not to take it away from another server by mistake.
 */
function enrolledAs(dataDir: string, token: string | undefined): string | undefined {
  const known = readJsonFile<AgentIdentity>(dataDir, IDENTITY);
  if (!known) return undefined;
  const authority = createHash('sha256').update(new X509Certificate(known.ca).raw).digest('base64url');
  if (token !== undefined && parseJoinToken(token).fingerprint !== authority)
    throw new DroverError('data-folder-foreign', {
      detail: 'This host has an agent of another Drover server. Uninstall that one first (uninstall --purge).',
    });
  return systemClock.nowMs() < renewalTimes(known.certificate).untilMs ? known.agentId : undefined;
}

async function enrol(
  dataDir: string,
  flags: {
    join?: string | undefined;
    name?: string | undefined;
    label?: string[] | undefined;
    'machine-id'?: string | undefined;
  },
  known: AgentIdentity | undefined,
  log: Log,
): Promise<AgentIdentity> {
  const joinWith = flags.join ?? process.env.DROVER_JOIN;
  if (!joinWith)
    throw new DroverError('join-token-invalid', {
      detail:
        'This host is not enrolled yet. Make a token on the server (drover agents join-token create) and start with --join TOKEN.',
    });
  const token = parseJoinToken(joinWith);
  const labels = flags.label ? Object.fromEntries(flags.label.map(parseLabel)) : (known?.labels ?? {});
  const name = flags.name ?? known?.name ?? hostName();
  const privateKey = newAgentKey();
  const csr = certificateRequest(privateKey);
  // Who can show a key of the agent that this host had goes on as that agent, with all that is under way. A renewal whose answer
  // was lost may have made the next key the one on record.
  const keys = known ? [known.privateKey, ...(known.nextKey === undefined ? [] : [known.nextKey])] : [];
  const proof = joinProofMessage(token.secret, csr);
  const answer = await postJoin<AgentJoinResult>(
    token,
    '/api/v1/agents/join',
    () => ({
      secret: token.secret,
      csr,
      nowMs: systemClock.nowMs(),
      ...given({
        previous: known
          ? {
              agentId: known.agentId,
              signatures: keys.map((key) => signWith(key, proof).toString('base64')),
            }
          : undefined,
      }),
      name,
      machineId: flags['machine-id'] ?? (process.env.DROVER_MACHINE_ID || machineId()),
      labels,
      facts: hostFacts(name, labels, version()),
    }),
    { log },
  );
  const identity: AgentIdentity = {
    agentId: answer.agentId,
    hostId: answer.hostId,
    name: answer.name,
    labels: { ...answer.labels },
    privateKey,
    certificate: answer.certificate,
    ca: answer.ca,
    dispatchKey: answer.dispatchKey,
    workers: [...answer.workers],
    joinWorkers: [...answer.workers],
    joinedWith: fingerprintOf(joinWith),
  };
  writeJsonFile(dataDir, IDENTITY, identity);
  tellHowItJoined(log, answer, { name, labels });
  return identity;
}

/** What the server's record says goes before what was asked for here; where they differ, somebody should know. */
function tellHowItJoined(
  log: Log,
  answer: AgentJoinResult,
  asked: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): void {
  if (answer.twinOf !== undefined)
    log.warn(
      { code: 'host-is-twin', host: answer.name, twinOf: answer.twinOf },
      `this machine has the machine id of ${answer.twinOf} and not its key: it joined as ${answer.name}, and ` +
        'gets no work until somebody decides (drover hosts twins)',
    );
  else if (answer.name !== asked.name)
    log.warn({ host: answer.name, asked: asked.name }, 'joined as the host that the token or the key is for');
  for (const [label, value] of Object.entries(asked.labels))
    if (answer.labels[label] !== value)
      log.warn({ label, asked: value, is: answer.labels[label] }, 'the label is what the join token says');
}

/** One line for whoever looks at this host: the installer waits for it. */
function noteLink(dataDir: string, state: 'linked' | 'unlinked', log: Log): void {
  try {
    writeFileSync(join(dataDir, 'link'), `${state} ${process.pid} ${version()}\n`, { mode: 0o600 });
  } catch (error) {
    log.warn({ err: error }, 'the state of the link could not be noted');
  }
}

function parseLabel(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new DroverError('bad-input', {
      detail: `--label wants NAME=VALUE, not ${JSON.stringify(text)}${insteadOf('=', text)}.`,
    });
  return [oneForm(text.slice(0, at)), oneForm(text.slice(at + 1))];
}

void runMain(main);
