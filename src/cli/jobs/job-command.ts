/** `drover job apply|validate|convert|list|show|versions|diff|publish|retire|remove|export|run`: procedures as texts. */
import { dataOf, type Schemas } from '@drover/sdk';
import type { Command } from 'commander';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { answer, command, group, listText, withUtc, type AnswerFlags } from '../command.ts';
import { choice, Faults, Inputs, many, number } from '../input.ts';
import { note, out, paintOf, shownText } from '../out.ts';
import { timeText } from '../render.ts';
import { openSession, type Session } from '../servers/session.ts';
import { addJobConvertCommand } from './job-convert-command.ts';
import { addJobRunCommand } from './job-run-command.ts';
import { plainText } from '../text-width.ts';

type Job = Schemas['Job'];
type Version = Schemas['JobVersion'];
interface FileFlags extends AnswerFlags {
  readonly file?: readonly string[];
}
interface ApplyFlags extends FileFlags {
  readonly publish?: boolean;
  readonly reason?: string;
  readonly seen?: string;
}
interface ValidateFlags extends FileFlags {
  readonly param: readonly string[];
  readonly secret: readonly string[];
  readonly target?: string;
}
interface ListFlags extends AnswerFlags {
  readonly name?: string;
  readonly owner?: string;
  readonly team?: string;
  readonly tag?: string;
  readonly state?: string;
  readonly limit: string;
  readonly cursor?: string;
}
interface DeedFlags extends AnswerFlags {
  readonly reason?: string;
  readonly seen?: string;
  readonly jobVersion?: string;
}

const STATES = ['draft', 'published', 'retired'] as const;
const VERSION = 'number of a version, latest (the newest published), draft, or last';
const REASON = 'why; it is kept with the version and in the audit';
const SEEN = 'digest of the text that you have looked at: refused when it is another by now';
/** Lines around each change of a diff. */
const CONTEXT_LINES = 3;

export function addJobCommands(program: Command): void {
  const jobs = group(
    program,
    'job',
    'procedures of several steps: apply, check, convert, publish, run, compare and export them',
  );
  addApply(jobs);
  addValidate(jobs);
  addJobConvertCommand(jobs);
  addReading(jobs);
  addDeeds(jobs);
  addJobRunCommand(jobs);
}

function withFiles(target: Command): Command {
  return target
    .argument('[files...]', 'files with one or several jobs (--- between them); - is standard input')
    .option('-f, --file <file...>', 'the same, as others have it');
}

function addApply(jobs: Command): void {
  withFiles(
    command(jobs, 'apply', {
      summary: 'make texts the drafts of their jobs',
      description:
        'Make texts the drafts of their jobs: of new jobs, of new versions, or in the place of the drafts that ' +
        'there are. All of them are ' +
        'checked first, and none is sent while one is wrong. The same text again changes nothing.',
      examples: [
        'drover job apply deploy-web.yaml',
        'drover job apply jobs/*.yaml --publish --reason "ticket 812"',
        'generate | drover job apply -',
      ],
    }),
  )
    .option('--publish', 'and publish each at once')
    .option('--reason <text>', REASON)
    .option(
      '--seen <digest>',
      'digest of the last version that you have seen, or none: refused when it is another (for one job)',
    )
    .action(apply);
}

function addValidate(jobs: Command): void {
  withFiles(
    command(jobs, 'validate', {
      summary: 'tell what is wrong with jobs, without a server',
      description:
        'Tell what is wrong with jobs, all of it at once, as FILE:LINE:COLUMN: CODE: WHAT. No server is asked, ' +
        'and nothing is changed. With values (of one job), also what a start with them would be refused for.',
      examples: ['drover job validate deploy-web.yaml', 'drover job validate jobs/*.yaml -o jsonl'],
    }),
  )
    .option('-p, --param <name=value>', 'value of a parameter (repeatable)', many, [])
    .option(
      '--secret <name=@file>',
      'value of a secret: NAME=@FILE, NAME=@- or NAME=env:VARIABLE (repeatable)',
      many,
      [],
    )
    .option('-t, --target <expression>', "hosts in place of the job's own")
    .action(validate);
}

