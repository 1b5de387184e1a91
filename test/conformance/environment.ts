/** What every ledger must do about environment policies. `make` gives a started ledger whose own environment has AGENT_OWN=yes, and the means to end it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { AgentReport } from '../../src/protocol/link/agent-v1.ts';
import { newAttempt, reportOf } from './ledger.ts';
import { HOST, specOf, type SpecMore } from '../support/execution-spec.ts';

export function environmentConformance(make: () => Promise<{ ledger: Ledger; end: () => Promise<void> }>): void {
  describe('environment policies of a ledger', () => {
    let world: Awaited<ReturnType<typeof make>>;
    const home = mkdtempSync(join(tmpdir(), 'drover-home-'));
    beforeAll(async () => {
      world = await make();
      mkdirSync(join(home, 'bin'));
      writeFileSync(join(home, 'bin', 'only-here'), '#!/bin/sh\necho "found $*"\n', { mode: 0o755 });
      // A profile that moves, sets what was given otherwise, and finds more programs.
      writeFileSync(
        join(home, '.profile'),
        'export FROM_PROFILE=yes GIVEN=profile TOKEN=profile DROVER_PARAM_P=profile PATH="$HOME/bin:$PATH"\ncd /\n',
      );
    });
    afterAll(async () => {
      await world.end();
      rmSync(home, { recursive: true, force: true });
    });

    async function run(more: SpecMore): Promise<{ report: AgentReport; text: string; lines: string[] }> {
      const attempt = newAttempt();
      expect(await world.ledger.startAttempt(attempt, specOf('env; pwd', more), HOST)).toBe('accepted');
      const report = await reportOf(world.ledger, attempt);
      const text = Buffer.from(report.stdout.inline ?? []).toString();
      return { report, text, lines: text.trimEnd().split('\n') };
    }
    const given = () => ({
      env: { HOME: home, GIVEN: 'a  b "$(echo no)" \'*\'', LINES: 'one\ntwo' },
      params: { P: 'para meter' },
      secrets: { TOKEN: 'hunter2-hunter2' },
      cwd: home,
    });

    it('are clean where nothing is said: no profile, nothing of whoever started the ledger', async () => {
      for (const policy of [{}, { environment: 'clean' as const }]) {
        const { text, lines } = await run({ ...given(), ...policy });
        expect(text).not.toMatch(/FROM_PROFILE|AGENT_OWN/);
        expect(lines).toContain('GIVEN=a  b "$(echo no)" \'*\'');
      }
    });

    it('read the profiles for login, and what was given still wins, exactly, folder and secrets too', async () => {
      const { report, text, lines } = await run({ ...given(), environment: 'login' });
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 0 } });
      expect(lines).toEqual(
        expect.arrayContaining([
          'FROM_PROFILE=yes',
          'GIVEN=a  b "$(echo no)" \'*\'',
          'DROVER_PARAM_P=para meter',
          'TOKEN=******',
        ]),
      );
      expect(text).toContain('LINES=one\ntwo\n');
      expect(lines.at(-1)).toBe(home);
      expect(text).not.toMatch(/__drover_|AGENT_OWN|hunter2/);
    });

    it('find programs where only the login shell does, keep arguments and exit codes, and show no secret in arguments', async () => {
      const attempt = newAttempt();
      const login = { ...given(), environment: 'login' } as const;
      await world.ledger.startAttempt(attempt, specOf(['only-here', '', 'a b', '$HOME'], login), HOST);
      expect(Buffer.from((await reportOf(world.ledger, attempt)).stdout.inline!).toString()).toBe('found  a b $HOME\n');
      const missing = newAttempt();
      await world.ledger.startAttempt(missing, specOf(['drover-nothing'], login), HOST);
      expect(await reportOf(world.ledger, missing)).toMatchObject({ outcome: { kind: 'exited', code: 127 } });
      const status = newAttempt();
      await world.ledger.startAttempt(status, specOf('tr "\\000" " " </proc/$$/cmdline; exit 137', login), HOST);
      const report = await reportOf(world.ledger, status);
      expect(report).toMatchObject({ outcome: { kind: 'exited', code: 137 } });
      expect(Buffer.from(report.stdout.inline!).toString()).not.toMatch(/drover-login|hunter2/);
    });

    it('hand on what the ledger itself has for agent, but not its own workings', async () => {
      const { lines, text } = await run({ ...given(), environment: 'agent' });
      expect(lines).toEqual(expect.arrayContaining(['AGENT_OWN=yes', 'GIVEN=a  b "$(echo no)" \'*\'']));
      expect(text).not.toMatch(/FROM_PROFILE|^DROVER_JOIN=|^NODE_CHANNEL_FD=/m);
    });
  });
}
