import fc from 'fast-check';
import { unpack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import { decodeFrame, encodeFrame } from './codec.ts';
import { AGENT_FRAMES, WORKER_TO_AGENT_FRAMES } from '../protocol/link/agent-frames.ts';
import type { AgentSaid } from '../protocol/link/agent-v1.ts';
import { FrameTemplate } from './frame-template.ts';

const MARK = { server: '01930000-0000-7000-8000-000000000000', order: 7 };

describe('FrameTemplate', () => {
  it('makes the frame that encoding the whole would make', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70_000 }),
        fc.nat(2 ** 41),
        fc
          .tuple(fc.uuid(), fc.nat(999_999), fc.nat(999_999))
          .map(([run, task, ordinal]) => `${run}.${task}.${ordinal}.1`),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.string({ unit: 'binary', maxLength: limits.nameLengthMax }).map((name) => name.replaceAll('\0', '')),
        fc.boolean(),
        (spec, validUntilMs, a, mac, name, watch) => {
          const hostName = name.slice(0, limits.nameLengthMax).toWellFormed();
          const template = new FrameTemplate(
            { t: 'start', ...MARK, validUntilMs, spec: Buffer.from(spec), ...given({ watch: watch || undefined }) },
            ['a', 'hostName', 'mac'],
          );
          for (const attempt of [a, `${a}1`]) {
            const frame = decodeFrame(template.encode(attempt, hostName, mac), WORKER_TO_AGENT_FRAMES) as Record<
              string,
              unknown
            >;
            expect({
              ...frame,
              spec: Buffer.from(frame.spec as Uint8Array),
              mac: Uint8Array.from(frame.mac as Uint8Array),
            }).toEqual({
              t: 'start',
              ...MARK,
              validUntilMs,
              spec: Buffer.from(spec),
              a: attempt,
              hostName,
              mac,
              ...given({ watch: watch || undefined }),
            });
          }
        },
      ),
    );
  });

  it('takes bytes of any length', () => {
    const template = new FrameTemplate({ t: 'said' }, ['body', 'mac']);
    for (const length of [0, 1, 255, 256, 65_535, 65_536, 200_000]) {
      const [body, mac] = [Buffer.alloc(length, 'body'), Buffer.alloc(32, 1)];
      const frame = decodeFrame(template.encode(body, mac), AGENT_FRAMES) as unknown as AgentSaid;
      expect(Buffer.from(frame.body).equals(body), `${length}`).toBe(true);
      expect(Buffer.from(frame.mac)).toEqual(mac);
    }
  });

  it('takes texts of any script and length', () => {
    const template = new FrameTemplate({ t: 'bye', code: 'link-busy' }, ['detail']);
    for (const detail of ['', 'x'.repeat(255), 'é'.repeat(128), '库'.repeat(85), '𠮷'.repeat(100), '库'.repeat(30_000)])
      expect(unpack(template.encode(detail))).toEqual({ t: 'bye', code: 'link-busy', detail });
  });

  it('makes a frame with a list of one entry', () => {
    const a = '01930000-0000-7000-8000-000000000000.0.7.1';
    const mac = Buffer.alloc(32, 1);
    const frame = new FrameTemplate({ t: 'ack' }, ['a', 'mac'], 'acks').encode(a, mac);
    expect(decodeFrame(frame, WORKER_TO_AGENT_FRAMES)).toEqual(
      decodeFrame(encodeFrame({ t: 'ack', acks: [{ a, mac }] }), WORKER_TO_AGENT_FRAMES),
    );
  });
});
