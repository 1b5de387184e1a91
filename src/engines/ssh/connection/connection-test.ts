/**
 * Says of one way to a host, step by step, what works and what does not: for whoever sets a host up. Uses a connection of its own, so
 * that a warm one does not hide what has changed. What fails first is told with what to do; what lies behind it was not tried.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import { DroverError, errorCodeOf, type ErrorCode } from '../../../base/errors.ts';
import { limits } from '../../../base/limits.ts';
import type { Log } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import type { SshAccess } from '../../../protocol/link/ssh-access.ts';
import type { RecordHostKey } from './host-key.ts';
import { neededUser, type RemoteProgram } from '../remote/remote-become.ts';
import { RemoteConversation } from '../remote/remote-conversation.ts';
import type { RemoteShell } from '../remote/remote-shell.ts';
import { runBriefly, shellFault } from '../remote/shell-probe.ts';
import type { DialStep } from './ssh-dial.ts';
import { SshPool, type SshPoolOptions } from './ssh-pool.ts';

/** In the order in which they are tried. `jump` is the whole way to the last jump host. */
const STEPS = ['jump', 'dns', 'tcp', 'ssh', 'host-key', 'auth', 'shell', 'become', 'state-folder', 'noexec'] as const;
export type ConnectionTestStep = (typeof STEPS)[number];

export interface ConnectionTestResult {
  readonly step: ConnectionTestStep;
  /** `warning`: scripts run all the same. */
  readonly result: 'ok' | 'failed' | 'warning' | 'not-tried';
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface ConnectionTestOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly recordHostKey: RecordHostKey;
  readonly onKeyChanged?: SshPoolOptions['onKeyChanged'] & object;
  readonly dial?: SshPoolOptions['dial'] & object;
  readonly names?: SshPoolOptions['names'] & object;
}

/**
 * Places that take files, one a line; those where nothing may be executed with a mark. What is made is a folder of our own under a name
 * that nobody can guess; it is removed whether or not it takes a byte (a full disk takes the name), before anything is said (the line
 * may be gone).
 */
const foldersProgram = (name: string): string =>
  [
    'for d in /tmp /var/tmp /dev/shm "$HOME" "$XDG_RUNTIME_DIR"; do [ -d "$d" ] && [ -w "$d" ] || continue; ' +
      `f="$d/.drover-test-${name}"; mkdir -m 700 "$f" 2>/dev/null || continue; is="";`,
    'if echo "exit 0" 2>/dev/null >"$f/x" && [ -s "$f/x" ]; then chmod 700 "$f/x"; if "$f/x" 2>/dev/null; then ' +
      'is=takes; else is=noexec; fi; fi;',
    'rm -rf "$f"; [ -z "$is" ] || echo "$is $d"; done; echo over',
  ].join(' ');

/** Does what it is told, once. */
const ECHO: RemoteProgram = { head: 'IFS= read -r y; eval "$y"', rest: '' };

export async function testConnection(
  access: SshAccess,
  options: ConnectionTestOptions,
): Promise<ConnectionTestResult[]> {
  const results = new Map<ConnectionTestStep, ConnectionTestResult>();
  const ok = (step: ConnectionTestStep): void => void results.set(step, { step, result: 'ok' });
  const hop = access.hops.at(-1);
  const pool = new SshPool({
    ...options,
    access: async () => access,
    onStep: (hostId: string, step: DialStep) => {
      if (hostId === hop?.hostId) ok(step);
    },
  });
  let current: ConnectionTestStep | undefined;
  try {
    const { shell, host } = await pool.shell({ hostId: access.hostId, accountId: access.accountId });
    current = 'shell';
    const fault = await shellFault(shell, host.hop, options.clock);
    if (fault) throw fault;
    ok('shell');
    current = 'become';
    await testBecome(shell, access, options.clock);
    ok('become');
    current = 'state-folder';
    for (const one of await testFolders(shell, access, options.clock)) results.set(one.step, one);
  } catch (error) {
    const step = current ?? stepOf(error, access);
    if (!(error instanceof DroverError)) options.log.error({ err: error }, 'a connection test met a fault of ours');
    results.set(step, {
      step,
      result: 'failed',
      code: errorCodeOf(error),
      detail: error instanceof DroverError ? error.detail : (error as Error).message,
    });
  } finally {
    pool.stop();
  }
  return fillIn(results, access);
}

