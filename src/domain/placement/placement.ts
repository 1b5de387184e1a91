/** By which way a run reaches its hosts, and as whom it works there. Which hosts these are is frozen in rows of their own. */
import type { AccountId } from '../../base/ids.ts';
import type { EngineName } from '../run/executor.ts';
import type { Resources, Strategy } from './plugins.ts';

export const VIAS = ['auto', 'agent', 'ssh'] as const;
export type Via = (typeof VIAS)[number];

/** Of the name of a user on hosts. */
export const USER_LENGTH_MAX = 256;

/** Engines for work that goes to no host. */
export const PLACED_ENGINES = ['process', 'calls'] as const satisfies readonly EngineName[];
export type PlacedEngine = (typeof PLACED_ENGINES)[number];

export function engineOf({ engine = 'process' }: WorkerChoice): PlacedEngine {
  return engine;
}

/** Which worker carries out a task that goes to no hosts. */
export interface WorkerChoice {
  /** With which engine it carries the task out; as a process unless it is said. */
  readonly engine?: PlacedEngine;
  /** Of workers, as targets are of hosts: `all`, names, and labels, of which a worker has its zone. */
  readonly select: string;
  /** Those that match are preferred, by the weight of the strategy. */
  readonly prefer?: string;
  /** What it wants for itself while it is under way. It is reckoned with, and not enforced. */
  readonly needs?: Resources;
  readonly strategy?: Strategy;
}

export interface Placement {
  /** Present where the task goes to no hosts: then nothing of the ways to hosts, and of who works there, is meant. */
  readonly worker?: WorkerChoice;
  /** The live agent, else SSH (`auto`), or one of them only. */
  readonly via: Via;
  /** The managed account to run as, whichever way leads to the host; undefined: the host's own, or the default of its scope. */
  readonly account?: AccountId;
  /** User on the host that an agent runs it as; undefined: the agent's own. */
  readonly user?: string;
  /** What the environment begins as; undefined: clean. */
  readonly environment?: 'clean' | 'login' | 'agent';
}
