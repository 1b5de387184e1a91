/** What every ledger must do with output values, whichever engine carries scripts out. `make` gives a started ledger. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { valueLimits } from '../../src/base/value-limits.ts';
import type { AttemptId } from '../../src/base/ids.ts';
import type { Ledger, LedgerListener } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { HOST, specOf, type SpecMore } from '../support/execution-spec.ts';
import { nobody } from '../support/listeners.ts';
import { until } from '../support/until.ts';
import { exited, newAttempt, reportOf } from './ledger.ts';

export function outputValuesConformance(
  make: (listener: LedgerListener) => Promise<{
    ledger: Ledger;
    restart: () => Promise<Ledger>;
    end: () => Promise<void>;
  }>,
): void {
  describe('output values', () => {
    let world: Awaited<ReturnType<typeof make>>;
    let ledger: Ledger;
    const scratch = mkdtempSync(join(tmpdir(), 'drover-values-'));
    beforeAll(async () => {
      world = await make(nobody);
      ledger = world.ledger;
    });
    afterAll(async () => {
      await world.end();
      rmSync(scratch, { recursive: true, force: true });
    });

    async function start(program: string, more: SpecMore = {}): Promise<AttemptId> {
      const attempt = newAttempt();
      expect(await ledger.startAttempt(attempt, specOf(program, more), HOST)).toBe('accepted');
      return attempt;
    }
    const run = async (program: string, more?: SpecMore): Promise<AgentReport> =>
      reportOf(ledger, await start(program, more));

    it('are what a script writes to DROVER_OUTPUT, line by line and by blocks', async () => {
      const report = await run(`echo version=v1.4 >>"$DROVER_OUTPUT"
        { echo "list<<END"; printf 'a b\\nc\\n'; echo END; } >>"$DROVER_OUTPUT"
        echo printed`);
      expect(report).toMatchObject({ outcome: exited(0), values: { version: 'v1.4', list: 'a b\nc' } });
      expect(report.valuesFault).toBeUndefined();
      expect(Buffer.from(report.stdout.inline!).toString()).toBe('printed\n');
    });

    it('are told of a script that fails, and of one that is ended, too', async () => {
      expect(await run('echo a=1 >>"$DROVER_OUTPUT"; exit 3')).toMatchObject({
        outcome: exited(3),
        values: { a: '1' },
      });
      const ended = await run('echo a=1 >>"$DROVER_OUTPUT"; sleep 60', { timeoutMs: 1_500 });
      expect(ended).toMatchObject({ outcome: { kind: 'timed_out' }, values: { a: '1' } });
    });

    it('are not there where nothing was written, and nothing is said of it', async () => {
      const report = await run('true');
      expect([report.values, report.valuesFault, report.detail]).toEqual([undefined, undefined, undefined]);
    });

    it('hold no secret', async () => {
      const secrets = { S: 'correct horse' };
      const report = await run('printf "a=x %s y\\n%s=1\\n" "$S" "$S" >>"$DROVER_OUTPUT"', { secrets });
      expect(report.values).toEqual({ a: 'x ****** y' });
      expect(report.valuesFault).toContain('Line 2');
      expect(JSON.stringify(report)).not.toContain('horse');
    });

    it('that cannot be read leave the end of the script as it is, and that is told', async () => {
      const report = await run('printf "a=1\\nnonsense\\n" >>"$DROVER_OUTPUT"');
      expect(report).toMatchObject({ outcome: exited(0), values: { a: '1' } });
      expect(report.valuesFault).toBe('Line 2 is neither NAME=VALUE nor NAME<<END.');
    });

    it('of a file that is too large are those of its beginning, and that is told', async () => {
      const report = await run(
        `echo a=1 >>"$DROVER_OUTPUT"; head -c ${valueLimits.outputValuesFileBytesMax} /dev/zero | tr '\\000' x >>"$DROVER_OUTPUT"`,
      );
      expect(report).toMatchObject({ outcome: exited(0), values: { a: '1' } });
      expect(report.valuesFault).toContain(`The file has more than ${valueLimits.outputValuesFileBytesMax} bytes`);
    });

    it('of a file that somebody deletes are not known, and that is told', async () => {
      const report = await run('echo a=1 >>"$DROVER_OUTPUT"; rm "$DROVER_OUTPUT"');
      expect([report.outcome, report.values]).toEqual([exited(0), undefined]);
      expect(report.valuesFault).toContain('was deleted');
    });

    it('have a file of their own for each attempt, which nobody else may read', async () => {
      const report = await run('stat -c "%a %U %s" "$DROVER_OUTPUT"; id -un');
      const [facts, name] = Buffer.from(report.stdout.inline!).toString().trim().split('\n');
      expect(facts).toBe(`600 ${name} 0`);
      const other = await run('echo "$DROVER_OUTPUT"');
      const again = await run('echo "$DROVER_OUTPUT"');
      expect(other.stdout.digest).not.toEqual(again.stdout.digest);
    });

    it('go to their own file whatever variable is given, and whatever a profile says', async () => {
      const file = join(scratch, 'elsewhere');
      const env = { DROVER_OUTPUT: file, b: '/b', d: '/d' };
      for (const environment of ['clean', 'login', 'agent'] as const)
        expect(await run('echo a=1 >>"$DROVER_OUTPUT"', { env, environment })).toMatchObject({ values: { a: '1' } });
      expect(existsSync(file)).toBe(false);
    });

    it('are there after a restart, whether the end was recorded before it or comes after it', async () => {
      const [over, open] = [join(scratch, 'over'), join(scratch, 'open')];
      const recorded = await start('echo a=1 >>"$DROVER_OUTPUT"');
      await reportOf(ledger, recorded);
      const running = await start(
        'echo b=1 >>"$DROVER_OUTPUT"; : >"$O"; until [ -e "$E" ]; do sleep 0.05; done; echo c=2 >>"$DROVER_OUTPUT"',
        {
          env: { O: open, E: over },
        },
      );
      await until('it to have begun', () => existsSync(open));
      ledger = await world.restart();
      expect((await ledger.report(recorded))?.values).toEqual({ a: '1' });
      writeFileSync(over, '');
      expect((await reportOf(ledger, running)).values).toEqual({ b: '1', c: '2' });
    });

    it('leave no file behind once their end is settled', async () => {
      const report = await run('echo a=1 >>"$DROVER_OUTPUT"; echo "$DROVER_OUTPUT"');
      const file = Buffer.from(report.stdout.inline!).toString().trim();
      await ledger.forget([report.a as AttemptId]);
      await until('the file to be gone', () => !existsSync(file));
      expect(() => readFileSync(file)).toThrow();
    });
  });
}
