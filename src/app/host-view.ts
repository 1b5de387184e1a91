/** What a server remembers of all hosts: read again only when one of them has changed. Made once, with the context of the verbs. */
import type { AccountId, HostId } from '../base/ids.ts';
import type { HostAccessStore } from '../store/contract/host-access.ts';
import type { HostStore } from '../store/contract/host.ts';

export type HostDirectory = Exclude<Awaited<ReturnType<HostStore['hostDirectory']>>, 'unchanged'>;
export type WaysOverSsh = ReadonlyMap<HostId, { readonly accountId?: AccountId }>;

export class HostView {
  readonly #store: Pick<HostStore & HostAccessStore, 'hostDirectory' | 'hostAccessList'>;
  #directory: HostDirectory | undefined;
  #access: { readonly version: number; readonly ways: WaysOverSsh } | undefined;

  constructor(store: Pick<HostStore & HostAccessStore, 'hostDirectory' | 'hostAccessList'>) {
    this.#store = store;
  }

  /** All hosts as they are now, for targets. */
  async directory(): Promise<HostDirectory> {
    const known = this.#directory;
    const answer = await this.#store.hostDirectory(known?.version);
    if (answer === 'unchanged') return known!;
    this.#directory = answer;
    return answer;
  }

  /** The hosts that are reached over SSH now. */
  async waysOverSsh(): Promise<WaysOverSsh> {
    const known = this.#access;
    const answer = await this.#store.hostAccessList(known?.version);
    if (answer === 'unchanged') return known!.ways;
    const ways: WaysOverSsh = new Map(
      answer.hosts.map(({ id, accountId }) => [id, accountId === undefined ? {} : { accountId }]),
    );
    this.#access = { version: answer.version, ways };
    return ways;
  }
}
