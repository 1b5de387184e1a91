/**
 * From what went wrong on the way to a host to an error that says what to do. Texts of the far side are quoted, cut short and
 * made printable; secrets never come near here.
 */
import { DroverError, type ErrorCode } from '../../../base/errors.ts';
import { given } from '../../../base/given.ts';
import type { SshHop } from '../../../protocol/link/ssh-access.ts';

const QUOTED_MAX = 300;

export function hopName(hop: SshHop): string {
  return `${hop.user}@${hop.address.includes(':') ? `[${hop.address}]` : hop.address}:${hop.port}`;
}

/** Text of the far side, safe to show: one line, printable, bounded. */
export function quoted(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  return line.length > QUOTED_MAX ? `${line.slice(0, QUOTED_MAX)}…` : line;
}

export function sshError(
  code: ErrorCode,
  hop: SshHop,
  what: string,
  cause?: unknown,
  context: Readonly<Record<string, unknown>> = {},
): DroverError {
  return new DroverError(code, {
    detail: `${hopName(hop)}: ${what}`,
    context: { hostId: hop.hostId, ...context },
    ...given({ cause }),
  });
}

/** Nobody was dialled: it is not known where the host is. */
export function nameLate(hop: SshHop, what: string, cause?: unknown): DroverError {
  return sshError(
    'ssh-name-unknown',
    hop,
    `${what}. Check the name servers of that name and the resolver of the worker, or give the host a numeric address.`,
    cause,
  );
}

/** A fault of the socket, before anything of SSH was said. */
export function socketFault(hop: SshHop, error: NodeJS.ErrnoException): DroverError {
  const first = error instanceof AggregateError ? ((error.errors[0] ?? error) as NodeJS.ErrnoException) : error;
  switch (first.code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NONAME':
    case 'EAI_FAIL':
      return sshError(
        'ssh-name-unknown',
        hop,
        `the worker's resolver does not know the name ${hop.address} (${first.code}). Correct the host's ` +
          'address, or the resolver of the worker.',
        error,
      );
    case 'ETIMEOUT':
      return nameLate(hop, quoted(first.message), error);
    case 'ECONNREFUSED':
      return sshError(
        'ssh-refused',
        hop,
        `nothing listens on port ${hop.port}. Check that sshd runs there and that the port is right.`,
        error,
      );
    case 'ETIMEDOUT':
      return sshError(
        'ssh-timeout',
        hop,
        'no answer to the connection. Check address, routes and firewalls between the worker and the host.',
        error,
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
      return sshError(
        'ssh-timeout',
        hop,
        `the worker has no route to it (${first.code}). Check address and network, or give the host a jump host or another zone.`,
        error,
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return sshError(
        'ssh-busy',
        hop,
        "it closed the connection before SSH began. It may be over its MaxStartups, or block the worker's " +
          'address (fail2ban, hosts.deny, a firewall).',
        error,
      );
    default:
      return sshError('ssh-refused', hop, `the connection could not be made: ${quoted(first.message)}.`, error);
  }
}

/** A fault between the first byte and the end of the key exchange. `heard` is the first that the far side said. */
export function handshakeFault(hop: SshHop, error: Error, heard: string): DroverError {
  const { message } = error;
  if (/Exceeded MaxStartups|Not allowed at this time/i.test(heard))
    return sshError(
      'ssh-busy',
      hop,
      `it takes no more connections for now (its MaxStartups): "${quoted(heard)}".`,
      error,
    );
  if (!/(^|\n)SSH-/.test(heard)) {
    if (heard === '')
      return sshError(
        'ssh-busy',
        hop,
        "it closed the connection before it said a word. It may be over its MaxStartups, or block the worker's " +
          'address (fail2ban, hosts.deny, a firewall).',
        error,
      );
    return sshError(
      'ssh-not-ssh',
      hop,
      `what answers on port ${hop.port} is not SSH; it said "${quoted(heard)}". Correct the port.`,
      error,
    );
  }
  if (/no matching|no common|Handshake failed/i.test(message)) {
    return sshError(
      'ssh-no-common-algorithm',
      hop,
      `no algorithm in common: ${quoted(message)}. It is an old or a hardened server; name what it takes in the host's SSH algorithms.`,
      error,
    );
  }
  return sshError('ssh-lost', hop, `the connection ended during the key exchange: ${quoted(message)}.`, error);
}

/** RFC 4253, 11.1: of a damaged line, a lost one, and too many. What else a server says before it hangs up is about who wants in. */
const NOT_ABOUT_THE_LOGIN = new Set([4, 5, 6, 10, 12]);

/**
 * The server took its leave during the login, and said that it is over; not a line that was cut. `code` is the reason,
 * as ssh2 tells it.
 */
export function isVerdict(error: Error & { readonly code?: unknown }): boolean {
  return (
    typeof error.code === 'number' && !NOT_ABOUT_THE_LOGIN.has(error.code) && !/timed?[- ]?out/i.test(error.message)
  );
}
