import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { patientFetch } from './patient-fetch.ts';

/** Time passes by waiting only. */
function waitingClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  let now = 0;
  return {
    waits,
    nowMs: () => now,
    monotonicMs: () => now,
    after(delayMs, callback) {
      waits.push(delayMs);
      now += delayMs;
      queueMicrotask(callback);
      return () => undefined;
    },
    soon: queueMicrotask,
  };
}

type Answer = number | string | { status: number; body: string };

/** Answers one after the other, the last for ever: a status, or the code of a fault. */
function server(...answers: Answer[]): { calls: string[]; fetch: (request: Request) => Promise<Response> } {
  const calls: string[] = [];
  return {
    calls,
    async fetch(request) {
      calls.push(`${request.method} ${await request.text()}`);
      const answer = answers[Math.min(calls.length, answers.length) - 1]!;
      if (typeof answer === 'string') throw new TypeError('fetch failed', { cause: { code: answer } });
      return typeof answer === 'number'
        ? new Response(null, { status: answer })
        : new Response(answer.body, { status: answer.status });
    },
  };
}

const post = { method: 'POST', body: 'x' } as const;

describe('a call', () => {
  it('about a run waits for a server that is away, and sends the same again', async () => {
    const [clock, { calls, fetch }] = [waitingClock(), server('ECONNREFUSED', 'ECONNREFUSED', 503, 200)];
    expect((await patientFetch({ kind: 'patient', clock, fetch })('http://s/', post)).status).toBe(200);
    expect(calls).toEqual(['POST x', 'POST x', 'POST x', 'POST x']);
    expect(clock.waits).toEqual([100, 200, 400]);
  });

  it('about a run gives up after its patience', async () => {
    const [clock, { fetch }] = [waitingClock(), server('ECONNREFUSED')];
    await expect(patientFetch({ kind: 'patient', clock, fetch, patienceMs: 10_000 })('http://s/')).rejects.toThrow(
      'fetch failed',
    );
    expect(clock.monotonicMs()).toBeLessThanOrEqual(10_000);
  });

  it('to a server that is not reached says so at once, unless it may have arrived', async () => {
    const refused = server('ECONNREFUSED', 200);
    await expect(
      patientFetch({ kind: 'resuming', clock: waitingClock(), fetch: refused.fetch })('http://s/', post),
    ).rejects.toThrow('fetch failed');
    const cut = server('ECONNRESET', 'ECONNREFUSED', 200);
    expect(
      (await patientFetch({ kind: 'resuming', clock: waitingClock(), fetch: cut.fetch })('http://s/', post)).status,
    ).toBe(200);
    expect(cut.calls).toHaveLength(3);
  });

  it('takes a refusal, and the word that a host is away, as answers', async () => {
    for (const answer of [404, 401, { status: 503, body: '{"code": "host-not-linked"}' }]) {
      const { calls, fetch } = server(answer);
      await patientFetch({ kind: 'patient', clock: waitingClock(), fetch })('http://s/');
      expect(calls).toHaveLength(1);
    }
  });

  it('that was given up waits no longer', async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(
      patientFetch({ kind: 'patient', clock: waitingClock(), fetch: server('ECONNREFUSED').fetch })('http://s/', {
        signal: abort.signal,
      }),
    ).rejects.toThrow();
  });
});
