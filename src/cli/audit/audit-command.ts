/** `drover audit` and `drover audit verify`: who did what, and whether the record of it is as it was written. */
import { dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { limits } from '../../base/limits.ts';
import { answer, command, listText, withUtc, type AnswerFlags } from '../command.ts';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { Faults, number } from '../input.ts';
import { paintOf } from '../out.ts';
import { timeText } from '../render.ts';
import { openSession } from '../servers/session.ts';
import { cutText, plainText } from '../text-width.ts';

interface AuditFlags extends AnswerFlags {
  readonly limit: string;
  readonly action?: string;
  readonly by?: string;
  readonly cursor?: string;
}
interface VerifyFlags extends AnswerFlags {
  readonly after?: string;
}
type AuditEntry = Schemas['AuditEntry'];
type AuditCheck = Schemas['AuditCheck'];

const DETAIL_COLUMNS = 120;

export function addAuditCommands(program: Command): void {
  const trail = withUtc(
    command(program, 'audit', {
      summary: 'read the audit trail, newest first',
      examples: ['drover audit', 'drover audit --action job.run.create -n 200', 'drover audit --by ci --json'],
    }),
  )
    .option('-n, --limit <n>', 'how many', '50')
    .option('--action <action>', 'only this action, such as job.run.create')
    .option('--by <name>', 'only what this token did')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(audit);
  command(trail, 'verify', {
    summary: 'check that the audit trail is as it was written',
    description:
      'Check that the audit trail is as it was written: every entry by its hash, which is made under a key that ' +
      'is not in the database. Says which entry is wrong, and ends with 1 then. Note the head that it prints ' +
      'somewhere else and check from it later (--after): so an end that was cut off is found as well.',
    examples: ['drover audit verify', 'drover audit verify --after 812:5f0c…'],
  })
    .option('--after <number:hash>', 'only what follows this entry, which is believed and must be there')
    .action(verify);
}

async function verify(_flags: unknown, self: Command): Promise<void> {
  // `--json` before and after the word both mean this command.
  const flags = self.optsWithGlobals<VerifyFlags>();
  const { client } = openSession();
  let checked = 0;
  let check: AuditCheck;
  let { after } = flags;
  do {
    check = dataOf(
      await client.GET('/api/v1/audit/verification', { params: { query: after === undefined ? {} : { after } } }),
    );
    checked += check.checked;
    after = `${check.through.seq}:${check.through.hash}`;
  } while (!check.whole && !check.fault);
  const { fault, through } = check;
  await answer(
    flags,
    { ...check, checked },
    () =>
      fault
        ? `${fault.detail} (${fault.kind})\nUp to entry ${through.seq} the trail is as it was written.`
        : `${checked} entries are as they were ` +
          `written${check.unsealed ? `, and ${check.unsealed} that wait for their seal` : ''}. The head is ${after}`,
    () => String(after),
  );
  if (fault) process.exitCode = EXIT.failed;
}

async function audit(flags: AuditFlags): Promise<void> {
  const faults = new Faults();
  const wanted = number(faults, '--limit', flags.limit, { least: 1 }) ?? 1;
  faults.end();
  const { client } = openSession();
  const items: AuditEntry[] = [];
  let next = flags.cursor;
  do {
    const query = {
      limit: Math.min(limits.pageSizeMax, wanted - items.length),
      ...given({ action: flags.action || undefined, actor: flags.by || undefined, cursor: next }),
    };
    const page = dataOf(await client.GET('/api/v1/audit', { params: { query } }));
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined && items.length < wanted);
  await answer(
    flags,
    { items, ...given({ next }) },
    () =>
      `${listText(flags, items, [
        ['SEQ', (entry) => (entry.seq === undefined ? '-' : String(entry.seq))],
        ['AT', (entry) => timeText(entry.at, flags.utc === true)],
        ['BY', (entry) => entry.actor],
        ['ACTION', (entry) => entry.action],
        ['TARGET', (entry) => entry.target],
        ['REQUEST', (entry) => entry.requestId, 'wide'],
        ['DETAIL', (entry) => cutText(plainText(JSON.stringify(entry.detail)), DETAIL_COLUMNS), 'wide'],
      ])}${next === undefined ? '' : `\n${paintOf('stdout').dim(`… older ones: --cursor ${next}`)}`}`,
  );
}
