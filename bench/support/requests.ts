/** The few requests that benchmarks make, over one kept-alive connection, as the SDK would. */
import { newId } from '../../src/base/ids.ts';
import type { Cluster } from '../../test/support/cluster.ts';

export interface RunRequest {
  readonly targets: string;
  readonly command?: readonly string[];
  readonly script?: string;
}

/** `output` announces that its output is about to be watched. */
export async function createRun(cluster: Cluster, run: RunRequest, output = false): Promise<string> {
  const response = await fetch(`${cluster.urls[0]}/api/v1/runs?output=${output}`, {
    method: 'POST',
    body: JSON.stringify(run),
    headers: {
      authorization: `Bearer ${cluster.token}`,
      'content-type': 'application/json',
      'idempotency-key': newId(),
    },
  });
  const answer = (await response.json()) as { id?: string; detail?: string };
  if (!response.ok || answer.id === undefined)
    throw new Error(`the run was refused (${response.status}): ${answer.detail ?? ''}`);
  return answer.id;
}

/** Reads a run's event stream until `accept` says that this is the one; then ends the connection. */
export async function firstEvent(
  cluster: Cluster,
  runId: string,
  query: string,
  accept: (event: string, data: string) => boolean,
): Promise<void> {
  const response = await fetch(`${cluster.urls[0]}/api/v1/runs/${runId}/events?${query}`, {
    headers: { authorization: `Bearer ${cluster.token}`, accept: 'text/event-stream' },
  });
  if (!response.ok || !response.body) throw new Error(`no event stream (${response.status})`);
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      text = text.slice(end + 2);
      // Leaving the loop cancels the body, which closes the connection.
      if (accept(fields.get('event') ?? '', fields.get('data') ?? '')) return;
    }
  }
  throw new Error(`the events of run ${runId} ended without the one that was waited for`);
}
