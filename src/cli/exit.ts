/** What a command ends with, and how a failure is told: to a person in words, to a program as one problem. */
import { DroverApiError, DroverClientError, DroverUnreachableError, type HeardAnswer, type Run } from '@drover/sdk';
import { EXIT, exitOfError, exitOfRefusal } from '../base/exit-codes.ts';
import { given } from '../base/given.ts';
import { upDataDir } from '../base/node-data-folder.ts';
import { isAboutPath, systemWords } from '../base/system-words.ts';
import { programName } from './program-name.ts';
import { ownFolderOf } from './servers/local-folders.ts';

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** As the server's own problems (RFC 9457), with the exit code; on standard error in one line. */
interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status?: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { pointer: string; code: string; detail: string }[];
  readonly requestId?: string;
  readonly exitCode: number;
}

interface Explained {
  readonly message: string;
  readonly code: number;
  readonly problem: Problem;
}

/** The latest answers of servers, oldest first: where a command falls over, it may be for what it was told. */
const heard: HeardAnswer[] = [];
const HEARD_MAX = 4;

export function noteAnswer(answer: HeardAnswer): void {
  heard.push(answer);
  if (heard.length > HEARD_MAX) heard.shift();
}

/** One calm message for whatever went wrong, the code to exit with, and the same for a program. */
export async function explain(error: unknown): Promise<Explained> {
  const told = (title: string, code: string, message: string, exitCode: number): Explained => ({
    message,
    code: exitCode,
    problem: { type: 'about:blank', title, code, detail: message, exitCode },
  });
  if (error instanceof UsageError) return told('Bad usage', 'bad-input', error.message, EXIT.usage);
  if (error instanceof DroverUnreachableError)
    return told('Server not reached', 'server-unreachable', await unreachedText(error), EXIT.unreachable);
  const toldClient = (refusal: DroverClientError): Explained =>
    told(CLIENT_TITLES[refusal.code], refusal.code, clientText(refusal), exitOfError(refusal.code));
  if (error instanceof DroverClientError) return toldClient(error);
  // Whoever opens a file says what it was for; this is for those that we never thought of.
  if (isAboutPath(error)) return told('Bad usage', 'bad-input', `${error.path}: ${systemWords(error)}.`, EXIT.usage);
  if (!(error instanceof DroverApiError)) {
    const fault = (await import('./servers/answer-fault.ts')).answerFault(heard);
    if (fault !== undefined)
      return toldClient(new DroverClientError('server-answer-invalid', `The server's answer does not fit: ${fault}.`));
    return told('Internal fault', 'internal', (error as Error).stack ?? String(error), EXIT.failed);
  }
  const { message, code } = explainRefusal(error);
  const { status, detail, errors, requestId } = error;
  return {
    message,
    code,
    problem: {
      type: 'about:blank',
      title: 'Refused',
      status,
      code: error.code,
      detail,
      ...given({ errors: errors.length > 0 ? errors : undefined, requestId }),
      exitCode: code,
    },
  };
}

/**
 * What a run came to. Hosts that were not reached are another matter than work that failed, or that a host refused for good: whoever calls
 * may try those again. `others`: executions that were lost or not started, asked for only when all hangs on their reasons.
 */
export async function exitOfRun(
  { state, counts }: Pick<Run, 'state' | 'counts'>,
  others: () => AsyncIterable<{ readonly reason?: string | undefined }>,
): Promise<number> {
  // Conditions left nothing to do: that is what was asked for.
  const hasNothing = state === 'skipped' && Object.values(counts).every((count) => count === 0);
  if (state === 'succeeded' || hasNothing) return EXIT.succeeded;
  const {
    failed = 0,
    timed_out = 0,
    cancelled = 0,
    lost = 0,
    not_started = 0,
  } = counts as Readonly<Record<string, number>>;
  if (state !== 'failed' || failed + timed_out + cancelled > 0 || lost + not_started === 0) return EXIT.failed;
  const { UNREACHED } = await import('../domain/run/unreached.ts');
  for await (const { reason } of others()) if (!UNREACHED.has(reason ?? '')) return EXIT.failed;
  return EXIT.hostsUnreached;
}

const CLIENT_TITLES = {
  'server-answer-invalid': 'Answer not understood',
  'token-in-clear': 'Token not sent',
} as const;

function clientText({ code, message }: DroverClientError): string {
  const advice =
    code === 'token-in-clear'
      ? 'Say https://. Where nobody else is on the way: DROVER_TOKEN_IN_CLEAR=yes.'
      : 'Is the address right? It is in DROVER_URL, or in what drover login stored (drover context list).';
  return `${message} (${code})\n${advice}`;
}

