/** Output values of a run: page by page, and beside its executions. */
import { allPages, dataOf, type Execution, type Schemas } from '@drover/sdk';
import { given } from '../../base/given.ts';
import type { Session } from '../servers/session.ts';

export type OutputValues = Schemas['OutputValues'];

export function valuesOf(
  session: Session,
  runId: string,
  {
    host,
    task,
    attempt,
  }: {
    readonly host?: string | undefined;
    readonly task?: number | undefined;
    readonly attempt?: number | undefined;
  } = {},
): AsyncGenerator<OutputValues> {
  return allPages((cursor) =>
    session.patient
      .GET('/api/v1/runs/{runId}/values', {
        params: { path: { runId }, query: { limit: 1_000, ...given({ host, task, attempt, cursor }) } },
      })
      .then(dataOf),
  );
}

export type WithValues<E> = E & Partial<Pick<OutputValues, 'values'> & { readonly valuesFault: string }>;

/** Each execution with what it told; both come in the order of task and ordinal, so that little of either is held. */
export class ValuesBeside {
  readonly #told: AsyncGenerator<OutputValues>;
  #next: OutputValues | undefined;
  #isOver = false;

  constructor(told: AsyncGenerator<OutputValues>) {
    this.#told = told;
  }

  async of({ task, ordinal, attempt }: Pick<Execution, 'task' | 'ordinal' | 'attempt'>): Promise<{
    values?: OutputValues['values'];
    valuesFault?: string;
  }> {
    while (!this.#isOver && (!this.#next || isBefore(this.#next, { task, ordinal }))) {
      const { value, done } = await this.#told.next();
      this.#next = done ? undefined : value;
      this.#isOver = done === true;
    }
    const told = this.#next;
    if (told?.task !== task || told.ordinal !== ordinal || told.attempt !== attempt) return {};
    return { values: told.values, ...given({ valuesFault: told.fault }) };
  }
}

type Place = Pick<Execution, 'task' | 'ordinal'>;

function isBefore(one: Place, other: Place): boolean {
  return one.task < other.task || (one.task === other.task && one.ordinal < other.ordinal);
}
