/** `drover run`: makes a run, follows it, and shows the folded result. */
import { dataOf, DroverApiError, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { answer, command, withDisconnect } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { many } from '../input.ts';
import { HeldSignals } from './interrupt.ts';
import { runRequest, type RunFlags } from './run-request.ts';
import { openSession, type Session } from '../servers/session.ts';
import { CONFIRM_OPTION, confirmTargets, withTargets } from '../targets.ts';

export function addRunCommand(program: Command): void {
  withTargets(
    withDisconnect(
      command(program, 'run', {
        summary: 'run a script or command on hosts, or on a worker',
        description:
          'Run a script or command on hosts, or with --on-worker on a worker, follow it, and show the folded ' +
          'result.\nSeveral words after -- are ' +
          'a program and its arguments, given byte by byte. One argument that holds a space or characters of the ' +
          'shell is a line for the shell (sh), as with ssh.\nExit code: 0 all succeeded, 1 some did not (or it ' +
          'was left before its end), 2 bad usage, 3 refused, 4 server not reached, 5 nothing failed but hosts ' +
          'were not reached (off, or lost on the way).',
        examples: [
          "drover run -t 'web-*' -- uptime",
          "drover run -t 'web-*' -- 'df -h / | tail -1; hostname'",
          "drover run -t 'zone=a and not db-*' --script fix.sh --max-failed 5% --reason 'ticket 4711'",
          'drover run -t all --lang python --script check.py --secret TOKEN=@token.txt --json',
          "drover run --on-worker 'zone=a' --script report.sh",
          'generate-script | drover run -t web-1 --script -',
        ],
      }),
    ),
  )
    .option(
      '--on-worker [workers]',
      'no hosts: one worker carries it out on its own machine, of these: names, zone=NAME (default: all)',
    )
    .option('--prefer <workers>', 'with --on-worker: those that are preferred of them')
    .option(
      '--resources <amounts>',
      'with --on-worker: what it wants for itself, such as cpus=2,memory=4GiB,disk=10GiB',
    )
    .option('--strategy <name>', 'with --on-worker: spread (default), pack, prefer-zone or least-loaded')
    .option('-s, --script <file>', 'script to run; - reads it from standard input')
    .option('-l, --lang <lang>', 'sh, bash, python, perl, node, powershell, or any program (default: #!, else sh)')
    .option('--fix-line-ends', 'make CR LF to LF in the script, and drop a byte order mark (files from Windows)')
    .option('-a, --arg <text>', 'argument to the script (repeatable)', many)
    .option('-e, --env <k=v>', 'environment variable (repeatable)', many)
    .option(
      '-p, --param <k=v>',
      'parameter, seen as DROVER_PARAM_K and kept with the run; k=@file from a file, @@ for a text that begins with @ (repeatable)',
      many,
    )
    .option(
      '--secret <k=@file>',
      'secret from a file, k=@- from standard input, or k=env:NAME; an environment variable on the host, masked everywhere (repeatable)',
      many,
    )
    .option('--as <account>', 'account to run as (drover accounts list)')
    .option('--user <user>', 'user of the hosts to run as, where no account says who')
    .option('--cwd <dir>', 'working directory on the hosts')
    .option('--stdin <file>', 'file given to standard input; - gives ours')
    .option('--timeout <duration>', 'end the script after this, such as 30s or 5m (default: 1h)')
    .option('--kill-after <duration>', 'from TERM to KILL (default: 10s)')
    .option('--start-deadline <duration>', 'a host that is off until then is not started (default: 2m)')
    .option('--lost-after <duration>', 'out of reach longer than this is lost (default: 2m)')
    .option('-c, --concurrency <n>', 'executions at once')
    .option('--max-failed <n|n%>', 'start no more once more than this failed')
    .option(
      '--batches <sizes>',
      'one batch after the other: "1 10 25% all"; +5 and *2 are of the one before, the last is repeated',
    )
    .option('--between <time|ask>', 'what is between two batches: 10m, or ask until somebody answers')
    .option('--batch-max-failed <n|n%>', 'as --max-failed, of each batch')
    .option('--on-max-failed <what>', 'drain (start no more, the default), abort (end what runs too) or pause (ask)')
    .option(
      '--counts-as-failed <states>',
      'for the limits: of failed,timed_out,lost,not_started (default: the first three)',
    )
    .option('--order <order>', 'name, label:KEY, spread:KEY (mixed), random or random:SEED')
    .option('--success-exit-codes <n,n>', 'exit codes that are success (default: 0)')
    .option('--retries <n>', 'further attempts when the script fails')
    .option('--via <way>', 'auto (the live agent, else SSH), agent or ssh')
    .option('--priority <class>', 'high, normal or low: which queue it waits in when workers are busy')
    .option('--name <text>', 'name of the run')
    .option('--reason <text>', 'why; kept in the audit trail')
    .option('-d, --detach', 'print the id and return')
    .option('-y, --yes', CONFIRM_OPTION)
    .option('--dry-run', 'check everything, say where it would go, as whom and what it would run, and write nothing')
    .option('--live', 'show output as it comes, instead of folded at the end')
    .argument('[command...]', 'command and arguments, after --')
    .action(async (words: string[], flags: RunFlags) => {
      process.exitCode = await run(words, flags);
    });
}

async function run(words: readonly string[], flags: RunFlags): Promise<number> {
  const body = await runRequest(words, flags);
  const session = openSession();
  if (flags.dryRun) return dryRun(session, body, flags);
  const { targets, hostsMax: most } = body;
  if (targets !== undefined) await confirmTargets(session, { targets, ...given({ most }) }, flags);
  const held = new HeldSignals();
  const query = { output: flags.live ? 'true' : 'false' } as const;
  const started = await told(
    session,
    flags.as,
    session.client.POST('/api/v1/runs', { params: { query }, body }).then(dataOf),
  );
  if (!flags.detach) return (await import('./follow.ts')).followToEnd(session, started, { ...flags, held });
  await answer(flags, { run: started }, () => started.id);
  return EXIT.succeeded;
}

/** As the server would take it, with every refusal that it would make now. */
async function dryRun(session: Session, body: Schemas['RunCreate'], flags: RunFlags): Promise<number> {
  const plan = await told(session, flags.as, session.client.POST('/api/v1/runs/plan', { body }).then(dataOf));
  const { script, scriptBase64, command: argv, lang } = body;
  const text = script ?? (scriptBase64 === undefined ? undefined : Buffer.from(scriptBase64, 'base64').toString());
  const what = text === undefined ? { command: argv ?? [] } : { script: text, ...given({ lang }) };
  const asked = { ...what, args: body.args ?? [] };
  const { planText } = await import('./plan-text.ts');
  await answer(flags, { dryRun: true, ...plan, ...asked }, () => planText(plan, asked));
  return plan.refusedCount > 0 ? EXIT.failed : EXIT.succeeded;
}

/** A name that is no account is refused, never taken for a user of the hosts: who mistypes an account must not become somebody else. */
async function told<T>(session: Session, name: string | undefined, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof DroverApiError && error.code === 'account-not-found') || name === undefined) throw error;
    const { meantText, nearest } = await import('../../base/nearest.ts');
    const accounts = await session.client.GET('/api/v1/accounts').then(dataOf, () => ({ items: [] }));
    throw new DroverApiError(error.status, {
      code: error.code,
      detail: `There is no account ${name}.${meantText(
        nearest(
          name,
          accounts.items.map((one) => one.name),
        ),
      )} A user of the hosts is named with --user ${name}. See: drover accounts list.`,
    });
  }
}
