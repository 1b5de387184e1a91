/** `drover job run`: runs a published version of a job, follows it, and shows what each step said. */
import { dataOf } from '@drover/sdk';
import type { Command } from 'commander';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { answer, command, withDisconnect, type AnswerFlags } from '../command.ts';
import { Faults, Inputs, many } from '../input.ts';
import { CONFIRM_OPTION, confirmTargets, targetsOf, withHosts, type TargetFlags } from '../targets.ts';
import { HeldSignals, type OnDisconnect } from '../runs/interrupt.ts';
import { openSession } from '../servers/session.ts';

interface JobRunFlags extends AnswerFlags, Omit<TargetFlags, 'limit'> {
  readonly param?: readonly string[];
  readonly secret?: readonly string[];
  readonly yes?: boolean;
  readonly jobVersion?: string;
  readonly reason?: string;
  readonly detach?: boolean;
  readonly live?: boolean;
  readonly onDisconnect?: OnDisconnect;
}

export function addJobRunCommand(jobs: Command): void {
  const run = withDisconnect(
    command(jobs, 'run', {
      summary: 'run a published version of a job',
      description:
        'Run a published version of a job, follow it, and show what each step said.\nExit code: 0 the run ' +
        'succeeded (where its steps say on_failure: continue, some hosts may not have), ' +
        '1 it did not (or it was left before its end), 2 bad usage, 3 refused, 4 server not reached, 5 nothing failed ' +
        'but hosts were not reached.',
      examples: [
        'drover job run deploy-web --param version=v1.4.2 --reason "ticket 812"',
        "drover job run deploy-web -t 'web-[1-3]' --param version=v1.4.2",
        'drover job run backup --secret password=@password.txt --param files=@files.txt --detach',
      ],
    }),
  ).argument('<job>', 'name or id');
  withHosts(run, "in place of the job's own targets, for the steps that say none: ")
    .option(
      '-p, --param <k=v>',
      'value of a parameter, or k=@file, k=@- from standard input; @@ for a text that begins with @ (repeatable)',
      many,
    )
    .option(
      '--secret <k=@file>',
      'value of a parameter of type secret from a file, k=@- from standard input, or k=env:NAME (repeatable)',
      many,
    )
    .option('--job-version <version>', 'number of a version, or latest (the newest published)', 'latest')
    .option('--reason <text>', 'why; kept in the audit trail')
    .option('-d, --detach', 'print the id and return')
    .option('-y, --yes', CONFIRM_OPTION)
    .option('--live', 'show output as it comes, instead of folded at the end')
    .action(async (name: string, flags: JobRunFlags) => {
      process.exitCode = await runJob(name, flags);
    });
}

async function runJob(name: string, flags: JobRunFlags): Promise<number> {
  const faults = new Faults();
  const inputs = new Inputs(faults);
  const targets = await targetsOf(faults, inputs, flags);
  const params = inputs.values('--param', flags.param ?? []);
  const secrets = inputs.secrets(flags.secret ?? []);
  const version = versionOf(faults, flags.jobVersion);
  for (const key of Object.keys(secrets))
    if (Object.hasOwn(params, key)) faults.add(`${key} is given as --param and as --secret.`);
  faults.end();
  const session = openSession();
  if (targets !== undefined) await confirmTargets(session, { targets }, flags);
  const held = new HeldSignals();
  const body = { params, secrets, version, reason: flags.reason ?? '', ...given({ targets }) };
  const started = dataOf(
    await session.client.POST('/api/v1/jobs/{job}/runs', { params: { path: { job: name } }, body }),
  );
  if (!flags.detach) return (await import('../runs/follow.ts')).followToEnd(session, started, { ...flags, held });
  await answer(flags, { run: started }, () => started.id);
  return EXIT.succeeded;
}

function versionOf(faults: Faults, text = 'latest'): string {
  if (!/^(?:latest|last|draft|[1-9]\d{0,8})$/.test(text))
    faults.add(`--job-version wants the number of a version, or latest, not ${JSON.stringify(text)}.`);
  return text;
}