function addReading(jobs: Command): void {
  withUtc(
    command(jobs, 'list', {
      summary: 'list jobs',
      examples: [
        'drover job list',
        'drover job list --team web --state published',
        'drover job list --tag weekly -o name',
      ],
    }),
  )
    .option('--name <text>', 'whose name holds this')
    .option('--owner <owner>', 'only jobs of this owner')
    .option('--team <team>', 'only jobs of this team')
    .option('--tag <tag>', 'only jobs with this tag')
    .option('--state <state>', `only jobs that are ${STATES.join(', ')}`)
    .option('-n, --limit <n>', 'how many', '1000')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(list);
  withUtc(command(jobs, 'show', { summary: 'show a job', examples: ['drover job show deploy-web'] }))
    .argument('<job>', 'name or id')
    .action(show);
  withUtc(
    command(jobs, 'versions', {
      summary: 'list the versions of a job, newest first',
      examples: ['drover job versions deploy-web', 'drover job versions deploy-web -o wide'],
    }),
  )
    .argument('<job>', 'name or id')
    .option('-n, --limit <n>', 'how many', '1000')
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .action(versions);
  command(jobs, 'diff', {
    summary: 'tell how one version of a job becomes another',
    examples: ['drover job diff deploy-web', 'drover job diff deploy-web 3 5'],
  })
    .argument('<job>', 'name or id')
    .argument('[from]', `${VERSION} (default: latest)`)
    .argument('[to]', `${VERSION} (default: last)`)
    .action(diff);
  command(jobs, 'export', {
    summary: 'print the text of a version as it was applied',
    description: 'Print the text of a version as it was applied, byte for byte, comments and all.',
    examples: ['drover job export deploy-web >deploy-web.yaml', 'drover job export deploy-web --job-version draft'],
  })
    .argument('<job>', 'name or id')
    .option('--job-version <version>', `${VERSION} (default: latest)`)
    .action(exportText);
}

function addDeeds(jobs: Command): void {
  command(jobs, 'publish', {
    summary: 'publish a draft: it never changes from then on',
    examples: [
      'drover job publish deploy-web',
      'drover job publish deploy-web --seen DIGEST --reason "looked at by Mei"',
    ],
  })
    .argument('<job>', 'name or id')
    .option('--job-version <version>', `${VERSION} (default: draft)`)
    .option('--reason <text>', REASON)
    .option('--seen <digest>', SEEN)
    .action(publish);
  command(jobs, 'retire', {
    summary: 'retire a job, or one version of it',
    description: 'Retire a job: all its versions, or one of them. They are kept, and nothing runs by them any more.',
    examples: [
      'drover job retire deploy-web',
      'drover job retire deploy-web --job-version 3 --reason "breaks on Debian 12"',
    ],
  })
    .argument('<job>', 'name or id')
    .option('--job-version <version>', `only this one: ${VERSION}`)
    .option('--reason <text>', REASON)
    .action(retire);
  command(jobs, 'remove', {
    summary: 'remove a retired job, or one retired version of it',
    description:
      'Remove a job of which every version is retired and no run is on record, or one retired version. Numbers of versions ' +
      'are not given again, and runs keep what they ran.',
    examples: ['drover job remove deploy-web', 'drover job remove deploy-web --job-version 3'],
  })
    .argument('<job>', 'name or id')
    .option('--job-version <version>', `only this one: ${VERSION}`)
    .option('--reason <text>', REASON)
    .action(remove);
}

async function apply(files: readonly string[], flags: ApplyFlags): Promise<void> {
  const { allValid, readJobs } = await import('./job-files.ts');
  const jobs = allValid(readJobs([...files, ...(flags.file ?? [])]));
  const faults = new Faults();
  if (flags.seen !== undefined && jobs.length > 1) faults.add('--seen is of one job; these are several.');
  faults.end();
  const { client } = openSession();
  const items: Schemas['JobApplied'][] = [];
  const reason = flags.reason ?? '';
  try {
    for (const { text } of jobs) {
      const body = { definition: text, reason, ...given({ seen: flags.seen }) };
      const applied = dataOf(await client.POST('/api/v1/jobs', { body }));
      items.push(applied);
      if (!flags.publish || applied.version.state !== 'draft') continue;
      const { job, version, digest } = applied.version;
      const path = { job, version: String(version) };
      // What was looked at is what is published, whoever else has applied something meanwhile.
      const published = await client.POST('/api/v1/jobs/{job}/versions/{version}/publish', {
        params: { path },
        body: { reason, seen: digest },
      });
      items[items.length - 1] = { ...applied, version: dataOf(published) };
    }
  } catch (error) {
    for (const item of items) note(`drover: note: before that: ${appliedText(item)}`);
    throw error;
  }
  await answer(
    flags,
    { items },
    () => items.map(appliedText).join('\n'),
    ({ version }) => version.job,
  );
}

function appliedText({ outcome, version }: Schemas['JobApplied']): string {
  const { job, version: number, state } = version;
  return `${plainText(job)}: version ${number}, ${state}, ${outcome === 'unchanged' ? 'as it was' : outcome}`;
}

