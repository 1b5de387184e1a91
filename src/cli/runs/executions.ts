/** Executions of a run, page by page, and what is kept of their output. */
import { allPages, dataOf, DroverApiError, type Execution } from '@drover/sdk';
import { given } from '../../base/given.ts';
import type { Session } from '../servers/session.ts';
import type { Kept } from './folded-text.ts';

export type OutputPlace = Pick<Execution, 'runId' | 'task' | 'ordinal' | 'attempt' | 'stdout' | 'stderr'>;

export function executionsOf(
  session: Session,
  runId: string,
  {
    host,
    states,
    task,
  }: {
    readonly host?: string | undefined;
    readonly states?: readonly Execution['state'][];
    readonly task?: number | undefined;
  } = {},
): AsyncGenerator<Execution> {
  return allPages((cursor) =>
    session.patient
      .GET('/api/v1/runs/{runId}/executions', {
        params: {
          path: { runId },
          query: {
            limit: 1_000,
            ...given({ host, task, state: states === undefined ? undefined : states.join(','), cursor }),
          },
        },
      })
      .then(dataOf),
  );
}

/** What is kept, which may be nothing any more: then all of it is the gap. */
export async function readKept(session: Session, at: OutputPlace, stream: 'stdout' | 'stderr'): Promise<Kept> {
  const { size, head, gap } = at[stream];
  try {
    return { bytes: await readOutput(session, at, stream), head, gap };
  } catch (error) {
    if (error instanceof DroverApiError && error.code === 'output-not-available')
      return { bytes: Buffer.alloc(0), head: 0, gap: size };
    throw error;
  }
}

async function readOutput(session: Session, at: OutputPlace, stream: 'stdout' | 'stderr'): Promise<Buffer> {
  const { runId, task, ordinal, attempt } = at;
  const { size, gap } = at[stream];
  if (size - gap <= 0) return Buffer.alloc(0);
  const answer = await session.patient.GET('/api/v1/runs/{runId}/executions/{task}/{ordinal}/output', {
    params: { path: { runId, task, ordinal }, query: { stream, attempt } },
    parseAs: 'arrayBuffer',
  });
  // An answer without a body has no data at all.
  return Buffer.from((answer.data ?? new ArrayBuffer(0)) as unknown as ArrayBuffer);
}
