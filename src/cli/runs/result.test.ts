/** Output as the command reads it of a server. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '@drover/sdk';
import type { Session } from '../servers/session.ts';
import { readKept, type OutputPlace } from './executions.ts';

let asked = 0;
/** Has nothing of any output. */
const server = createServer((_request, response) => {
  asked++;
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': 0 }).end();
});
let session: Session;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const options = { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'drv_of_nobody' };
  const client = createClient(options);
  session = { options, client, patient: client, credentials: { url: options.baseUrl, token: options.token } };
});
afterAll(() => server.close());

function placeOf(stdout: { size: number; head: number; tail: number; gap: number }): OutputPlace {
  const runId = '01a226b3-f03a-7be9-bed2-b880652d8f61';
  return { runId, task: 0, ordinal: 0, attempt: 1, stdout, stderr: { size: 0, head: 0, tail: 0, gap: 0 } };
}

describe('what is kept of an output', () => {
  it('is nothing where all of it is the gap, and is not asked for', async () => {
    const before = asked;
    const kept = await readKept(session, placeOf({ size: 5, head: 0, tail: 0, gap: 5 }), 'stdout');
    expect(kept).toEqual({ bytes: Buffer.alloc(0), head: 0, gap: 5 });
    expect(asked).toBe(before);
  });

  it('is nothing where the server has nothing of what was told', async () => {
    const before = asked;
    const kept = await readKept(session, placeOf({ size: 5, head: 5, tail: 0, gap: 0 }), 'stdout');
    expect(kept.bytes).toEqual(Buffer.alloc(0));
    expect(asked).toBe(before + 1);
  });
});