/** In words, and what to do about it. */
async function unreachedText({ message, cause }: DroverUnreachableError): Promise<string> {
  const { networkWords } = await import('../base/network-words.ts');
  const [url = ''] = message.split(' was not reached: ');
  const words = networkWords(cause);
  const { lockHolder } = await import('../base/node-lock.ts');
  return `${words === undefined ? message : `${url} was not reached: ${words}.`}\n${unreachedAdvice(url, message, lockHolder)}`;
}

function unreachedAdvice(url: string, message: string, holderOf: (folder: string) => number | undefined): string {
  const own = ownFolderOf(url);
  const isAnother = /certificate|altname|self.signed|ssl|tls/i.test(message);
  if (own !== undefined && isAnother)
    return (
      `Something else listens there than the drover up of this machine (data in ${own}), whose authority did not sign ` +
      'what it shows. No token was sent to it. Find out what it is (ss -ltnp), and stop it.'
    );
  if (own !== undefined && holderOf(own) !== undefined)
    return (
      `It is the drover up of this machine, which runs and whose server does not: it is starting, or starts again. Try again in a ` +
      `moment; why is in ${own}/logs/server.log.`
    );
  if (own !== undefined)
    return (
      'It is the drover up of this machine, which does not run now. Start it: ' +
      `${programName()} up${own === upDataDir() ? '' : ` --data ${own}`} (data in ${own}).`
    );
  if (isAnother)
    return (
      'Its certificate is not one that this machine trusts. `drover login URL` asks whom to trust and keeps it; ' +
      'DROVER_CA names a file with the certificate of its authority.'
    );
  return (
    'Is the server running, and is the address right? It is in DROVER_URL, or in what drover login stored ' +
    '(drover context list).'
  );
}

function explainRefusal(error: DroverApiError): { message: string; code: number } {
  const { status, code, detail, errors } = error;
  const advice = status === 401 ? '\nCheck DROVER_TOKEN, or log in again: drover login URL.' : '';
  const faults =
    errors.length > 1
      ? `${errors.length} things are ` +
        `wrong:${errors.map((fault) => `\n  ${flagOf(fault.pointer)}: ${fault.detail} (${fault.code})`).join('')}`
      : errors.length === 1
        ? `${flagOf(errors[0]!.pointer)}: ${errors[0]!.detail}`
        : detail;
  const request =
    code === 'internal' && error.requestId !== undefined
      ? `\nThe server's log has more under request ${error.requestId}.`
      : '';
  return {
    message: `${faults}${errors.length > 1 ? '' : ` (${code})`}${advice}${request}`,
    code: exitOfRefusal(status, code),
  };
}

const FLAGS: Readonly<Record<string, string>> = {
  labels: '--label',
  targets: '--target',
  hostsMax: '--limit',
  script: '--script',
  scriptBase64: '--script',
  command: 'the command',
  args: '--arg',
  env: '--env',
  params: '--param',
  secrets: '--secret',
  account: '--as',
  maxFailed: '--max-failed',
  loginUser: '--user',
  isDefault: '--default',
  'become/user': '--become-user',
  'become/password': '--become-password',
};

/** Short forms of options that a refusal may be about. */
const SHORT: Readonly<Record<string, string>> = {
  '--target': '-t',
  '--script': '-s',
  '--lang': '-l',
  '--arg': '-a',
  '--env': '-e',
  '--param': '-p',
  '--concurrency': '-c',
};

/** An option only to whoever gave it; what was said otherwise, or by us, is called by its name. */
function wasGiven(flag: string): boolean {
  const end = process.argv.indexOf('--');
  return process.argv
    .slice(2, end < 0 ? undefined : end)
    .some(
      (word) =>
        word === flag ||
        word.startsWith(`${flag}=`) ||
        (SHORT[flag] !== undefined && /^-[^-]/.test(word) && word.startsWith(SHORT[flag])),
    );
}

/** `#/killAfter` is `--kill-after` to whoever typed it. */
function flagOf(pointer: string): string {
  const path = pointer.replace(/^#?\//, '');
  const [field, ...rest] = path.split('/') as [string, ...string[]];
  if (field === 'credentials' && rest.length > 0)
    return [`credential ${Number(rest[0]) + 1}`, ...rest.slice(1)].join(', ');
  if (Object.hasOwn(FLAGS, path) && wasGiven(FLAGS[path]!)) return FLAGS[path]!;
  const words = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const flag = FLAGS[field] ?? (pointer.startsWith('#/') ? `--${words}` : field);
  return [flag.startsWith('--') && !wasGiven(flag) ? words.replaceAll('-', ' ') : flag, ...rest].join(' ');
}
