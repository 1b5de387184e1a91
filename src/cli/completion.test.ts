/** Completion as the shells themselves do it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requiring } from '../../test/support/needs.ts';
import { addCommands, COMMAND_FILES } from './commands.ts';
import { completionNodes, completionScript } from './completion-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-completion-'));
const files = { bash: join(folder, 'drover.bash'), zsh: join(folder, '_drover'), fish: join(folder, 'drover.fish') };
const program = new Command('drover');

beforeAll(async () => {
  await addCommands(program, 'completion');
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    writeFileSync(files[shell], completionScript(shell, completionNodes(program)));
});
afterAll(() => rmSync(folder, { recursive: true }));

function ask(shell: 'bash' | 'zsh' | 'fish', line: string): string[] {
  const words = line.split(' ').map((word) => `'${word}'`);
  const program = {
    bash:
      `source ${files.bash}; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _drover; printf ` +
      `'%s\\n' "\${COMPREPLY[@]}"`,
    // Its own completion needs a terminal; what ours offers it is caught.
    zsh:
      `compdef() { :; }; compadd() { shift; print -l -- "$@"; }; _files() { :; }; source ${files.zsh}; ` +
      `words=(${words.join(' ')}); CURRENT=${words.length}; _drover`,
    fish: `source ${files.fish}; complete -C '${line}'`,
  }[shell];
  const { stdout, stderr, status } = spawnSync(shell, shell === 'zsh' ? ['-fc', program] : ['-c', program], {
    encoding: 'utf8',
    env: { ...process.env, HOME: folder },
  });
  expect([status, stderr]).toEqual([0, '']);
  const last = line.split(' ').at(-1)!;
  return stdout
    .split('\n')
    .map((answer) => answer.split('\t')[0]!)
    .filter((answer) => answer !== '' && answer.startsWith(last));
}

for (const shell of ['bash', 'zsh', 'fish'] as const)
  requiring(shell).describe(`in ${shell}`, () => {
    it.each([
      ['drover ru', ['run', 'runs']],
      ['drover runs re', ['resume', 'retry']],
      ['drover agents join-token ', ['create', 'list', 'revoke']],
      ['drover run --on-d', ['--on-disconnect']],
      ['drover run -t runs --on-disconnect d', ['detach']],
      ['drover hosts list -o js', ['json', 'jsonl']],
      ['drover runs list --state time', ['timed_out']],
      ['drover hosts list --state un', ['unreached']],
      ['drover completion f', ['fish']],
      ['drover run -t all -- --on-', []],
    ])('%s goes on with %j', (line, wanted) => {
      const found = ask(shell, line);
      if (line.endsWith(' ')) expect(found).toEqual(expect.arrayContaining(wanted));
      else expect(found.sort()).toEqual(wanted);
    });
  });

it('commands that are not loaded are called as in their files', async () => {
  for (const { names, load } of COMMAND_FILES) {
    const loaded = new Command('drover');
    (await load())(loaded);
    expect(Object.fromEntries(loaded.commands.map((one) => [one.name(), one.summary()]))).toEqual(names);
  }
});

it('every option of every command has a text', () =>
  expect(
    completionNodes(program).flatMap(({ path, options }) =>
      options.filter(({ text }) => text === '').map(({ flags }) => `${path} ${flags.at(-1)}`),
    ),
  ).toEqual([]));