async function validate(files: readonly string[], flags: ValidateFlags): Promise<void> {
  const { faultLines, readJobs, startFaults, startLines } = await import('./job-files.ts');
  const jobs = readJobs([...files, ...(flags.file ?? [])]);
  const faults = new Faults();
  const inputs = new Inputs(faults);
  const values = { params: inputs.values('--param', flags.param), secrets: inputs.secrets(flags.secret) };
  const isStart = flags.param.length + flags.secret.length > 0 || flags.target !== undefined;
  if (isStart && jobs.length > 1) faults.add('--param, --secret and --target are of one job; these are several.');
  faults.end();
  const items = jobs.map((one) => {
    const { file, job, faults: told, faultCount } = one;
    const valueFaults = isStart ? startFaults(one, values, flags.target) : [];
    const valid = faultCount === 0 && valueFaults.length === 0;
    return { file, ...given({ job }), valid, faults: told, faultCount, valueFaults };
  });
  if (items.some(({ valid }) => !valid)) process.exitCode = EXIT.usage;
  const lines = jobs.flatMap((one, i) => {
    const { valid, valueFaults } = items[i]!;
    if (valid) return [`${plainText(one.file)}: ${plainText(one.job!)} is a job`];
    return [...faultLines(one), ...startLines(one.file, valueFaults)];
  });
  await answer(
    flags,
    { items },
    () => lines.join('\n'),
    ({ job, file }) => job ?? file,
  );
}

/** Pages until there are as many as are wanted. */
async function paged<T>(
  faults: Faults,
  { limit, cursor }: { readonly limit: string; readonly cursor?: string },
  fetch: (query: { limit: number; cursor?: string }) => Promise<{ items: readonly T[]; next?: string | undefined }>,
): Promise<{ items: T[]; next?: string }> {
  const wanted = number(faults, '--limit', limit, { least: 1 }) ?? 1;
  faults.end();
  const items: T[] = [];
  let next = cursor;
  do {
    const page = await fetch({
      limit: Math.min(limits.pageSizeMax, wanted - items.length),
      ...given({ cursor: next }),
    });
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined && items.length < wanted);
  return { items, ...given({ next }) };
}

function more(next: string | undefined): string {
  return next === undefined ? '' : `\n${paintOf('stdout').dim(`… more: --cursor ${next}`)}`;
}

async function list(flags: ListFlags): Promise<void> {
  const faults = new Faults();
  const state = choice(faults, '--state', STATES, flags.state);
  const { name, owner, team, tag } = flags;
  const filter = given({ name, owner, team, tag, state });
  const found = await paged<Job>(faults, flags, async (query) =>
    dataOf(await openSession().client.GET('/api/v1/jobs', { params: { query: { ...filter, ...query } } })),
  );
  await answer(
    flags,
    found,
    () =>
      listText(flags, found.items, [
        ['NAME', (job) => job.name],
        ['STATE', (job) => job.state],
        ['PUBLISHED', (job) => job.publishedVersion?.toString()],
        ['DRAFT', (job) => job.draftVersion?.toString()],
        ['OWNER', (job) => job.owner],
        ['TEAM', (job) => job.team],
        ['TAGS', (job) => job.tags.join(' ')],
        ['CHANGED', (job) => timeText(job.changedAt, flags.utc === true)],
        ['ID', (job) => job.id, 'wide'],
        ['DESCRIPTION', (job) => firstLine(job.description), 'wide'],
      ]) + more(found.next),
  );
}

function firstLine(text: string | undefined): string {
  return (text ?? '').trim().split('\n')[0]!;
}

async function show(name: string, flags: AnswerFlags): Promise<void> {
  const job = dataOf(await openSession().client.GET('/api/v1/jobs/{job}', { params: { path: { job: name } } }));
  const utc = flags.utc === true;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['name', job.name],
    ['id', job.id],
    ['state', job.state],
    ['published', job.publishedVersion === undefined ? undefined : `version ${job.publishedVersion}`],
    ['draft', job.draftVersion === undefined ? undefined : `version ${job.draftVersion}`],
    ['last', `version ${job.lastVersion}`],
    ['owner', job.owner],
    ['team', job.team],
    ['tags', job.tags.join(' ')],
    ['created', timeText(job.createdAt, utc)],
    ['changed', timeText(job.changedAt, utc)],
    ['description', job.description?.trim().replaceAll('\n', ' ')],
  ];
  await answer(flags, job, () =>
    rows
      .filter(([, value]) => value)
      .map(([title, value]) => `${title.padEnd(11)}  ${plainText(value!)}`)
      .join('\n'),
  );
}

