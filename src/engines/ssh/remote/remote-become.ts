/**
 * The command that has the far login shell run a program, as the user that it is to run as: nothing in front, sudo, su, or,
 * for root who runs as somebody else, what the host has to step down. Passwords are told when they are asked for, on standard
 * input; what goes wrong is told apart by what the tools say (they are asked to say it in English), and by nothing that the
 * start files of the login shell said before them: a mark that nobody can guess begins it.
 *
 * No command is longer than a server takes: Dropbear ends the connection at 9,000 bytes.
 */
import type { ErrorCode } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import { limits } from '../../../base/limits.ts';
import type { SshBecome } from '../../../protocol/link/ssh-access.ts';

export interface RemoteUser {
  readonly become: SshBecome;
  /** For `direct`: another account than the login user's; root only. */
  readonly user?: string;
}

/** Whom there is to become for a script that is to run as `user`, or as whoever the account says: nobody where that is who logs in. */
export function neededUser(become: SshBecome, user: string | undefined, login: string): RemoteUser {
  if (become.kind === 'direct')
    return { become, ...given({ user: user === undefined || user === login ? undefined : user }) };
  if (become.user === login && (user === undefined || user === login)) return { become: { kind: 'direct' } };
  return { become };
}

/** A program in two parts: `head` reads lines and evaluates them, and `rest` is the first that it is told. */
export interface RemoteProgram {
  readonly head: string;
  readonly rest: string;
}

export interface BecomeCommand {
  readonly command: string;
  /**
   * What is told on standard input before anything else. Under sudo and su it is the whole program: what sudo runs
   * stands in its log, which people read.
   */
  readonly first: string;
  /** Present when the program must be waited for, because a password may be asked for first; without one, to be asked is the end. */
  readonly ask?: { readonly prompt: RegExp; readonly password: string | undefined };
}

export interface BecomeFault {
  readonly code: ErrorCode;
  readonly detail: string;
}

/**
 * Words of one channel, made of its mark: said on standard error before the tools, by sudo as its question, and by the
 * program once it runs.
 */
export const saidBefore = (mark: string): string => `drover-${mark}-begins`;
export const question = (mark: string): string => `drover-${mark}-asks-for-a-password`;
export const readiness = (mark: string): string => `drover-${mark}-is-ready`;
/** Reads no further than the line: what follows is for the program. */
const TOLD = 'IFS= read -r p; eval "$p"';

/** Without characters that any of the shells on the way could take for its own. */
export function isPlainUser(user: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(user);
}

/**
 * `mark`: letters and digits that nobody can guess. `plain`: the login shell is a POSIX shell and small; it takes the
 * program itself, which saves an exec.
 */
export function becomeCommand(
  program: RemoteProgram,
  { become, user }: RemoteUser,
  mark: string,
  plain = false,
): BecomeCommand {
  const { head } = program;
  const rest = program.rest === '' ? '' : `${program.rest}\n`;
  const first = `${head}\n${rest}`;
  if (become.kind === 'direct') {
    if (user === undefined) return { command: plain ? head : `exec /bin/sh -c '${head}'`, first: rest };
    return { command: `exec /bin/sh -c '${STEP_DOWN}' drover '${TOLD}' '${user}' ${saidBefore(mark)}`, first };
  }
  // A shell in between: sudo and su stop themselves when what they started stops.
  const held = `/bin/sh -c '/bin/sh -c "$1"; exit' drover`;
  const heard = `exec /bin/sh -c 'echo "$0" >&2; export LC_ALL=C DROVER_PROGRAM="$1"; shift; exec "$@"' ${saidBefore(mark)}`;
  const { password } = become;
  const toldWhenReady = `printf ${readiness(mark)}; ${TOLD}`;
  if (become.kind === 'sudo') {
    if (password === undefined)
      return { command: `${heard} '' sudo -n -H -u '${become.user}' -- ${held} '${TOLD}'`, first };
    return {
      command: `${heard} '' sudo -k -S -H -p ${question(mark)} -u '${become.user}' -- ${held} '${toldWhenReady}'`,
      first,
      ask: { prompt: new RegExp(question(mark)), password },
    };
  }
  const command = `${heard} '${toldWhenReady}' su -s /bin/sh -c '/bin/sh -c "$DROVER_PROGRAM"; exit' '${become.user}'`;
  return { command, first, ask: { prompt: /assword: ?$/, password } };
}

export function passwordMissing({ become }: RemoteUser): BecomeFault {
  const way = become.kind === 'sudo' ? ', or allow it without (NOPASSWD)' : '';
  return {
    code: 'become-password-missing',
    detail: `${become.kind} asks for a password to become ${userOf(become)}: store it with the account${way}.`,
  };
}

