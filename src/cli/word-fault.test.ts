/** What is mistyped is told with what was meant, and options before their command count. */
import { Command, CommanderError } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { addCommands } from './commands.ts';
import { commonLast } from './program.ts';
import { strayWord, wordFault } from './word-fault.ts';

const program = new Command('drover').exitOverride().configureOutput({ writeErr: () => undefined });
beforeAll(() => addCommands(program, 'completion'));

/** Nothing is reached: the words are refused before. */
async function told(line: string): Promise<string> {
  const words = line.split(' ');
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return wordFault(error, program, words);
    throw error;
  }
  throw new Error('these words are taken');
}

describe('a command line with a wrong word', () => {
  it.each([
    ['audit list', /no command list\. It lists by itself: drover audit \(drover audit --help/],
    ['audit verifi', /Did you mean drover audit verify\?/],
    ['hosts rm web-1', /drover hosts has no command rm\. Did you mean drover hosts remove\?/],
    ['hosts twins acept web-1', /Did you mean drover hosts twins accept\?/],
    ['agents join-token make', /Did you mean drover agents join-token create\?/],
    ['host ls', /drover has no command host\. Did you mean drover hosts\?/],
    ['twins', /Did you mean drover hosts twins\?/],
    ['lst', /Did you mean drover runs list or drover job list or drover hosts list/],
    ['runs logs last', /Did you mean drover runs output\?/],
    ['login https://x --token abc', /has no option --token\. A token never stands on a command line.*DROVER_TOKEN/],
    ['run --host web-1 -- true', /has no option --host\. Did you mean --target\?/],
    ['runs list --stat failed', /has no option --stat\. Did you mean --state\?/],
    ['hosts list --port 7', /has no option --port\. Which server is asked is said by --context NAME or DROVER_URL/],
    [
      'hosts -t web list',
      /has no option -t\. It goes behind the command: drover hosts list -t, drover hosts label -t\./,
    ],
    ['hosts --utc list', /has no option --utc\. It goes behind the command: drover hosts list --utc/],
    ['hosts show a b', /^Too many arguments for 'show'.*\(drover hosts show --help/],
    ['tokens revoke', /^Missing required argument 'token'\./],
    ['hlep', /drover has no command hlep\. Did you mean drover help\?/],
    ['hosts list --hlep', /drover hosts list has no option --hlep\. Did you mean --help\?/],
    ['xyzzy', /^drover has no command xyzzy\. \(drover --help tells more\)$/],
  ])('%s', async (line, words) => {
    expect(await told(line)).toMatch(words);
  });
});

it('is told of a call for help, where it names a command that there is not', () => {
  const stray = (line: string): string | undefined => strayWord(program, line.split(' '));
  expect(stray('channels create --help')).toMatch(/^drover channels has no command create\./);
  expect(stray('hosts rm --help')).toContain('Did you mean drover hosts remove?');
  expect(['channels --help', 'channels add --help', 'hosts show web-1 --help', '--help'].map(stray)).toEqual(Array(4));
});

describe('options that every command has', () => {
  it.each([
    ['--context prod hosts list', 'hosts list --context prod'],
    ['--context=prod -o wide hosts list', 'hosts list --context=prod -o wide'],
    ['--json run -t all -- ls -o x', 'run -t all --json -- ls -o x'],
    ['-j runs list --state failed', 'runs list --state failed -j'],
    ['run -t all --name -o -- x', 'run -t all --name -o -- x'],
    ['hosts list --context a', 'hosts list --context a'],
    ['--help', '--help'],
    ['--context', '--context'],
  ])('%s is %s', (given, read) => {
    expect(commonLast(given.split(' ')).join(' ')).toBe(read);
    expect(commonLast(given.split(' '), program).join(' ')).toBe(read);
  });

  it.each([
    ['hosts -o wide list', 'hosts list -o wide'],
    ['agents join-token --json list', 'agents join-token list --json'],
    ['--context a agents -j join-token --output=name list', 'agents join-token list --context a -j --output=name'],
    ['audit -o json verify', 'audit verify -o json'],
    ['hosts label web-1 -o json role=a', 'hosts label web-1 -o json role=a'],
    ['run uptime -o json', 'run uptime -o json'],
  ])('%s is %s, between a group and its command', (given, read) => {
    expect(commonLast(given.split(' '), program).join(' ')).toBe(read);
  });
});
