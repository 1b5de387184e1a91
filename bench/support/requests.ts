/** The few requests that benchmarks make, over one kept-alive connection, as the SDK would. */
import { newId } from '../../src/base/ids.ts';
import type { Cluster } from '../../test/support/cluster.ts';

export interface RunRequest {
  readonly targets: string;
  readonly command?: readonly string[];
  readonly script?: string;
  readonly batches?: string;
}

/** `output` announces that its output is about to be watched. */
export async function createRun(cluster: Cluster, run: RunRequest, output = false): Promise<string> {
  return String((await post(cluster, `/runs?output=${output}`, run)).id);
}

/** The answer to what is asked of the first server; a refusal ends the benchmark. */
export async function post(cluster: Cluster, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${cluster.urls[0]}/api/v1${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: {
      authorization: `Bearer ${cluster.token}`,
      'content-type': 'application/json',
      'idempotency-key': newId(),
    },
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`POST ${path} was refused (${response.status}): ${String(answer.detail)}`);
  return answer;
}

/** Makes sure that a connection stands by which the next request can go at once: who leaves a stream has closed his. */
export async function standBy(cluster: Cluster): Promise<void> {
  await (await fetch(`${cluster.urls[0]}/healthz`)).text();
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