/**
 * Steps behind the one that failed were not tried. Those before it were passed, unless nobody was dialled at all: an account without a
 * credential, or with a key that cannot be read, is told before that.
 */
function fillIn(
  results: ReadonlyMap<ConnectionTestStep, ConnectionTestResult>,
  access: SshAccess,
): ConnectionTestResult[] {
  const steps = STEPS.filter((step) => step !== 'jump' || access.hops.length > 1);
  const failed = steps.findIndex((step) => results.get(step)?.result === 'failed');
  const wasDialled = results.has('tcp') || results.get('dns')?.result === 'failed';
  return steps.map(
    (step, i) => results.get(step) ?? { step, result: failed >= 0 && (i > failed || !wasDialled) ? 'not-tried' : 'ok' },
  );
}

function stepOf(error: unknown, access: SshAccess): ConnectionTestStep {
  const { context } = error as Partial<DroverError>;
  const isOnTheWay =
    access.hops.length > 1 && context?.hostId !== undefined && context.hostId !== access.hops.at(-1)!.hostId;
  switch (isOnTheWay ? 'ssh-path-invalid' : errorCodeOf(error)) {
    case 'ssh-path-invalid':
    case 'ssh-forward-refused':
      return access.hops.length > 1 ? 'jump' : 'dns';
    case 'ssh-name-unknown':
      return 'dns';
    case 'ssh-refused':
      return 'tcp';
    case 'ssh-timeout':
      return /login/.test((error as DroverError).detail)
        ? 'auth'
        : /key exchange/.test((error as DroverError).detail)
          ? 'ssh'
          : 'tcp';
    case 'ssh-lost':
      return /login/.test((error as DroverError).detail) ? 'auth' : 'ssh';
    case 'ssh-host-key-unknown':
    case 'ssh-host-key-changed':
      return 'host-key';
    case 'ssh-auth-failed':
    case 'ssh-key-passphrase':
    case 'ssh-key-unreadable':
    case 'ssh-password-expired':
      return 'auth';
    case 'ssh-session-refused':
    case 'ssh-no-shell':
      return 'shell';
    default:
      return 'ssh';
  }
}

async function testBecome(shell: RemoteShell, access: SshAccess, clock: Clock): Promise<void> {
  const { become } = neededUser(access.become, undefined, access.hops.at(-1)!.user);
  if (become.kind === 'direct') return;
  // Rejects where a password is asked for, and that goes wrong.
  const conversation = await RemoteConversation.open(shell, ECHO, { become }, clock);
  conversation.send(`echo ${conversation.nonce} here\n`);
  let cancel: () => void = () => undefined;
  const stuck = new Promise<never>((_resolve, reject) => {
    cancel = clock.after(limits.sshBecomeMs, () => {
      reject(conversation.stuck());
      conversation.close();
    });
  });
  try {
    const { done } = await Promise.race([conversation.messages().next(), stuck]);
    if (done) throw await conversation.fault();
  } finally {
    cancel();
    conversation.close();
  }
}

async function testFolders(shell: RemoteShell, access: SshAccess, clock: Clock): Promise<ConnectionTestResult[]> {
  const { stdout = '' } = await runBriefly(
    shell,
    `exec /bin/sh -c '${foldersProgram(randomBytes(8).toString('hex'))}'`,
    '',
    clock,
  );
  const folders = stdout
    .split('\n')
    .flatMap((line) =>
      /^(takes|noexec) /.test(line) ? [{ path: line.replace(/^\w+ /, ''), runs: line.startsWith('takes ') }] : [],
    );
  if (folders.length === 0) {
    throw new DroverError('spool-unwritable', {
      detail:
        `${access.hops.at(-1)!.address}: none of /tmp, /var/tmp, /dev/shm, the home and the runtime folder takes a ` +
        'file. Free space there, or make one of them writable for the account.',
    });
  }
  const noexec = folders.filter((folder) => !folder.runs).map((folder) => folder.path);
  return [
    { step: 'state-folder', result: 'ok', detail: `Files of a running script lie in ${folders[0]!.path}.` },
    noexec.length === 0
      ? { step: 'noexec', result: 'ok' }
      : {
          step: 'noexec',
          result: 'warning',
          detail:
            `Nothing may be executed in ${noexec.join(', ')}. Scripts run all the same, through their interpreter; ` +
            'programs that they unpack there will not.',
        },
  ];
}
