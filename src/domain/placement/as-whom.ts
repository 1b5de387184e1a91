/**
 * As whom a run works on a host, as far as that is known before it is tried: by what the host's agent has told of itself, or by the
 * account that logs in. The host decides in the end by the same rules (engines/process/plan.ts, engines/ssh/remote/remote-become.ts);
 * that it has no such user at all is known to it alone.
 */
import type { ErrorCode } from '../../base/errors.ts';
import { given } from '../../base/given.ts';

/** Who is there before anybody is become. `user` of an agent is absent until it has told. */
export type Worker =
  | { readonly kind: 'agent'; readonly user?: string; readonly os?: string }
  | {
      readonly kind: 'account';
      readonly name: string;
      readonly loginUser: string;
      readonly become: { readonly kind: 'direct' } | { readonly kind: 'sudo' | 'su'; readonly user: string };
    };

export type AsWhom =
  | { readonly kind: 'user'; readonly user?: string }
  | {
      readonly kind: 'refused';
      readonly code: Extract<ErrorCode, 'user-not-permitted'>;
      readonly detail: string;
    };

/** `asked`: the user that the run names, by itself or by its account; `host`: its name, for the words. */
export function asWhom(host: string, worker: Worker, asked: string | undefined): AsWhom {
  if (worker.kind === 'agent') return asAgent(host, worker, asked);
  const { name, loginUser, become } = worker;
  const own = become.kind === 'direct' ? loginUser : become.user;
  if (asked === undefined || asked === own) return as(own);
  if (become.kind !== 'direct') return refused(`The account ${name} becomes ${own} on ${host}, not ${asked}.`);
  // Root steps down to anybody.
  if (loginUser === 'root') return as(asked);
  return refused(
    `The account ${name} logs in to ${host} as ${loginUser}, which cannot become ${asked}. Leave out --user, or name ` +
      'an account with sudo or su by --as.',
  );
}

function asAgent(host: string, { user, os }: Extract<Worker, { kind: 'agent' }>, asked: string | undefined): AsWhom {
  const isSure = user === undefined || asked === undefined || asked === user;
  if (isSure || (user === 'root' && os !== 'win32')) return { kind: 'user', ...given({ user: asked ?? user }) };
  return refused(
    os === 'win32'
      ? `On Windows scripts run as the account of the agent: on ${host} that is ${user}. Leave out --user and --as.`
      : `The agent of ${host} runs as ${user}, so it cannot become ${asked}. Leave out --user and --as, or run the ` +
          `agent as root${asked === 'root' ? '' : ` or as ${asked}`}.`,
  );
}

function as(user: string): AsWhom {
  return { kind: 'user', user };
}

function refused(detail: string): AsWhom {
  return { kind: 'refused', code: 'user-not-permitted', detail };
}
