/** A host that says what it likes: whatever comes, what is told of the attempt fits the frames that carry it. */
import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { newId } from '../../../base/ids.ts';
import { fits, isFittingStart } from '../../../ledger/fitting-words.ts';
import type { AgentReport } from '../../../protocol/link/agent-v1.ts';
import { report as reportShape, size as sizeShape } from '../../../protocol/link/common-shapes.ts';
import { executionOrder } from '../../../../test/support/execution-spec.ts';
import { until } from '../../../../test/support/until.ts';
import { remoteEndOf } from './remote-end.ts';
import { RemoteParser } from './remote-parser.ts';
import type { RemoteEnd } from './remote-run.ts';
import type { RemoteChannel, RemoteShell } from './remote-shell.ts';
import { attachRemote, startRemote } from './remote-supervisor.ts';
import { begunIn, isNonsense } from './remote-words.ts';

const clock = systemClock;
const attempt = `${newId()}.0.0.1`;

/** Speaks `lines` in answer to what it is told, and ends; `before` is its answer to what its session is like. */
function speaking(answers: (told: string, nonce: string) => Iterable<string | Buffer> | undefined): RemoteShell {
  return {
    async exec(): Promise<RemoteChannel> {
      const stdout = new PassThrough();
      const stderr = new PassThrough();
      let heard = '';
      let nonce = '';
      const end = (): void => void (stdout.end(), stderr.end());
      const stdin = new Writable({
        write(bytes: Buffer, _encoding, done) {
          heard += bytes.toString('latin1');
          nonce ||= /N=([0-9a-f]{16})/.exec(heard)?.[1] ?? '';
          const said = heard.endsWith('\n') ? heard : '';
          if (said !== '') heard = '';
          const answer = nonce === '' || said === '' ? undefined : answers(said, nonce);
          for (const piece of answer ?? []) stdout.write(piece);
          if (answer && !said.includes('export -p; say')) end();
          done();
        },
      });
      const ended = new Promise<{ kind: 'exited'; code: number }>((resolve) =>
        stdout.once('close', () => resolve({ kind: 'exited', code: 0 })),
      );
      return {
        stdin,
        stdout,
        stderr,
        ended,
        rest: () => false,
        wake: () => false,
        close: () => void (end(), stdout.resume()),
      };
    },
  };
}

/** As the ledger makes one of it. */
function reportOf(end: RemoteEnd): AgentReport {
  const nothing = { size: 0, head: 0, tail: 0 };
  return { t: 'report', a: attempt, ...end, stdout: nothing, stderr: nothing };
}

const number = fc.oneof(
  fc.integer({ min: -10, max: 10 }).map(String),
  fc.constantFrom('', '-', '?', 'NaN', 'abc', '1e9', '0x10', '1.5', '-1', '4294967295', '4294967296', '1099511627776'),
  fc.constantFrom(
    '9007199254740993',
    '99999999999999999999',
    'Infinity',
    'e0',
    's9',
    'e256',
    's4096',
    'timed_out',
    'cancelled',
  ),
  fc.string({ maxLength: 8 }).filter((text) => !/[ \n]/.test(text)),
);
const line = fc
  .tuple(
    fc.constantFrom('S', 'E', 'O', 'D', 'B', 'R', 'V', 'H', 'F', 'A', 'L', 'W', 'U', 'X', ''),
    fc.array(number, { maxLength: 7 }),
  )
  .map(([kind, words]) => [kind, ...words].join(' '));
const lines = fc.array(line, { maxLength: 6 });

describe('what a host says', () => {
  it('comes out as what frames may hold, or as nonsense, whatever it is', () =>
    fc.assert(
      fc.property(line, (text) => {
        const words = text.split(' ');
        const read = <T>(make: () => T): T | undefined => {
          try {
            return make();
          } catch (error) {
            expect(isNonsense(error)).toBe(true);
            return undefined;
          }
        };
        const begun = read(() => begunIn(words));
        if (begun) expect(isFittingStart({ pid: begun.pid, atMs: begun.now - begun.start + 2 ** 41 })).toBe(true);
        const end = read(() => remoteEndOf(words, 1_000, 10_000));
        if (end) expect(fits(reportShape, reportOf(end))).toBe(true);
        const messages = read(() => new RemoteParser('n').push(Buffer.from(`n ${text}\nbytesn \n`))) ?? [];
        for (const message of messages)
          if (message.kind === 'output') expect(fits(sizeShape, message.offset)).toBe(true);
      }),
      { numRuns: 2_000 },
    ));

  it('goes no further than the attempt: what is told of it fits, for a start and for one that is found again', () =>
    fc.assert(
      fc.asyncProperty(lines, lines, lines, async (first, again, session) => {
        const told: unknown[] = [];
        let end: RemoteEnd | undefined;
        const follower = {
          started: (pid: number, atMs: number) => void told.push(isFittingStart({ pid, atMs })),
          output: (_stream: 1 | 2, offset: number) => void told.push(fits(sizeShape, offset)),
          values() {},
          ended: (heard: RemoteEnd) => {
            end ??= heard;
            told.push(fits(reportShape, reportOf(heard)));
          },
        };
        const shell = speaking((said, nonce) => {
          const spoken = (some: readonly string[]): string[] => some.map((text) => `${nonce} ${text}\n`);
          if (said.includes('export -p; say'))
            return session.length === 6
              ? spoken(session)
              : [`${nonce} U 100000\n${nonce} W 0\nexport HOME=/\n${nonce} \n`];
          return spoken(said.includes(' attach ') ? again : first);
        });
        const order = {
          attempt,
          spec: executionOrder('true'),
          hostName: 'h',
          hostId: 'h',
          become: { kind: 'direct' },
        } as const;
        const options = { clock, beginMs: 200, orderValidMs: 100 };
        const run = await startRemote(shell, order, follower, options).catch(() => undefined);
        const found = await attachRemote(shell, order, { stdout: 0, stderr: 0 }, follower, options).catch(
          () => undefined,
        );
        if (run) await Promise.race([run.lost, until('an end', () => end)]);
        if (found && found !== 'absent' && !end) await Promise.race([found.lost, until('an end', () => end)]);
        expect(told).not.toContain(false);
      }),
      { numRuns: 200 },
    ));
});
