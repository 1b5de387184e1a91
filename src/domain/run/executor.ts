/**
 * Who carries attempts out, and by which way an order gets there. This file is the vocabulary: an executor is stored,
 * sent and shown as the value below, and nobody tells its kind from ids. To add an engine:
 * docs/checklists/add-engine.md.
 */
import type { AgentId, WorkerId } from '../../base/ids.ts';
import type { ScoreName } from '../placement/plugins.ts';

/**
 * What a worker carries work out with by itself: over SSH on hosts that need no agent for it, as processes on its own machine, or as calls
 * that it makes itself.
 */
export const ENGINES = ['ssh', 'process', 'calls'] as const;
export type EngineName = (typeof ENGINES)[number];

export type Executor =
  /** The agent of a host, as a process of its own. */
  | { readonly kind: 'agent'; readonly id: AgentId }
  /** A worker itself, with one of its engines. */
  | { readonly kind: 'worker'; readonly id: WorkerId; readonly engine: EngineName };

/** An executor as another process names it: an id is nobody's before it has been looked up. */
export type NamedExecutor =
  | { readonly kind: 'agent'; readonly id: string }
  | { readonly kind: 'worker'; readonly id: string; readonly engine: EngineName };

/** A worker that was chosen for a task without hosts, and by what. */
export interface ChosenWorker {
  readonly id: WorkerId;
  /** So many were found to fit. */
  readonly considered: number;
  /** From 0 to 100 each, before weights; absent where it was the only one. */
  readonly scores?: Readonly<Partial<Record<ScoreName, number>>>;
}

/** The way of an order to its executor. */
export interface Route {
  readonly executor: Executor;
  /** By whose link it goes: the worker that holds the agent's, or the executor itself. */
  readonly workerId: WorkerId;
  /** Which start of the agent is given the attempt: no other start of it is. Absent where a worker is the executor. */
  readonly instance?: string;
  /** How the worker was chosen, of a task without hosts; it is told with the run, and not kept with the attempt. */
  readonly chosen?: Omit<ChosenWorker, 'id'>;
}
/** The way that an attempt has gone, as it is kept. The worker is absent where no more is known than who may have the attempt. */
export type RouteTaken = Omit<Route, 'workerId'> & Partial<Pick<Route, 'workerId'>>;

export function agentExecutor(id: AgentId): Executor {
  return { kind: 'agent', id };
}

export function workerExecutor(id: WorkerId, engine: EngineName): Executor {
  return { kind: 'worker', id, engine };
}

export function isSameExecutor(one: NamedExecutor | undefined, other: NamedExecutor | undefined): boolean {
  if (one?.kind !== other?.kind || one?.id !== other?.id) return false;
  return one?.kind !== 'worker' || other?.kind !== 'worker' || one.engine === other.engine;
}

/** Whether it is this very worker, by whatever engine: of itself a worker may speak, of agents it may not. */
export function isWorker(executor: NamedExecutor | undefined, workerId: string): boolean {
  return executor?.kind === 'worker' && executor.id === workerId;
}

/** For maps and logs. */
export function executorKey(executor: NamedExecutor): string {
  return executor.kind === 'agent' ? `agent ${executor.id}` : `worker ${executor.id} ${executor.engine}`;
}

/** What carries the work out, as people name it: `agent`, or the engine. */
export function executorName(executor: {
  readonly kind: Executor['kind'];
  readonly engine?: string | undefined;
}): string {
  return executor.kind === 'agent' ? 'agent' : (executor.engine ?? 'worker');
}
