/** Whatever an engine of this worker's own says, what goes to the servers of it is a frame: one that is none would cut all agents off. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import type { AttemptWord } from '../conversation/words.ts';
import { decodeFrame, encodeFrame } from '../link/codec.ts';
import { WORKER_FRAMES } from '../protocol/link/worker-frames.ts';
import type { AttemptEvent, WorkerToServerFrame } from '../protocol/link/worker-v1.ts';
import { ExecutorWords, type ExecutorWordsOptions } from './executor-words.ts';
import type { OwnEngine } from './own-engine.ts';

const a = `${newId()}.0.0.1`;
const odd = fc.oneof(
  fc.integer({ min: 1, max: 1_000_000 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 32, 2 ** 53, 8_640_000_000_000_001),
);
const stream = fc.record({ size: odd, head: odd, tail: odd });
const word = fc.oneof(
  fc.record({ t: fc.constant('started' as const), a: fc.constant(a), pid: odd, atMs: odd }),
  fc.record({
    t: fc.constant('data' as const),
    id: fc.constant(1),
    bytes: fc.uint8Array(),
    size: odd,
    eof: fc.boolean(),
  }),
  fc.record(
    {
      t: fc.constant('report' as const),
      a: fc.constant(a),
      outcome: fc.oneof(
        fc.record({ kind: fc.constant('exited' as const), code: odd }),
        fc.record({ kind: fc.constant('signalled' as const), signal: fc.string({ maxLength: 40 }) }),
        fc.record({ kind: fc.constant('refused' as const), reason: fc.string({ maxLength: 10 }) }),
      ),
      detail: fc.string({ maxLength: 3_000 }),
      startedAtMs: odd,
      finishedAtMs: odd,
      stdout: stream,
      stderr: stream,
      survivors: fc.oneof(fc.array(odd, { maxLength: 5 }), fc.constant(Array.from({ length: 5_000 }, () => 7))),
    },
    { requiredKeys: ['t', 'a', 'outcome', 'finishedAtMs', 'stdout', 'stderr'] },
  ),
);

it('what engines say goes to the servers as frames, whatever it is, and every report goes', () => {
  const sent: WorkerToServerFrame[] = [];
  const options = {
    clock: systemClock,
    events: { tell: (_a: string, event: AttemptEvent) => void sent.push({ t: 'events', events: [event] }) },
    dispatch: { ended: () => undefined },
    relay: {
      data: (_link: unknown, id: number, answer: (id: number) => WorkerToServerFrame) => void sent.push(answer(id)),
    },
  } as unknown as ExecutorWordsOptions;
  const self = { executor: { kind: 'worker', id: newId(), engine: 'ssh' }, link: {} } as unknown as OwnEngine;
  const words = new ExecutorWords(options);
  fc.assert(
    fc.property(word, (said) => {
      sent.length = 0;
      words.heardEngine(self, said as AttemptWord);
      for (const frame of sent) expect(decodeFrame(encodeFrame(frame), WORKER_FRAMES)?.t).toBe(frame.t);
      if (said.t !== 'started') expect(sent).toHaveLength(1);
    }),
    { numRuns: 1_000 },
  );
});
