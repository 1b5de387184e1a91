/** The store on PostgreSQL: one pool for callers, one for what the server owns, one for its fleet, one connection for hints, the nouns' files behind the contract. */
import type { Clock } from '../../base/clock.ts';
import { PARTITION_COUNT } from '../../base/ids.ts';
import { limits } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { AccountStore } from '../account-store.ts';
import type { CommitResult } from '../commit-result.ts';
import type { HostStore } from '../host-store.ts';
import type { OwnerCommit, RunRecord, Store } from '../store.ts';
import * as account from './account.ts';
import * as agentJoin from './agent-join.ts';
import * as agentSession from './agent-session.ts';
import * as audit from './audit.ts';
import { auditSeal } from './audit-seal.ts';
import { auditVerify } from './audit-verify.ts';
import * as execution from './execution.ts';
import * as fleet from './fleet.ts';
import { fleetLook } from './fleet-look.ts';
import { DatabaseClock } from './database-clock.ts';
import { Hints } from './hints.ts';
import * as hostAccess from './host-access.ts';
import * as hostKey from './host-key.ts';
import * as lease from './lease.ts';
import { maintain } from './maintenance.ts';
import { migrate } from './migrate.ts';
import * as owner from './owner-commit.ts';
import { Pool } from './pool.ts';
import * as run from './run.ts';
import { runCreateMany, type Creation } from './run-create.ts';
import { Together } from './together.ts';
import * as token from './token.ts';
import * as upgrade from './upgrade.ts';

/** Of new runs that share a transaction: so many, with so many hosts. */
const [RUNS_TOGETHER_MAX, HOSTS_TOGETHER_MAX] = [100, 2_000];
const CLAIMS_TOGETHER_MAX = 200;
const ANSWERS_TOGETHER_LENGTH_MAX = 1_000_000;

export interface PostgresStoreOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly poolMax?: number;
  /** Told of each write that PostgreSQL refused for want of space. */
  readonly onFull?: () => void;
  /** The key that the audit is chained under: asked for once, when the tables are there. It may be kept among the sealed secrets. */
  readonly auditKey: (secrets: SecretStore) => Promise<Uint8Array>;
}

export type SecretStore = Pick<Store, 'secretPut' | 'secretFetch'>;

export type WholeStore = Store & AccountStore & HostStore;

/** `forFleet`: the same over connections of its own, for what this server asks in the name of its workers and agents: no caller is in its way. */
export type PostgresStore = WholeStore & { readonly forFleet: WholeStore };

/** Connects, migrates and makes the coming days' partitions before it answers. */
export async function createPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const { clock, log, url } = options;
  const onFull = options.onFull ?? (() => undefined);
  const pool = new Pool({ url, log, onFull, ...(options.poolMax === undefined ? {} : { max: options.poolMax }) });
  const secrets = secretsOn(pool);
  // What callers ask for never keeps what this server owns from being written, nor its partitions and hints.
  const ownPool = new Pool({
    url,
    log,
    onFull,
    max: Math.min(limits.ownerConnectionsMax, options.poolMax ?? Infinity),
  });
  const fleetPool = new Pool({
    url,
    log,
    onFull,
    max: Math.min(limits.fleetConnectionsMax, options.poolMax ?? Infinity),
  });
  const pools = [pool, ownPool, fleetPool];
  const databaseClock = new DatabaseClock(clock, ownPool);
  try {
    await migrate(pool);
    const auditKey = await options.auditKey(secrets);
    for (const each of pools) each.auditKey = auditKey;
    await databaseClock.start();
    await maintain(pool, { runsKeptMs: Number.MAX_SAFE_INTEGER / 2, aheadDays: 2 }, databaseClock.nowMs());
  } catch (error) {
    databaseClock.stop();
    await Promise.allSettled(pools.map((each) => each.close()));
    throw error;
  }
  const hints = new Hints({ pool: ownPool, url, clock, log });
  const parts = { ownPool, databaseClock, hints };
  const close = async (): Promise<void> => {
    databaseClock.stop();
    await hints.close();
    await Promise.all(pools.map((each) => each.close()));
  };
  return { ...operationsOn(pool, parts, close), forFleet: operationsOn(fleetPool, parts, close) };
}

