/** What `drover up` is asked for on its command line. */
import { resolve } from 'node:path';
import { DroverError } from '../base/errors.ts';
import { upDataDir } from '../base/node-data-folder.ts';
import { readArgs } from '../base/read-args.ts';
import { findAccount } from '../engines/process/account.ts';
import { parseAllowList } from '../outbound/allow-list.ts';
import { databaseAddress } from './database-address.ts';

export interface UpConfig {
  readonly dataDir: string;
  readonly listen: string;
  readonly agents: number;
  /** The user that this machine's agents, and so the scripts on it, run as; ours where it is absent. */
  readonly agentsAs: string | undefined;
  /** They run as our own user, and nobody has said that this is meant: whoever runs scripts here could read our token. */
  readonly isTokenExposed: boolean;
  /** As whom its worker carries out tasks without hosts; absent: it carries out none. */
  readonly processUser: string | undefined;
  /** Where calls of this machine's worker may go beside public addresses, as `drover worker` takes it. */
  readonly callAllow: string | undefined;
  readonly json: boolean;
  /** Undefined: PostgreSQL of our own. */
  readonly databaseUrl: string | undefined;
}

/** What every system has for work that is to own nothing. */
const UNPRIVILEGED = 'nobody';

export function parseConfig(): UpConfig {
  const databaseUrl = databaseAddress('DATABASE_URL');
  const { values } = readArgs({
    options: {
      data: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:7400' },
      agents: { type: 'string', default: '1' },
      'agents-as': { type: 'string' },
      'process-user': { type: 'string' },
      'call-allow': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    strict: true,
  });
  const agents = Number(values.agents);
  if (!/^\d{1,3}$/.test(values.agents) || agents > 200)
    throw new DroverError('bad-input', {
      detail: `--agents wants a number from 0 to 200, not ${JSON.stringify(values.agents)}.`,
    });
  if (!(Number(/:(\d{1,5})$/.exec(values.listen)?.[1]) <= 65_535))
    throw new DroverError('bad-input', {
      detail: `--listen wants HOST:PORT with a port from 0 to 65535, not ${JSON.stringify(values.listen)}.`,
    });
  parseAllowList(values['call-allow'] ?? '', '--call-allow');
  // PostgreSQL and the children have working folders of their own.
  return {
    dataDir: resolve(values.data ?? upDataDir()),
    listen: values.listen,
    agents,
    processUser: processUser(values['process-user']),
    callAllow: values['call-allow'],
    json: values.json,
    databaseUrl,
    ...scriptsUsers(values['agents-as'], agents, values['process-user']),
  };
}

function processUser(asked: string | undefined): string | undefined {
  if (asked !== undefined && !findAccount(asked))
    throw new DroverError('bad-input', {
      detail: `--process-user wants a user of this machine; there is no ${asked}.`,
    });
  return asked;
}

/** Our token can be read by scripts of agents that run as we do, and by tasks that do. */
function scriptsUsers(
  asked: string | undefined,
  agents: number,
  tasksAs: string | undefined,
): Pick<UpConfig, 'agentsAs' | 'isTokenExposed'> {
  const users = agentsUser(asked, agents);
  const areTasksOurs = tasksAs !== undefined && findAccount(tasksAs)?.uid === process.getuid?.();
  return { ...users, isTokenExposed: users.isTokenExposed || areTasksOurs };
}

/** Root's agents become nobody unless somebody says otherwise. Who is not root has no other user to give them. */
function agentsUser(asked: string | undefined, agents: number): Pick<UpConfig, 'agentsAs' | 'isTokenExposed'> {
  if (asked !== undefined && !findAccount(asked))
    throw new DroverError('bad-input', { detail: `--agents-as wants a user of this machine; there is no ${asked}.` });
  const agentsAs = asked ?? (process.getuid?.() === 0 && findAccount(UNPRIVILEGED) ? UNPRIVILEGED : undefined);
  return { agentsAs, isTokenExposed: agents > 0 && agentsAs === undefined };
}
