/**
 * The command that has the far login shell run a program, as the user that it is to run as: nothing in front, sudo, su, or,
 * for root who runs as somebody else, what the host has to step down. Passwords are told when they are asked for, on standard
 * input; what goes wrong is told apart by what the tools say (they are asked to say it in English).
 */
import type { ErrorCode } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { SshBecome } from '../../protocol/link/ssh-access.ts';

export interface RemoteUser {
  readonly become: SshBecome;
  /** For `direct`: another account than the login user's; root only. */
  readonly user?: string;
}

export interface BecomeCommand {
  readonly command: string;
  /** The program, where it is told on standard input before anything else: what sudo runs stands in its log, which people read. */
  readonly first?: string;
  /** Present when the program must be waited for, because a password may be asked for first; without one, to be asked is the end. */
  readonly ask?: { readonly prompt: RegExp; readonly password: string | undefined };
}

export interface BecomeFault {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Said by the program once it runs, where it has to be waited for. */
export const READY = 'drover-is-ready';
const PROMPT = 'drover-asks-for-a-password';
/** Reads no further than the line: what follows is for the program. */
const TOLD = 'IFS= read -r p; eval "$p"';

/** Without characters that any of the shells on the way could take for its own. */
export function isPlainUser(user: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(user);
}

/** `plain`: the login shell is a POSIX shell and small; it takes the program itself, which saves an exec. */
export function becomeCommand(program: string, { become, user }: RemoteUser, plain = false): BecomeCommand {
  if (become.kind === 'direct') {
    if (user === undefined) return { command: plain ? program : `exec /bin/sh -c '${program}'` };
    return { command: `exec /bin/sh -c '${STEP_DOWN}' drover '${program}' '${user}'` };
  }
  // A shell in between: sudo and su stop themselves when what they started stops.
  const held = `/bin/sh -c '/bin/sh -c "$1"; exit' drover`;
  const { password } = become;
  if (become.kind === 'sudo') {
    const first = `${program}\n`;
    if (password === undefined)
      return { command: `exec env LC_ALL=C sudo -n -H -u '${become.user}' -- ${held} '${TOLD}'`, first };
    return {
      command: `exec env LC_ALL=C sudo -k -S -H -p ${PROMPT} -u '${become.user}' -- ${held} 'printf ${READY}; ${TOLD}'`,
      first,
      ask: { prompt: new RegExp(PROMPT), password },
    };
  }
  const command = `exec env LC_ALL=C DROVER_PROGRAM='printf ${READY}; ${program}' su -s /bin/sh -c '/bin/sh -c "$DROVER_PROGRAM"; exit' '${become.user}'`;
  return { command, ask: { prompt: /assword: ?$/, password } };
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
  const text = lastLine(toolsSaid(said).replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, ' '));
  return {
    code: 'become-not-allowed',
    detail: `${become.kind} did not become ${userOf(become)} within ${limits.sshBecomeMs / 1_000} s: ${text === '' ? 'it said nothing; its name service or PAM may hang' : `it said "${text}", which an account has no answer to (a second factor?)`}.`,
  };
}

function userOf(become: SshBecome): string {
  return become.kind === 'direct' ? 'the user' : become.user;
}

/** Without our own question: the answer to it is not shown, so that what the tools say next stands in the same line. */
export function toolsSaid(stderr: string): string {
  return stderr.replaceAll(PROMPT, '\n');
}

/** What the tools said, as an error code; undefined when it was none of them. */
export function becomeFault(heard: string, { become, user }: RemoteUser): BecomeFault | undefined {
  const stderr = toolsSaid(heard);
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
      `${kind} does not become ${become.user}, because the account or its password has expired or is locked on the host: ${lastLine(stderr)}`,
    );
  // sudo that took no password asks again, and then says that it got none.
  if (/incorrect password|try again|authentication failure|authentication token/i.test(stderr))
    return fault('become-password-wrong', `${kind} did not take the password to become ${become.user}.`);
  if (/password is required|no password was provided/i.test(stderr)) return passwordMissing({ become });
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
  return undefined;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)!.slice(0, 300);
}

/** Root steps down: $1 the program, $2 the user. As oneself there is nothing to do. setpriv becomes the shell; su stays in between. */
const STEP_DOWN = [
  'if [ "$(id -un)" = "$2" ]; then exec /bin/sh -c "$1"; fi;',
  'l=$(getent passwd "$2" 2>/dev/null || grep "^$2:" /etc/passwd); if [ -z "$l" ]; then echo drover-user-unknown >&2; exit 1; fi;',
  'if [ "$(id -u)" -gt 0 ]; then echo drover-user-not-permitted >&2; exit 1; fi;',
  'export DROVER_PROGRAM="$1"; IFS=:; set -f; set -- $l; unset XDG_RUNTIME_DIR; export USER="$1" LOGNAME="$1" HOME="${6:-/}" SHELL="${7:-/bin/sh}";',
  'if setpriv --help 2>&1 | grep -q init-groups; then exec setpriv --reuid="$3" --regid="$4" --init-groups -- /bin/sh -c "$DROVER_PROGRAM"; fi;',
  'exec su -s /bin/sh -c "/bin/sh -c \\"\\$DROVER_PROGRAM\\"; exit" "$1"',
].join(' ');
