import { expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../link/codec.ts';
import { WORKER_TO_AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import { acksPass } from './acks-pass.ts';
import type { AgentLink } from './output-relay.ts';

const RUN = '01936f2e-0000-7000-8000-000000000000';

it('tells each who reported of its own attempts in one frame, and leaves out who is not there', () => {
  const heard = new Map<string, unknown[]>();
  const link = (id: string): AgentLink => {
    const frames: unknown[] = [];
    heard.set(id, frames);
    const sendEncoded = (bytes: Uint8Array): boolean => frames.push(decodeFrame(bytes, WORKER_TO_AGENT_FRAMES)) > 0;
    return { sendEncoded, send: (frame: object) => sendEncoded(encodeFrame(frame)) } as unknown as AgentLink;
  };
  const links = new Map(['one', 'two', 'self'].map((id) => [id, link(id)]));
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
    ({ id }) => links.get(id),
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
