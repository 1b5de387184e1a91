import { describe, expect, it } from 'vitest';
import { executionOrder } from '../../../test/support/execution-spec.ts';
import { DroverError } from '../../base/errors.ts';
import { planProcess, type PlanContext, type ProcessPlan } from './plan.ts';
import { platformOfHost } from './platform-of-host.ts';

const there =
  (programs: Record<string, string>) =>
  (name: string): string | undefined =>
    programs[name];
const WINDOWS: PlanContext = {
  attemptId: 'r.0.0.1',
  hostName: 'h',
  hostId: 'i',
  scriptPath: 'C:\\s\\script.ps1',
  valuesPath: 'C:\\s\\values',
  account: { name: 'system', uid: 0, gid: 0, home: 'C:\\', shell: '' },
  agentUid: 0,
  agentUser: 'root',
  family: 'windows',
  agentEnvironment: {},
  lackOf: () => 'absent',
  findProgram: there({
    'powershell.exe': 'C:\\W\\powershell.exe',
    'cmd.exe': 'C:\\W\\cmd.exe',
    'tool.exe': 'C:\\t\\tool.exe',
    'build.cmd': 'C:\\t\\build.cmd',
    python: 'C:\\py\\python.exe',
  }),
};

describe('the plan of a process on Windows', () => {
  it.each([
    [
      'a script without a language',
      'x',
      { args: ['a b'] },
      [
        'C:\\W\\powershell.exe',
        'C:\\W\\powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File C:\\s\\script.ps1 "a b"',
      ],
    ],
    ['another interpreter', 'x', { lang: 'python' }, ['C:\\py\\python.exe', 'C:\\py\\python.exe C:\\s\\script.ps1']],
    ['a program', ['tool.exe', '%X%'], { args: ['y'] }, ['C:\\t\\tool.exe', 'C:\\t\\tool.exe %X% y']],
    [
      'a batch file',
      ['build.cmd', '&'],
      {},
      ['C:\\W\\cmd.exe', 'C:\\W\\cmd.exe /d /s /v:off /c "C:\\t\\build.cmd ^^^"^^^&^^^""'],
    ],
  ])('takes %s', (_, program, more, argv) =>
    expect(planProcess(executionOrder(program, more), WINDOWS)).toMatchObject({ argv }),
  );

  it('takes a script of cmd.exe, and a command of PowerShell past every quoting', () => {
    expect(
      planProcess(executionOrder('x', { lang: 'cmd' }), { ...WINDOWS, scriptPath: 'C:\\s\\script.cmd' }),
    ).toMatchObject({ argv: ['C:\\W\\cmd.exe', 'C:\\W\\cmd.exe /d /s /v:off /c "C:\\s\\script.cmd"'] });
    const plan = planProcess(executionOrder(['Get-Item', "it's"], { lang: 'powershell' }), WINDOWS) as ProcessPlan;
    expect(Buffer.from(plan.argv[1]!.split(' ').at(-1)!, 'base64').toString('utf16le')).toContain(
      "& 'Get-Item' 'it''s'",
    );
  });

  it('refuses what cannot be done there', () => {
    expect(planProcess(executionOrder('x', { user: 'other' }), WINDOWS)).toMatchObject({
      refused: 'user-not-permitted',
    });
    expect(planProcess(executionOrder('x', { lang: 'ruby' }), WINDOWS)).toMatchObject({
      refused: 'interpreter-missing',
    });
    expect(planProcess(executionOrder(['build.cmd', 'a\nb']), WINDOWS)).toMatchObject({ refused: 'bad-input' });
  });
});

describe('the platform', () => {
  it('is there for Linux, and another system is told so', () => {
    expect(platformOfHost('linux').family).toBe('posix');
    for (const name of ['darwin', 'win32'] as const)
      expect(() => platformOfHost(name)).toThrow(
        expect.objectContaining({ code: 'platform-unsupported' }) as DroverError,
      );
  });
});
