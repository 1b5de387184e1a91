/** What an operation of the API is. Routes, validation, permissions and the OpenAPI document all follow from it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { AgentPackages } from '../app/agent-packages.ts';
import type { Caller } from '../app/caller.ts';
import type { AppContext } from '../app/context.ts';
import type { DatabaseSpace } from '../app/database-space.ts';
import type { EnrolmentContext } from '../app/enrolment.ts';
import type { RunEventHub, RunTold } from '../app/run-events.ts';
import type { DroverError, ErrorCode } from '../base/errors.ts';
import type { Permission, Role } from '../domain/access/permission.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { ServerMetrics } from './metrics.ts';
import type { WatcherPlaces } from './watcher-places.ts';

export interface ApiContext extends AppContext {
  readonly fleet: Fleet;
  /** The one way to strange machines. */
  readonly outbound: Outbound;
  readonly enrolment: EnrolmentContext;
  readonly events: RunEventHub;
  readonly watchers: WatcherPlaces;
  /** Puts what all watchers of a run are told into words once. */
  readonly words: { of(told: RunTold): Buffer | string };
  readonly metrics: ServerMetrics;
  readonly packages: AgentPackages;
  readonly space: DatabaseSpace;
  /** Where join tokens point, and by which CA the server is known. */
  readonly publicUrl: () => string;
  /** Of a run, for people who may see it. */
  readonly runLinkOf: (runId: string) => string;
  readonly caFingerprint: string;
  /** Scripts on this machine run as the user that keeps an administrator's token: whoever may run them is one. */
  readonly agentsShareUser?: boolean;
}

export interface Call<P, Q, B> {
  readonly ctx: ApiContext;
  readonly caller: Caller & { readonly role: Role; readonly expiresAtMs: number };
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** For answers that take long: calls back once when the caller's token is not valid any more. The answer ends the watch. */
  readonly whileValid: (onEnd: (why: DroverError) => void) => () => void;
}

export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below /api/v1; parameters as {name}. */
  readonly path: string;
  readonly summary: string;
  /** `public`: the body itself authenticates (join tokens). */
  readonly permission: Permission | 'public';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Bytes of the body (`body-too-large`); `bodyBytesDefault` unless it takes scripts, jobs, lists of hosts, expressions or keys. */
  readonly bodyBytesMax?: number;
  /** Strings at the top of the body that are kept as bytes and may hold a NUL; in all others it is refused, as PostgreSQL holds none. */
  readonly mayHoldNul?: readonly string[];
  /** The one list of the body that may be long: its entries are judged by themselves, others get their turn in between. */
  readonly bulk?: { readonly key: string; readonly entriesMax: number };
  /** It waits for hosts, or for whoever reads: its places are apart from those of the database. */
  readonly isLong?: boolean;
  /** It ends or takes away, though its method is none for that: done also while the database has no room for new work. */
  readonly needsNoRoom?: boolean;
  /**
   * It writes nothing, though its method is none for that, or nothing with such a body: there is nothing that must not happen twice, so no
   * Idempotency-Key is looked at, and no answer kept.
   */
  readonly asksOnly?: true | ((body: never) => boolean);
  readonly status: 200 | 201 | 202 | 204;
  /** Absent for 204 and for streams, which name their content type. */
  readonly response?: z.ZodType;
  readonly contentType?: 'application/octet-stream' | 'text/event-stream';
  readonly errors: readonly ErrorCode[];
  readonly handle: (call: Call<never, never, never>) => Promise<unknown>;
  /**
   * The answer holds a secret that is made here and shown this once: no more than its id is kept with the Idempotency-Key, and
   * the same request again is refused. `what` it is, and the command that revokes it.
   */
  readonly shownOnce?: { readonly what: string; readonly revoke: string };
  /**
   * The answer again, from what its verb has kept with the Idempotency-Key (`caller.claim`) in the transaction of the deed. Without it the
   * answer itself is kept, and given again as it was.
   */
  readonly replay?: (ctx: ApiContext, kept: string) => Promise<unknown>;
}

/** What the handler of an operation answers with, by its schema; streams and answers without a body have none. */
type Answer<R extends z.ZodType | undefined> = R extends z.ZodType ? Given<z.input<R>> : unknown;
/** Nobody changes an answer once it is made. */
type Given<T> = T extends readonly (infer U)[]
  ? readonly Given<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Given<T[K]> }
    : T;
type Shape<T extends z.ZodType | undefined> = T extends z.ZodType ? z.infer<T> : undefined;

/** Ties the handler's types to the schemas. */
export function operation<
  P extends z.ZodObject | undefined = undefined,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType | undefined = undefined,
>(
  definition: Omit<Operation, 'handle' | 'params' | 'query' | 'body' | 'response'> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly response?: R;
    readonly handle: (call: Call<Shape<P>, Shape<Q>, Shape<B>>) => Promise<Answer<R>>;
  },
): Operation {
  return definition as unknown as Operation;
}
