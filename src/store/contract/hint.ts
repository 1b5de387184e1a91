/** Hints between servers: they wake somebody up, and nothing is lost with them but time. */
/**
 * `run`: payload is the run id (created, cancel asked, retried). `progress`: a run's seq grew. `fleet`: revoked or
 * removed. `hosts`: ways to hosts changed.
 */
export type HintTopic = 'run' | 'progress' | 'fleet' | 'hosts';

export interface HintStore {
  /** Coalesced NOTIFY; only ever wakes somebody up. */
  notify(topic: HintTopic, payload: string): void;
  /** Calls back on hints of other servers and of this one; reconnects by itself, and calls `onGap` when hints may have been missed. */
  listen(topic: HintTopic, onHint: (payload: string) => void, onGap: () => void): () => void;
}
