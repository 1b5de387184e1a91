/** `drover server`: the control plane. Wires contracts to implementations; nothing is decided here. */
import { AgentPackages } from '../app/agent-packages.ts';
import { certificateLifeMs } from '../app/certificate-life.ts';
import { calmLog } from '../base/calm-log.ts';
import { systemClock } from '../base/clock.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type TokenId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { refuseCoreFiles } from '../base/node-core-files.ts';
import { acquireFolderLock } from '../base/node-lock.ts';
import { createJsonLog } from '../base/node-log.ts';
import { keepFilesPrivate, onStopSignal, runMain } from '../base/node-process.ts';
import { readArgs } from '../base/read-args.ts';
import { parseWeights, type ScoreWeights } from '../domain/placement/plugins.ts';
import { newApiToken } from '../app/token.ts';
import { authorityFile, writeAuthority } from '../pki/authority-file.ts';
import { parseAllowList } from '../outbound/allow-list.ts';
import { hashSecret } from '../pki/join-token.ts';
import { loadMasterKey } from '../pki/sealer.ts';
import { migrateAsOwner } from '../store/postgres/owner-role.ts';
import type { Store } from '../store/contract/store.ts';
import { databaseAddress } from './database-address.ts';
import { dataFolderOf } from './data-folders.ts';
import { onceDatabaseAnswers } from './database-wait.ts';
import { createServer } from './server.ts';

async function main(): Promise<void> {
  const { values } = readArgs({
    options: {
      data: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:7400' },
      advertise: { type: 'string' },
      'bootstrap-token': { type: 'boolean' },
      packages: { type: 'string' },
      json: { type: 'boolean' },
      'migrate-only': { type: 'boolean' },
      'agents-share-user': { type: 'boolean' },
      // Where the data of PostgreSQL lie, told by whoever brings it.
      'database-folder': { type: 'string' },
    },
    strict: true,
  });
  const databaseUrl = databaseAddress('DATABASE_URL');
  if (!databaseUrl)
    throw new DroverError('bad-input', {
      detail:
        'Set DATABASE_URL to a PostgreSQL database (postgres://user:password@host/database), or use `drover up`, which brings its own.',
    });
  const log = calmLog(createJsonLog({ role: 'server' }), systemClock);
  if (values['migrate-only'])
    return migrateAsOwner(databaseAddress('DATABASE_OWNER_URL') ?? databaseUrl, databaseUrl, log);
  const dataDir = values.data ?? dataFolderOf('server');
  refuseCoreFiles(log);
  await acquireFolderLock(dataDir, 'server');
  keepFilesPrivate();
  const masterKey = loadMasterKey(`${dataDir}/master.key`, process.env.DROVER_MASTER_KEY);
  const server = await createServer({
    databaseUrl,
    listen: values.listen,
    advertise: values.advertise,
    masterKey,
    agentsShareUser: values['agents-share-user'] ?? false,
    databaseFolder: values['database-folder'],
    log,
    clock: systemClock,
    certificateMs: certificateLifeMs(process.env.DROVER_CERTIFICATE_LIFE),
    packages: new AgentPackages(
      values.packages ?? process.env.DROVER_PACKAGES ?? `${dataDir}/packages`,
      process.env.DROVER_RELEASE_KEY,
      log,
    ),
    outboundAllowed: parseAllowList(process.env.DROVER_OUTBOUND_ALLOW ?? ''),
    placementWeights: placementWeights(process.env.DROVER_PLACEMENT_WEIGHTS ?? ''),
    ...given({ linksUrl: linksUrl(process.env.DROVER_PUBLIC_URL) }),
  });
  onStopSignal(log, server.stop);
  const token = values['bootstrap-token']
    ? await onceDatabaseAnswers(systemClock, log, () => bootstrapToken(server.store))
    : undefined;
  writeAuthority(dataDir, server.ca);
  const ready = { ready: true, url: server.url, ca: authorityFile(dataDir), ...given({ token: token || undefined }) };
  log.info({ url: server.url }, 'ready');
  // Our supervisor reaches us from this machine, whatever name others use.
  process.send?.({ ...ready, localUrl: server.localUrl, ca: server.ca });
  if (values.json) process.stdout.write(`${JSON.stringify(ready)}\n`);
  // A supervisor has it by message; what it keeps of our output is a log, and no place for a token.
  else if (token && process.send === undefined)
    process.stdout.write(`An administrator's token, shown this once: ${token}\n`);
}

function placementWeights(text: string): ScoreWeights {
  const read = parseWeights(text);
  if (read.ok) return read.weights;
  throw new DroverError('bad-input', { detail: `DROVER_PLACEMENT_WEIGHTS: ${read.detail}` });
}

/** Without the slash at its end. */
function linksUrl(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text))
    throw new DroverError('bad-input', {
      detail: `DROVER_PUBLIC_URL wants a URL such as https://drover.example.com, not ${JSON.stringify(text)}.`,
    });
  return text.replace(/\/+$/, '');
}

/** An admin token for whoever started us; the supervisor keeps it. Every server of a cluster may make its own. */
async function bootstrapToken(store: Store): Promise<string> {
  const token = newApiToken();
  const id = newId<'token'>() as TokenId;
  const create = (name: string): ReturnType<Store['apiTokenCreate']> =>
    store.apiTokenCreate(
      { id, hash: hashSecret(token), name, role: 'admin', lifetimeMs: limits.apiTokenMsDefault },
      {
        actor: { kind: 'system', id: 'up', name: 'drover up' },
        action: 'access.token.create',
        target: `token/${id}`,
        detail: { name, role: 'admin' },
      },
    );
  if ((await create('local-admin')) === 'name-taken') await create(`local-admin-${id}`);
  return token;
}

await runMain(main);
