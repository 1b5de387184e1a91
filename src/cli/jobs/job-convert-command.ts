/** `drover job convert`: jobs out of the definitions of other schedulers, and the list of what was not carried over. No server is asked. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { EXIT } from '../../base/exit-codes.ts';
import { given } from '../../base/given.ts';
import type { Conversion, Remark } from '../../convert/conversion.ts';
import { answer, command, type AnswerFlags } from '../command.ts';
import { UsageError } from '../exit.ts';
import { Faults } from '../input.ts';
import { note } from '../out.ts';
import { plainText } from '../text-width.ts';

interface ConvertFlags extends AnswerFlags {
  readonly from: 'azkaban' | 'oozie' | 'xml';
  readonly target?: string;
  readonly outDir?: string;
  readonly force?: boolean;
  readonly strict?: boolean;
}

export function addJobConvertCommand(jobs: Command): void {
  command(jobs, 'convert', {
    summary: 'make jobs of definitions of Azkaban, Oozie, or XML',
    description:
      'Make jobs of the definitions of another scheduler: of files, folders or ZIP archives. What was not carried over ' +
      'is told on standard error, line by line, and stands as a comment at its step; a step that cannot do what it did ' +
      'refuses to run until somebody has looked at it. No server is asked, and nothing is applied.\n' +
      'Exit code: 0, or 2 for what cannot be read, and with --strict for what was not carried over whole.',
    examples: [
      'drover job convert --from azkaban project.zip --out-dir jobs',
      'drover job convert --from oozie workflow.xml -t role=etl >etl.yaml',
      'drover job convert --from xml nightly.xml --strict | drover job apply -',
    ],
  })
    .argument('<sources...>', 'files, folders or ZIP archives of one project; - is standard input')
    .addOption(new Option('--from <form>', 'what they are').choices(['azkaban', 'oozie', 'xml']).makeOptionMandatory())
    .option(
      '-t, --target <expression>',
      'hosts on which everything runs that names none (default: asked of each start)',
    )
    .option('--out-dir <folder>', 'write each job to a file of its own there, NAME.yaml')
    .option('--force', 'write over files that are there')
    .option('--strict', 'end with 2 where anything was not carried over whole')
    .action(run);
}

async function run(sources: readonly string[], flags: ConvertFlags): Promise<void> {
  const faults = new Faults();
  if (flags.force && flags.outDir === undefined) faults.add('--force is of --out-dir.');
  faults.end();
  const { convert } = await import('../../convert/convert.ts');
  const { ConversionFault } = await import('../../convert/conversion.ts');
  const { sourceFiles } = await import('./source-files.ts');
  let conversion: Conversion;
  try {
    conversion = convert(flags.from, sourceFiles(sources), given({ targets: flags.target }));
  } catch (error) {
    if (!(error instanceof ConversionFault)) throw error;
    throw new UsageError(`Nothing was converted.\n${remarkLines(error.faults).join('\n')}`);
  }
  const { jobs, remarks } = conversion;
  const files = flags.outDir === undefined ? undefined : written(flags.outDir, conversion, flags.force === true);
  if (!flags.json) for (const line of remarkLines(remarks)) note(line);
  if (flags.strict && remarks.length > 0) process.exitCode = EXIT.usage;
  const items = jobs.map(({ name, text }, i) => ({ job: name, ...given({ file: files?.[i] }), definition: text }));
  await answer(
    flags,
    { items, remarks },
    () => (files ? files.map(plainText).join('\n') : jobs.map(({ text }) => text.trimEnd()).join('\n---\n')),
    ({ job }) => job,
  );
}

function remarkLines(remarks: readonly Remark[]): string[] {
  return remarks.map(({ file, line, what }) => plainText(`${file}:${line}: ${what}`));
}

/** All of them or, where one is there already, none. */
function written(folder: string, { jobs }: Conversion, force: boolean): string[] {
  const files = jobs.map(({ name }) => join(folder, `${name.replaceAll(':', '-')}.yaml`));
  const there = force ? [] : files.filter((file) => existsSync(file));
  if (there.length > 0)
    throw new UsageError(`Nothing was written: ${there.join(', ')} is there already. Say --force to write over it.`);
  const twice = files.find((file, i) => files.indexOf(file) < i);
  if (twice !== undefined) throw new UsageError(`Nothing was written: two jobs would be ${twice}.`);
  mkdirSync(folder, { recursive: true });
  for (const [i, { text }] of jobs.entries()) writeFileSync(files[i]!, text);
  return files;
}
