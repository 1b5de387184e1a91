/** Something that people have to say yes to before the run goes on. Nobody carries it out: the owner of the run asks and hears. */
import type { InputFault } from '../../base/errors.ts';
import { gateLimits } from '../../base/gate-limits.ts';
import { given } from '../../base/given.ts';
import type { StoredFields, WorkKind } from './work-kind.ts';

export const ON_TIMEOUT = ['fail', 'continue'] as const;

export interface ApprovalWork {
  readonly kind: 'approval';
  /** What is asked; outputs of earlier steps are filled in when its turn has come. */
  readonly message: string;
  /** So many different people have to say yes. One no is enough to refuse. */
  readonly count: number;
  /** Names of those who may answer; absent: whoever may answer runs. */
  readonly by?: readonly string[];
  /** Whoever has begun the run may not say yes to it. */
  readonly notByStarter: boolean;
  /** From when it asks; absent: it waits for as long as it takes. */
  readonly timeoutMs?: number;
  /** What becomes of it then. */
  readonly onTimeout: (typeof ON_TIMEOUT)[number];
}

type Stored = Omit<ApprovalWork, 'kind'>;

export const APPROVAL: WorkKind<ApprovalWork> = {
  version: 1,
  stored({ message, count, by, notByStarter, timeoutMs, onTimeout }) {
    const stored: Stored = { message, count, ...given({ by }), notByStarter, ...given({ timeoutMs }), onTimeout };
    return stored as unknown as StoredFields;
  },
  read(version, fields) {
    return version === 1 ? { kind: 'approval', ...(fields as unknown as Stored) } : undefined;
  },
  bytes: ({ message, by = [] }) => message.length + by.reduce((sum, name) => sum + name.length, 0),
  faults({ message, count, by = [], timeoutMs }) {
    const faults: InputFault[] = [];
    const fault = (field: string, detail: string): void =>
      void faults.push({ pointer: `#/approval/${field}`, code: 'bad-input', detail });
    if (message.trim() === '') fault('message', 'The message is empty: say what is asked.');
    const told = messageFault(message);
    if (told !== undefined) fault('message', told);
    if (count > gateLimits.approvalCountMax)
      fault('count', `${count} people have to say yes; ${gateLimits.approvalCountMax} at most may.`);
    if (by.length > gateLimits.approvalByMax)
      fault('by', `${by.length} names are given; ${gateLimits.approvalByMax} are allowed.`);
    if (by.length > 0 && new Set(by).size < count)
      fault('count', `${count} people have to say yes, and only ${new Set(by).size} may answer.`);
    if (timeoutMs !== undefined && timeoutMs > gateLimits.gateMsMax)
      fault('timeout', `It would wait for more than ${gateLimits.gateMsMax / 86_400_000}d, which is what is allowed.`);
    return faults;
  },
};

/** Why it cannot be asked; undefined where it can. */
export function messageFault(message: string): string | undefined {
  const bytes = Buffer.byteLength(message);
  return bytes > gateLimits.approvalMessageBytesMax
    ? `The message has ${bytes} bytes; ${gateLimits.approvalMessageBytesMax} are allowed.`
    : undefined;
}