/** Neither the program nor a question that could be answered came. */
export function becomeStuck(said: string, { become }: RemoteUser): BecomeFault {
  const text = lastLine(said.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, ' '));
  return {
    code: 'become-not-allowed',
    detail:
      `${become.kind} did not become ${userOf(become)} within ${limits.sshBecomeMs / 1_000} s: ` +
      (text === ''
        ? 'it said nothing; its name service or PAM may hang.'
        : `it said "${text}", which an account has no answer to (a second factor?).`),
  };
}

function userOf(become: SshBecome): string {
  return become.kind === 'direct' ? 'the user' : become.user;
}

/** Why nobody was become; `stderr` is what the tools said. Undefined when that was nothing of the kind. */
export function becomeFault(stderr: string, { become, user }: RemoteUser): BecomeFault | undefined {
  if (stderr.includes('drover-user-unknown'))
    return { code: 'user-unknown', detail: `This host has no user ${JSON.stringify(user)}.` };
  if (stderr.includes('drover-user-not-permitted'))
    return {
      code: 'user-not-permitted',
      detail: `The login is not root, so it cannot become ${user}. Log in as root, or use an account with sudo or su.`,
    };
  if (become.kind === 'direct') return undefined;
  const { kind } = become;
  const fault = (code: ErrorCode, detail: string): BecomeFault => ({ code, detail });
  if (/expired|no longer valid|token manipulation|account validation failure|change your password/i.test(stderr))
    return fault(
      'become-not-allowed',
      `${kind} does not become ${become.user}, because the account or its password has expired or is locked on ` +
        `the host: ${lastLine(stderr)}`,
    );
  // sudo that took no password asks again, and then says that it got none.
  if (/incorrect password|try again|authentication failure|authentication token/i.test(stderr))
    return fault('become-password-wrong', `${kind} did not take the password to become ${become.user}.`);
  if (/password is required|no password was provided/i.test(stderr)) {
    if (become.password === undefined) return passwordMissing({ become });
    return fault(
      'become-not-allowed',
      `${kind} asked for something that the stored password is no answer to, and did not become ${become.user}; ` +
        `it said "${stderr.trim().replace(/\s+/g, ' ').slice(0, 300)}".`,
    );
  }
  if (
    /not (in the sudoers|allowed)|may not run|permission denied|must be run from a terminal|you must have a tty/i.test(
      stderr,
    )
  )
    return fault(
      'become-not-allowed',
      `The host does not let this account become ${become.user} with ${kind}: ${lastLine(stderr)}`,
    );
  if (/unknown user|does not exist|no passwd entry|user not found/i.test(stderr))
    return fault('user-unknown', `The host has no user ${JSON.stringify(become.user)}.`);
  if (/not found|No such file/i.test(stderr))
    return fault('interpreter-missing', `There is no ${kind} on this host: ${lastLine(stderr)}`);
  const text = lastLine(stderr);
  return fault(
    'become-not-allowed',
    `${kind} ended without becoming ${become.user}: ${text === '' ? 'it said nothing' : `it said "${text}"`}. ` +
      "Look at the account's shell there, and at the host's PAM.",
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.slice(0, 300);
}

/**
 * Root steps down: $1 the program, $2 the user, $3 what is said first. As oneself there is nothing to do. setpriv
 * becomes the shell; su stays in between, and sets home and shell itself. What is the user's, his home too, is in no environment of root.
 */
const STEP_DOWN = [
  'echo "$3" >&2;',
  'if [ "$(id -un)" = "$2" ]; then exec /bin/sh -c "$1"; fi;',
  'l=$(getent passwd "$2" 2>/dev/null || grep "^$2:" /etc/passwd); if [ -z "$l" ]; then echo drover-user-unknown >&2; exit 1; fi;',
  'if [ "$(id -u)" -gt 0 ]; then echo drover-user-not-permitted >&2; exit 1; fi;',
  'export DROVER_PROGRAM="$1"; IFS=:; set -f; set -- $l; unset XDG_RUNTIME_DIR;',
  'if setpriv --help 2>&1 | grep -q init-groups; then exec setpriv --reuid="$3" --regid="$4" --init-groups -- ' +
    'env USER="$1" LOGNAME="$1" HOME="${6:-/}" SHELL="${7:-/bin/sh}" /bin/sh -c "$DROVER_PROGRAM"; fi;',
  'export USER="$1" LOGNAME="$1"; exec su -s /bin/sh -c "/bin/sh -c \\"\\$DROVER_PROGRAM\\"; exit" "$1"',
].join(' ');
