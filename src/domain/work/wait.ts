/** Time that passes before the run goes on. Nobody carries it out: the owner of the run lets it pass. */
import { gateLimits } from '../../base/gate-limits.ts';
import type { StoredFields, WorkKind } from './work-kind.ts';

export interface WaitWork {
  readonly kind: 'wait';
  /** From when its turn has come, by the clock that all servers share. */
  readonly ms: number;
}

type Stored = Omit<WaitWork, 'kind'>;

export const WAIT: WorkKind<WaitWork> = {
  version: 1,
  stored: ({ ms }): StoredFields => ({ ms }) satisfies Stored,
  read(version, fields) {
    return version === 1 ? { kind: 'wait', ...(fields as unknown as Stored) } : undefined;
  },
  bytes: () => 0,
  faults({ ms }) {
    if (ms <= gateLimits.gateMsMax) return [];
    const detail = `It would wait for more than ${gateLimits.gateMsMax / 86_400_000}d, which is what is allowed.`;
    return [{ pointer: '#/wait/for', code: 'bad-input', detail }];
  },
};