function secretsOn(pool: Pool): SecretStore {
  return {
    async secretPut(name, sealed) {
      const { rowCount } = await pool.query(
        'INSERT INTO secret (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        [name, sealed],
      );
      return rowCount > 0 ? 'stored' : 'exists';
    },
    async secretFetch(name) {
      const { rows } = await pool.query<{ sealed: Buffer }>('SELECT sealed FROM secret WHERE name = $1', [name]);
      return rows[0]?.sealed;
    },
  };
}

interface SharedParts {
  readonly ownPool: Pool;
  readonly databaseClock: DatabaseClock;
  readonly hints: Hints;
}

/** The operations, asked over the connections of `pool`; what an owner does goes over its own all the same. */
function operationsOn(
  pool: Pool,
  { ownPool, databaseClock, hints }: SharedParts,
  close: () => Promise<void>,
): WholeStore {
  const now = (): number => databaseClock.nowMs();
  /** Connections stand on accounts as on hosts: both are told by one hint. */
  const waysChange = async <Answer extends { readonly kind: string }>(
    kind: Answer['kind'],
    work: Promise<Answer>,
  ): Promise<Answer> => {
    const answer = await work;
    if (answer.kind === kind) hints.notify('hosts', '');
    return answer;
  };
  const creations = new Together<Creation, RunRecord>({
    write: (batch) => runCreateMany(pool, batch, now()),
    weigh: ({ run: { targets } }) => targets.length,
    weightMax: HOSTS_TOGETHER_MAX,
    itemsMax: RUNS_TOGETHER_MAX,
  });
  const claims = new Together<token.Claim, token.ClaimAnswer>({
    write: (batch) => token.idempotencyClaimMany(pool, batch, now()),
    weigh: () => 1,
    weightMax: CLAIMS_TOGETHER_MAX,
    itemsMax: CLAIMS_TOGETHER_MAX,
  });
  const claimEnds = new Together<token.ClaimEnd, void>({
    write: async (batch) => {
      await token.idempotencyStoreMany(pool, batch);
      return batch.map(() => undefined);
    },
    weigh: ({ body }) => body.length,
    weightMax: ANSWERS_TOGETHER_LENGTH_MAX,
    itemsMax: CLAIMS_TOGETHER_MAX,
  });
  const commits = new Together<OwnerCommit, CommitResult>({
    write: (batch) => owner.ownerCommitMany(ownPool, batch),
    weigh: ({ executions }) => executions.length,
    weightMax: limits.commitBatchMax,
    itemsMax: PARTITION_COUNT,
  });
  return {
    clock: () => databaseClock,
    async runCreate(newRun, entry) {
      const record = await creations.call({ run: newRun, audit: entry });
      hints.notify('run', newRun.id);
      return record;
    },
    runSealedSecrets: (id) => run.runSealedSecrets(pool, id),
    runFetch: (id, whose) => run.runFetch(whose === 'own' ? ownPool : pool, id),
    runList: (filter, page) => run.runList(pool, filter, page),
    async runCancelRequest(id, actor, entry) {
      const answer = await run.runCancelRequest(pool, id, actor, entry, now());
      if (answer === 'requested' || answer === 'already-requested') hints.notify('run', id);
      return answer;
    },
    async runRetry(id, states, entry) {
      const answer = await run.runRetry(pool, id, states, entry, now());
      if (answer.kind === 'opened') hints.notify('run', id);
      return answer;
    },
    timelineList: (id, page) => run.timelineList(pool, id, page),
    executionFetch: (key) => execution.executionFetch(pool, key),
    executionList: (id, filter, page) => execution.executionList(pool, id, filter, page),
    executionChanges: (id, after, page) => execution.executionChanges(pool, id, after, page),
    timelineAfter: (id, after, page) => run.timelineAfter(pool, id, after, page),
    runSeqs: (ids) => run.runSeqs(pool, ids),
    executionHistory: (key) => execution.executionHistory(pool, key),
    outputGroups: (id, groups) => execution.outputGroups(pool, id, groups),
    outputRead: (key, stream, offset, length) => execution.outputRead(pool, key, stream, offset, length),

    ownerLook: (id) => lease.ownerLook(ownPool, id, () => databaseClock.reading()),
    runSeed: (id) => run.runSeed(ownPool, id),
    ownerCommit: (commit) => commits.call(commit),
    outputChunkWrite: (fence, chunks) => owner.outputChunkWrite(ownPool, fence, chunks),

    serverRegister: (server) => lease.serverRegister(ownPool, server),
    serverDeregister: (id) => lease.serverDeregister(ownPool, id),
    partitionRelease: (id, partitions) => lease.partitionRelease(ownPool, id, partitions),

    agentJoin: (join, entry) => agentJoin.agentJoin(pool, join, entry, now()),
    async agentCertificateRenewed(id, publicKey, expiresAtMs) {
      const { rowCount } = await pool.query(
        "UPDATE agent SET public_key = $2, certificate_expires_at_ms = $3 WHERE id = $1 AND state = 'active'",
        [id, publicKey, expiresAtMs],
      );
      return rowCount > 0;
    },
    agentFetch: (id) => fleet.agentFetch(pool, id),
    agentInstancesShow: (shown) => agentSession.agentInstancesShow(ownPool, shown, now()),
    async agentInstanceKeep(id, instance, entry) {
      const answer = await agentSession.agentInstanceKeep(pool, id, instance, entry, now());
      if (answer === 'kept') hints.notify('fleet', id);
      return answer;
    },
    agentList: (page, hostIds) => fleet.agentList(pool, page, hostIds),
    async agentRevoke(id, entry) {
      const answer = await fleet.agentRevoke(pool, id, entry, now());
      if (answer === 'revoked') hints.notify('fleet', id);
      return answer;
    },
    fleetLook: () => fleetLook(ownPool, now()),
    workerJoin: (join, entry) => fleet.workerJoin(pool, join, entry, now()),
    workerFetch: (id) => fleet.workerFetch(ownPool, id),
    async workerRevoke(id, entry) {
      const worker = await fleet.workerRevoke(pool, id, entry, now());
      if (worker) hints.notify('fleet', id);
      return worker;
    },
    workerSeen: (worker) => fleet.workerSeen(ownPool, worker),
    workerList: () => fleet.workerList(pool),
    async workerDrain(id, drained, entry) {
      const worker = await fleet.workerDrain(pool, id, drained, entry, now());
      if (worker) hints.notify('fleet', id);
      return worker;
    },
    hostPresenceWrite: (changes) => fleet.hostPresenceWrite(ownPool, changes),
    hostPresenceReconcile: (snapshot) => fleet.hostPresenceReconcile(ownPool, snapshot),
    hostFactsWrite: (changes) => fleet.hostFactsWrite(ownPool, changes),
    hostFetch: (idOrName) => fleet.hostFetch(pool, idOrName),
    hostList: (filter, page) => fleet.hostList(pool, filter, page),
    hostDirectory: (knownVersion) => fleet.hostDirectory(pool, knownVersion),
    hostLabel: (id, change, guarded, entry) => fleet.hostLabel(pool, id, change, guarded, entry, now()),
    twinAccept: (id, entry) => agentJoin.twinAccept(pool, id, entry, now()),
    async twinReplace(id, entry) {
      const answer = await agentJoin.twinReplace(pool, id, entry, now());
      if (answer.kind === 'replaced') {
        hints.notify('fleet', answer.agentId ?? id);
        hints.notify('hosts', '');
      }
      return answer;
    },
    async hostRemove(id, entry) {
      const answer = await fleet.hostRemove(pool, id, entry, now());
      if (answer === 'removed') {
        hints.notify('fleet', id);
        hints.notify('hosts', '');
      }
      return answer;
    },
    async hostImport(entries, how, entry) {
      const answer = await hostAccess.hostImport(pool, entries, how, entry, now());
      if (answer.kind === 'done' && !how.dryRun) hints.notify('hosts', '');
      return answer;
    },
    async hostEdit(id, change, guarded, entry) {
      const answer = await hostAccess.hostEdit(pool, id, change, guarded, entry, now());
      if (answer.kind === 'edited') hints.notify('hosts', '');
      return answer;
    },
    hostAccess: (id) => hostAccess.hostAccess(pool, id),
    hostAccessList: (knownVersion) => hostAccess.hostAccessList(pool, knownVersion),
    hostKeyList: (id) => hostKey.hostKeyList(pool, id),
    hostKeyRecord: (id, key, seenBy) => hostKey.hostKeyRecord(pool, id, key, seenBy, now()),
    hostKeyImport: (keys, entry) => hostKey.hostKeyImport(pool, keys, entry, now()),
    hostKeyAccept: (id, keyId, entry) => hostKey.hostKeyAccept(pool, id, keyId, entry, now()),
    hostKeyRemove: (id, keyId, entry) => hostKey.hostKeyRemove(pool, id, keyId, entry, now()),

    upgradeCreate: (wanted, entry) => upgrade.upgradeCreate(pool, wanted, entry, now()),
    upgradeFetch: (id) => upgrade.upgradeFetch(pool, id),
    upgradeList: (page) => upgrade.upgradeList(pool, page),
    agentUpgradeList: (id, page) => upgrade.agentUpgradeList(pool, id, page),
    upgradeCancelRequest: (id, entry) => upgrade.upgradeCancelRequest(pool, id, entry, now()),
    upgradeActiveList: () => upgrade.upgradeActiveList(ownPool),
    upgradeAdvance: (id) => upgrade.upgradeAdvance(ownPool, id, now()),
    agentUpgradeHeard: (id, heard) => upgrade.agentUpgradeHeard(ownPool, id, heard, now()),

    joinTokenCreate: (join, entry) => fleet.joinTokenCreate(pool, join, entry, now()),
    joinTokenCheck: (hash, role) => fleet.joinTokenCheck(pool, hash, role, now()),
    joinTokenList: () => fleet.joinTokenList(pool, now()),
    joinTokenRevoke: (id, entry) => fleet.joinTokenRevoke(pool, id, entry, now()),
    apiTokenCreate: (api, entry) => token.apiTokenCreate(pool, api, entry, now()),
    apiTokenFetch: (hash) => token.apiTokenFetch(pool, hash),
    apiTokenRevokedOf: (ids) => token.apiTokenRevokedOf(ownPool, ids),
    apiTokenList: () => token.apiTokenList(pool),
    apiTokenRevoke: (id, entry) => token.apiTokenRevoke(pool, id, entry, now()),

    auditAppend: (entry) => pool.transaction((tx) => audit.auditAppend(tx, entry, now())),
    auditWrite: (entry) => pool.transaction((tx) => audit.auditAppend(tx, entry, now())),
    auditSeal: () => auditSeal(ownPool),
    auditVerify: (after) => auditVerify(pool, after),
    auditList: (filter, page) => audit.auditList(pool, filter, page),
    idempotencyClaim: (key, principal, requestHash) => claims.call({ key, principal, requestHash }),
    idempotencyStore: (key, principal, status, body) => claimEnds.call({ key, principal, status, body }),
    idempotencyRelease: (key, principal) => token.idempotencyRelease(pool, key, principal),
    ...secretsOn(pool),

    accountCreate: (id, settings, secrets, entry) =>
      waysChange('created', account.accountCreate(pool, id, settings, secrets, entry, now())),
    accountFetch: (idOrName) => account.accountFetch(pool, idOrName),
    accountList: () => account.accountList(pool),
    accountIdsByName: (names) => account.accountIdsByName(pool, names),
    accountReplace: (id, version, settings, secrets, keep, entry) =>
      waysChange('replaced', account.accountReplace(pool, id, version, settings, secrets, keep, entry, now())),
    accountRemove: (id, isForced, entry) =>
      waysChange('removed', account.accountRemove(pool, id, isForced, entry, now())),
    accountSecrets: (id) => account.accountSecrets(pool, id),
    accountOfHost: (id) => account.accountOfHost(pool, id),
    accountUsed: (runId, uses) => account.accountUsed(pool, runId, uses, now()),
    accountSecretsNotUnder: (keyId, after, limit) => account.accountSecretsNotUnder(pool, keyId, after, limit),
    accountSecretsReseal: (changes) => account.accountSecretsReseal(pool, changes),
    runSecretsList: (after, limit) => account.runSecretsList(pool, after, limit),
    runSecretsReseal: (changes) => account.runSecretsReseal(pool, changes),
    secretList: () => account.secretList(pool),
    secretReseal: (name, from, to) => account.secretReseal(pool, name, from, to),

    notify: (topic, payload) => hints.notify(topic, payload),
    listen: (topic, onHint, onGap) => hints.listen(topic, onHint, onGap),
    maintain: (what) => maintain(ownPool, what, now()),
    ping: async () => void (await ownPool.query({ name: 'ping', text: 'SELECT 1' })),
    close,
  };
}