async function versions(
  name: string,
  flags: AnswerFlags & { readonly limit: string; readonly cursor?: string },
): Promise<void> {
  const utc = flags.utc === true;
  const found = await paged<Version>(new Faults(), flags, async (query) =>
    dataOf(await openSession().client.GET('/api/v1/jobs/{job}/versions', { params: { path: { job: name }, query } })),
  );
  await answer(
    flags,
    found,
    () =>
      listText(flags, found.items, [
        ['VERSION', (one) => String(one.version)],
        ['STATE', (one) => one.state],
        ['APPLIED', (one) => timeText(one.applied.at, utc)],
        ['BY', (one) => one.applied.by],
        ['PUBLISHED', (one) => timeText(one.published?.at, utc)],
        ['BY', (one) => one.published?.by],
        ['REASON', (one) => firstLine(one.retired?.reason || one.published?.reason || one.applied.reason)],
        ['RETIRED', (one) => timeText(one.retired?.at, utc), 'wide'],
        ['DIGEST', (one) => one.digest, 'wide'],
      ]) + more(found.next),
    ({ version }) => String(version),
  );
}

async function diff(name: string, from: string | undefined, to: string | undefined, flags: AnswerFlags): Promise<void> {
  const found = dataOf(
    await openSession().client.GET('/api/v1/jobs/{job}/diff', {
      params: { path: { job: name }, query: given({ from, to }) },
    }),
  );
  await answer(
    flags,
    found,
    () => diffText(found),
    ({ to }) => to.job,
  );
}

/** As `diff -u` has it, without the numbers of lines. */
function diffText({ from, to, lines, equal }: Schemas['JobDiff']): string {
  const side = ({ job, version, state }: Version): string => `${plainText(job)} version ${version}, ${state}`;
  const title = `--- ${side(from)}\n+++ ${side(to)}`;
  if (equal) return `${title}\nThe texts are the same.`;
  const paint = paintOf('stdout');
  const near = new Set<number>();
  for (const [i, { kind }] of lines.entries())
    if (kind !== 'same') for (let n = i - CONTEXT_LINES; n <= i + CONTEXT_LINES; n++) near.add(n);
  const shown: string[] = [];
  for (const [i, { kind, text }] of lines.entries()) {
    if (!near.has(i)) continue;
    if (i > 0 && !near.has(i - 1)) shown.push(paint.dim('…'));
    const line = plainText(text);
    shown.push(kind === 'same' ? ` ${line}` : kind === 'added' ? paint.green(`+${line}`) : paint.red(`-${line}`));
  }
  return `${title}\n${shown.join('\n')}`;
}

async function exportText(name: string, flags: DeedFlags): Promise<void> {
  const path = { job: name, version: flags.jobVersion ?? 'latest' };
  const version = dataOf(await openSession().client.GET('/api/v1/jobs/{job}/versions/{version}', { params: { path } }));
  if (!flags.json) return out(shownText(Buffer.from(version.definition), 'stdout'));
  await answer(
    flags,
    version,
    () => '',
    ({ job }) => job,
  );
}

async function publish(name: string, flags: DeedFlags): Promise<void> {
  const path = { job: name, version: flags.jobVersion ?? 'draft' };
  const body = { reason: flags.reason ?? '', ...given({ seen: flags.seen }) };
  const version = dataOf(
    await openSession().client.POST('/api/v1/jobs/{job}/versions/{version}/publish', { params: { path }, body }),
  );
  await answer(
    flags,
    version,
    () => `${plainText(version.job)}: version ${version.version} is published`,
    ({ job }) => job,
  );
}

async function retire(name: string, flags: DeedFlags): Promise<void> {
  const session = openSession();
  if (flags.jobVersion !== undefined) return retireVersion(session, name, flags.jobVersion, flags);
  const job = dataOf(
    await session.client.POST('/api/v1/jobs/{job}/retire', {
      params: { path: { job: name } },
      body: { reason: flags.reason ?? '' },
    }),
  );
  await answer(flags, job, () => `${plainText(job.name)} is retired, with every version of it`);
}

async function retireVersion({ client }: Session, name: string, wanted: string, flags: DeedFlags): Promise<void> {
  const version = dataOf(
    await client.POST('/api/v1/jobs/{job}/versions/{version}/retire', {
      params: { path: { job: name, version: wanted } },
      body: { reason: flags.reason ?? '' },
    }),
  );
  await answer(
    flags,
    version,
    () => `${plainText(version.job)}: version ${version.version} is retired`,
    ({ job }) => job,
  );
}

async function remove(name: string, { jobVersion: version, reason = '', ...flags }: DeedFlags): Promise<void> {
  const { client } = openSession();
  const query = { reason };
  if (version === undefined) await client.DELETE('/api/v1/jobs/{job}', { params: { path: { job: name }, query } });
  else
    await client.DELETE('/api/v1/jobs/{job}/versions/{version}', { params: { path: { job: name, version }, query } });
  const removed = { removed: name, ...given({ version }) };
  await answer(
    flags,
    removed,
    () => `removed ${version === undefined ? '' : `version ${version} of `}${plainText(name)}`,
  );
}
