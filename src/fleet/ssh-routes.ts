/**
 * Which worker reaches a host over SSH: one of its zone, the same one as long as it is there, so that its connection to the host
 * is warm. The list of hosts is the store's, kept here because every start of every run asks.
 */
import type { HostId, WorkerId } from '../base/ids.ts';

export interface SshHosts {
  readonly version: number;
  readonly hosts: readonly { readonly id: HostId; readonly zone: string }[];
}
interface SshWorker {
  readonly id: WorkerId;
  readonly zone: string;
}

export class SshRoutes {
  #version: number | undefined;
  #zones: ReadonlyMap<HostId, string> = new Map();

  /** Of the list held here; undefined before the first. */
  get version(): number | undefined {
    return this.#version;
  }

  replace({ version, hosts }: SshHosts): void {
    this.#version = version;
    this.#zones = new Map(hosts.map(({ id, zone }) => [id, zone]));
  }

  has(hostId: HostId): boolean {
    return this.#zones.has(hostId);
  }

  /** By highest random weight: when a worker comes or goes, only the hosts that it gains or loses change theirs. */
  pick(hostId: HostId, workers: Iterable<SshWorker>): WorkerId | undefined {
    const zone = this.#zones.get(hostId);
    if (zone === undefined) return undefined;
    let best: { id: WorkerId; weight: number } | undefined;
    for (const { id, zone: of } of workers) {
      if (of !== zone) continue;
      const weight = weightOf(hostId, id);
      if (!best || weight > best.weight || (weight === best.weight && id > best.id)) best = { id, weight };
    }
    return best?.id;
  }
}

/** FNV-1a over both ids, then mixed, because neighbours differ in a few bits only (MurmurHash3's finalizer). */
function weightOf(hostId: string, workerId: string): number {
  let hash = 0x811c9dc5;
  for (const text of [hostId, workerId])
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
