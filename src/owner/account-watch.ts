/**
 * What is true after a look: an order that waits in the queue of a worker, under an account that may not be used on its host any more, is
 * known to be with nobody, or to have begun before. Called by a hint when hosts or accounts have changed; where that is lost, the order is
 * looked at when it is sent again, as every order is (`orders.ts`).
 */
import type { AccountId, HostId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Execution } from '../domain/crew/execution.ts';
import { isWithAgent } from '../domain/crew/execution.ts';
import { hostOf } from '../domain/run/subject.ts';
import type { Store } from '../store/contract/store.ts';
import type { HeldRun } from './held-run.ts';
import { lookAtAccount } from './order-account.ts';
import type { OwnedPartition } from './owned-partition.ts';
import type { RunMemory } from './run-memory.ts';

export interface AccountWatchOptions {
  readonly store: Pick<Store, 'accountReach'>;
  readonly memory: Pick<RunMemory, 'partitions' | 'isHeld'>;
  readonly log: Log;
  /** These of a run are to be asked of their executors. */
  readonly ask: (partition: OwnedPartition, held: HeldRun, executions: readonly Execution<unknown>[]) => void;
}

interface Waiting {
  readonly partition: OwnedPartition;
  readonly held: HeldRun;
  readonly execution: Execution<unknown>;
  readonly hostId: HostId;
}

export class AccountWatch {
  readonly #options: AccountWatchOptions;
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: AccountWatchOptions) {
    this.#options = options;
  }

  /** One look at a time; what changes during one is met by the next. */
  look(): void {
    this.#again = true;
    this.#looking ??= this.#lookUntilDone()
      .catch((error: unknown) =>
        this.#options.log.warn({ err: error }, 'accounts of what is out could not be looked at; each order is'),
      )
      .finally(() => (this.#looking = undefined));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  async #lookUntilDone(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (const [account, waiting] of this.#waiting()) await this.#lookAt(account, waiting);
    }
  }

  async #lookAt(account: AccountId, waiting: readonly Waiting[]): Promise<void> {
    const hosts = [...new Set(waiting.map(({ hostId }) => hostId))];
    const { refusalOn } = await lookAtAccount(this.#options.store, { via: 'auto', account }, hosts);
    const refused = waiting.filter(({ hostId, execution }) => refusalOn(hostId) && isInQueue(execution));
    for (const [held, list] of Map.groupBy(refused, (one) => one.held)) {
      const { partition } = list[0]!;
      if (!this.#options.memory.isHeld(partition, held) || this.#stopped) continue;
      this.#options.ask(
        partition,
        held,
        list.map(({ execution }) => execution),
      );
    }
  }

  #waiting(): Map<AccountId, Waiting[]> {
    const found = new Map<AccountId, Waiting[]>();
    for (const partition of this.#options.memory.partitions.values())
      for (const held of partition.runs.values())
        for (const { terms, crew } of held.run.tasks) {
          const { account } = terms.placement;
          if (account === undefined) continue;
          for (const execution of crew.inFlight()) {
            const host = hostOf(execution.subject);
            if (!host || !isInQueue(execution)) continue;
            const list = found.get(account) ?? [];
            list.push({ partition, held, execution, hostId: host.id });
            found.set(account, list);
          }
        }
    return found;
  }
}

/** Nobody but a worker has said that it has it. */
function isInQueue(execution: Execution<unknown>): boolean {
  const { state, dbState, heardFrom, retry } = execution;
  return state === 'dispatched' && dbState === state && !retry && heardFrom !== 'executor' && isWithAgent(execution);
}
