/**
 * Frames of an upgrade, an extension of agent-v1 and worker-v1: an older peer passes over what it does not know, and the server sees that
 * no answer comes. `order` is opaque to workers: JSON that the server has signed for one agent with its dispatch key.
 */
import type { AgentPackage } from '../rest/agent-package.ts';
import type { Marked } from './session.ts';

// — worker → agent, server → worker —

export interface WorkerUpgrade {
  t: 'upgrade';
  id: string;
  /** Whose clock the order's instants are by. */
  server: string;
  order: Uint8Array;
  mac: Uint8Array;
}
/** Sent again until the agents have answered with an end. */
export interface ServerUpgrade {
  t: 'upgrade';
  id: string;
  server: string;
  order: Uint8Array;
  targets: { hostId: string; agentId: string; mac: Uint8Array }[];
}

// — agent → worker → server —

export interface AgentUpgradeState {
  t: 'upgrade-state';
  id: string;
  state: 'fetching' | 'switching' | 'trying' | 'succeeded' | 'failed' | 'rolled_back';
  version: string;
  code?: string;
  detail?: string;
}
export interface UpgradeOrder {
  readonly version: string;
  /** For every system and processor that there is; the agent takes its own. */
  readonly packages: readonly AgentPackage[];
  /** The release key, SPKI in Base64. */
  readonly publicKey: string;
  /** Servers that have the packages. */
  readonly urls: readonly string[];
  /** The new version must be linked and steady within so many seconds, or the former comes back. */
  readonly trialSeconds: number;
  readonly validUntilMs: number;
  /** From then on, by the server's clock, nobody waits for the agent any more: it must be over by then. Older servers do not say it. */
  readonly endsAtMs?: number;
}

export function encodeUpgradeOrder(order: UpgradeOrder): Uint8Array {
  return Buffer.from(JSON.stringify(order));
}

/** Undefined for what is not an order. Its author is known already: this only keeps nonsense away from what follows. */
export function decodeUpgradeOrder(bytes: Uint8Array): UpgradeOrder | undefined {
  try {
    const order = JSON.parse(Buffer.from(bytes).toString()) as UpgradeOrder;
    const isWhole =
      typeof order.version === 'string' &&
      typeof order.publicKey === 'string' &&
      typeof order.validUntilMs === 'number' &&
      Number.isSafeInteger(order.trialSeconds) &&
      order.trialSeconds > 0 &&
      (order.endsAtMs === undefined || Number.isSafeInteger(order.endsAtMs)) &&
      Array.isArray(order.urls) &&
      order.urls.every((url) => URL.canParse(url)) &&
      Array.isArray(order.packages) &&
      order.packages.every(
        (entry) =>
          typeof entry.file === 'string' &&
          /^[0-9a-f]{64}$/.test(entry.sha256) &&
          /^[0-9a-f]{64}$/.test(entry.fileSha256),
      );
    return isWhole ? order : undefined;
  } catch {
    return undefined;
  }
}

/** What the mac of an order covers; `digest` is SHA-256 of the order's bytes. */
export function upgradeMessage(
  id: string,
  agentId: string,
  instance: string,
  server: string,
  digest: Uint8Array,
): Marked {
  return { head: `drover-upgrade-1\n${id}\n${agentId}\n${instance}\n${server}\n`, body: digest };
}
