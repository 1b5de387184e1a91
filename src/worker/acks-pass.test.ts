import { expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../link/codec.ts';
import { WORKER_TO_AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import { acksPass } from './acks-pass.ts';
import type { AgentLink } from './output-relay.ts';
import type { LinkedExecutor } from './start-dispatch.ts';

const RUN = '01936f2e-0000-7000-8000-000000000000';

it('tells each who reported of its own attempts in one frame, and leaves out who is not there', () => {
  const heard = new Map<string, unknown[]>();
  const heardBy = (id: string): unknown[] => heard.set(id, []).get(id)!;
  const linked = (id: string): LinkedExecutor => {
    const frames = heardBy(id);
    const sendEncoded = (bytes: Uint8Array): boolean => frames.push(decodeFrame(bytes, WORKER_TO_AGENT_FRAMES)) > 0;
    const link = { sendEncoded, send: (frame: object) => sendEncoded(encodeFrame(frame)) } as unknown as AgentLink;
    return { executor: { kind: 'agent', id }, link, lane: 'agent', out: undefined };
  };
  const self = heardBy('self');
  const executors = new Map<string, LinkedExecutor>([
    ['one', linked('one')],
    ['two', linked('two')],
    [
      'self',
      {
        executor: { kind: 'worker', id: 'self', engine: 'ssh' },
        link: { bufferedBytes: 0, send: (order) => self.push(order) > 0, pause() {}, resume() {} },
        lane: 'ssh',
        out: undefined,
      },
    ],
  ]);
  const mac = (n: number): Uint8Array => Buffer.alloc(32, n);
  const a = (ordinal: number): string => `${RUN}.0.${ordinal}.1`;
  const agent = (id: string) => ({ kind: 'agent', id }) as const;
  acksPass(
    [
      { a: a(1), executor: agent('one'), mac: mac(1) },
      { a: a(2), executor: agent('two'), mac: mac(2) },
      { a: a(3), executor: agent('gone'), mac: mac(3) },
      { a: a(4), executor: agent('two'), mac: mac(4) },
      { a: a(5), executor: { kind: 'worker', id: 'self', engine: 'ssh' } },
    ],
    ({ id }) => executors.get(id),
  );
  expect(Object.fromEntries(heard)).toEqual({
    one: [{ t: 'ack', acks: [{ a: a(1), mac: mac(1) }] }],
    two: [
      {
        t: 'ack',
        acks: [
          { a: a(2), mac: mac(2) },
          { a: a(4), mac: mac(4) },
        ],
      },
    ],
    self: [{ t: 'ack', acks: [{ a: a(5) }] }],
  });
});
