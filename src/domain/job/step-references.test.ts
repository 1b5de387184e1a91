/** What a job may say of outputs of earlier steps: where, and of which steps. */
import { expect, it } from 'vitest';
import { parseJob, type ParsedJob } from './job-definition.ts';

const faultsIn = (text: string): Extract<ParsedJob, { ok: false }>['faults'] => {
  const parsed = parseJob(text);
  return parsed.ok ? [] : parsed.faults;
};
const faultsOf = (text: string): string[] =>
  faultsIn(text).map(({ line, column, code }) => `${line}:${column} ${code}`);
const detailsOf = (text: string): string =>
  faultsIn(text)
    .map(({ detail }) => detail)
    .join(' ');

const before = (more = ''): string =>
  `- { stage: look, steps: [{ step: at, script: x, outputs: [{ name: v }]${more} }] }\n`;
const using = (fields: string, head = before(), stage = ''): string =>
  `job: j\nstages:\n${head}- { stage: use, ${stage}steps: [{ step: b, ${fields} }] }\n`;
const V = '${{ steps.look.at.outputs.v }}';

it.each<[string, string, string[]]>([
  ['an argument', using(`script: x, args: ['${V}']`), []],
  [
    'a word of a command, a variable and a folder',
    using(`command: [x, '${V}'], env: { A: 'a${V}' }, cwd: '/srv/${V}'`),
    [],
  ],
  [
    'a stage before the one before',
    using(`script: x, args: ['${V}']`, `${before()}- { stage: mid, steps: [{ step: a, script: x }] }\n`),
    [],
  ],
  [
    'a step of the same stage',
    'job: j\nstages:\n- stage: look\n  steps:\n  - { step: at, script: x, outputs: [{ name: v }] }\n' +
      `  - { step: b, script: x, args: ['${V}'] }\n`,
    [],
  ],
  [
    'a step that is not there',
    using("script: x, args: ['${{ steps.look.to.outputs.v }}']"),
    ['4:55 job-reference-unknown'],
  ],
  [
    'an output that is not declared',
    using("script: x, args: ['${{ steps.look.at.outputs.w }}']"),
    ['4:55 job-reference-unknown'],
  ],
  ['what it does not need', using(`script: x, args: ['${V}']`, before(), 'needs: [], '), ['4:66 job-expression']],
  [
    'what may have failed',
    using(`script: x, args: ['${V}']`, before(', on_failure: continue')),
    ['4:55 job-expression'],
  ],
  [
    'what another rule lets it begin without',
    using(`script: x, args: ['${V}']`, before(), 'when: all-done, '),
    ['4:71 job-expression'],
  ],
  [
    'what it comes after finally',
    using(`script: x, args: ['${V}']`, before(), 'finally: true, '),
    ['4:70 job-expression'],
  ],
  [
    'itself',
    "job: j\nstages:\n- stage: look\n  steps:\n  - { step: at, script: x, outputs: [{ name: v }], args: ['" +
      `${V}'] }\n`,
    ['5:60 job-expression'],
  ],
  ['targets', using(`script: x, targets: 'web-${V}'`), ['4:61 job-expression']],
  ['a user', using(`script: x, user: '${V}'`), ['4:54 job-expression']],
  ['the program', using(`command: ['${V}']`), ['4:47 job-expression']],
  ['a folder that may be anywhere', using(`script: x, cwd: '${V}/a'`), ['4:53 job-expression']],
  ['a script', using(`script: 'echo ${V}'`), ['4:50 job-expression']],
  ['a script of a shell', using(`command: [sh, -c, 'echo ${V}']`), ['4:60 job-expression']],
  ['where programs are found', using(`script: x, env: { PATH: '${V}' }`), ['4:61 job-expression']],
])('speaks of outputs of earlier steps in %s, as far as they are there for certain', (_what, text, faults) => {
  expect(faultsOf(text)).toEqual(faults);
});

it('tells which step or output may have been meant, and names that may be either of two', () => {
  expect(detailsOf(using("script: x, args: ['${{ steps.look.ot.outputs.v }}']"))).toContain('look.at');
  expect(detailsOf(using("script: x, args: ['${{ steps.look.at.outputs.vv }}']"))).toContain('declares no output "vv"');
  const twice =
    'job: j\nstages:\n- { stage: a.b, steps: [{ step: c, script: x, outputs: [{ name: v }] }] }\n' +
    "- { stage: a, steps: [{ step: b.c, script: x }, { step: d, script: x, args: ['${{ steps.a.b.c.outputs.v }}'] }] }\n";
  expect(detailsOf(twice)).toContain('may be either of two steps');
});

it('is as certain as what every step between needs, and takes no time that grows with its square', () => {
  const chain = (stages: number, when = ''): string => {
    const middle = Array.from(
      { length: stages },
      (_, n) => `- { stage: s${n}, ${n === stages / 2 ? when : ''}steps: [{ step: a, script: x }] }\n`,
    );
    const last = `- { stage: use, steps: [{ step: b, script: x, args: ['${V}'] }] }\n`;
    return `job: j\nstages:\n${before()}${middle.join('')}${last}`;
  };
  expect(faultsOf(chain(900))).toEqual([]);
  expect(faultsOf(chain(900, 'when: all-done, '))).toEqual(['904:55 job-expression']);
  expect(faultsOf(chain(900, 'when: any-succeeded, '))).toEqual(['904:55 job-expression']);
});

it('is refused in a circle of stages without going round for ever', () => {
  const text =
    'job: j\nstages:\n- { stage: a, needs: [b], steps: [{ step: s, script: x, outputs: [{ name: v }] }] }\n' +
    "- { stage: b, steps: [{ step: t, script: x, args: ['${{ steps.a.s.outputs.v }}'] }] }\n";
  expect(faultsOf(text)).toContain('3:15 job-cycle');
});
