/** Output values: named texts that scripts have told beside what they wrote, kept for each attempt that told some. */
import type { AttemptKey, RunId } from '../../base/ids.ts';
import type { OutputValues } from '../../domain/work/output-values.ts';
import type { ExecutionState } from '../../domain/crew/execution-machine.ts';
import type { Subject } from '../../domain/run/subject.ts';
import type { Page } from './page.ts';

export interface OutputValuesRecord extends AttemptKey, OutputValues {
  readonly subject: Subject;
  /** Of the execution as it stands now, also where the values are of an attempt before. */
  readonly state: ExecutionState;
}

export interface OutputValuesFilter {
  readonly task?: number;
  readonly hostName?: string;
  /** Of an attempt before the present one. */
  readonly attempt?: number;
}

export interface OutputValueStore {
  /**
   * By task and ordinal, of executions whose present attempt has told some, or something of which was left out. A page ends
   * where it has `bytesMax` of them, with one at least.
   */
  outputValuesList(
    runId: RunId,
    filter: OutputValuesFilter,
    page: { limit: number; bytesMax: number; cursor?: string },
  ): Promise<Page<OutputValuesRecord>>;
}
