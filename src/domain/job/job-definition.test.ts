import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isErrorCode } from '../../base/errors.ts';
import { gateLimits } from '../../base/gate-limits.ts';
import { jobLimits } from '../../base/job-limits.ts';
import { limits } from '../../base/limits.ts';
import { parseJob } from './job-definition.ts';

const DEPLOY = `# Push it, restart, look.
job: deploy-web
description: Brings a version to the web hosts.
owner: Mei
team: web
tags: [web, weekly]
parameters:
  - { name: version, required: true, pattern: 'v\\d+(\\.\\d+)*', help: as in the registry }
  - name: where
    type: hosts
    default: role=web
  - { name: token, type: secret, required: true }
targets: \${{ params.where }}
stages:
  - stage: build
    steps:
      - step: fetch
        script: |
          curl -fsS "https://example.test/$DROVER_PARAM_version"
        secrets: [token]
        timeout: 5m
        kill_after: 5s
        concurrency: 10
        max_failed: 10%
        retries: 2
        success: { exit_codes: [0, 3] }
        on_failure: continue
      - step: unpack
        needs: []
        command: [tar, -xf, "/tmp/\${{ params.version }}.tar"]
        env: { WHERE: "$\${{ as it is }}" }
        cwd: /srv
  - stage: restart
    needs: [build]
    when: any-succeeded
    steps: [{ step: restart, command: [systemctl, restart, web], targets: web-1, max_failed: 3 }]
  - stage: tidy
    finally: true
    steps: [{ step: rm, command: [rm, -rf, /tmp/web] }]
`;

/** `line:column code` of each fault. */
function faultsOf(text: string): string[] {
  const parsed = parseJob(text);
  return parsed.ok ? [] : parsed.faults.map(({ line, column, code }) => `${line}:${column} ${code}`);
}
function detailsOf(text: string): string {
  const parsed = parseJob(text);
  return parsed.ok ? '' : parsed.faults.map(({ detail }) => detail).join('\n');
}
const STEPS = '    steps: [{ step: a, script: "true" }]';
const stage = (name: string, more = ''): string =>
  `  - stage: ${name}\n${more === '' ? '' : `    ${more}\n`}${STEPS}\n`;
const job = (...stages: readonly string[]): string => `job: j\nstages:\n${stages.join('')}`;
const step = (fields: string, head = ''): string =>
  `job: j\n${head}stages:\n- stage: s\n  steps:\n  - { step: a, ${fields} }\n`;

describe('a job', () => {
  it('is read as it is written, in YAML and in JSON', () => {
    const parsed = parseJob(DEPLOY);
    expect(parsed).toMatchObject({ ok: true, definition: { job: 'deploy-web', tags: ['web', 'weekly'] } });
    if (parsed.ok) expect(parseJob(JSON.stringify(parsed.definition, undefined, '\t'))).toEqual(parsed);
  });

  it('is told how to write what everybody writes first', () => {
    const first = (text: string): string => detailsOf(step(text)).split('\n')[0]!;
    expect(first('approval: Go on?')).toContain('not "Go on?". Write it like this: approval: { message: Go on? }');
    expect(first('wait: 10m')).toContain('Write it like this: wait: { for: 10m }');
    expect(first("http: 'https://example.com/'")).toContain('Write it like this: http: { url:');
    expect(first('approval: { message: a, by: [] }')).toBe('by: at least 1 entry is wanted.');
    expect(detailsOf(step('script: "true", worker: all, for_each: [a, 2, true]'))).toBe(
      'for_each: a text is wanted, not 2 without quotes: write "2".\n' +
        'for_each: a text is wanted, not true without quotes: write "true".',
    );
    const status = detailsOf(step("http: { url: 'https://example.com/' }, success: { status: [abc] }"));
    expect(status).not.toContain('pattern');
    expect(status).toContain('a status such as 204, or a range such as 200-299');
  });

  it('keeps what a text says when YAML has other thoughts about it', () => {
    expect(faultsOf(step('script: "true", env: { PORT: 8080 }'))).toEqual(['5:39 bad-input']);
    expect(detailsOf(step('script: "true", env: { PORT: 8080 }'))).toContain('write "8080"');
    expect(faultsOf(step('script: "true", env: { ON: yes, NO: no, OFF: off }'))).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['nothing', '', ['1:1 job-unreadable']],
    ['comments alone', '# a job\n', ['1:1 job-unreadable']],
    ['a list', '- a', ['1:1 bad-input']],
    ['no YAML', 'job: [a', ['1:8 job-unreadable']],
    ['a key that is there twice', `job: j\njob: k\nstages:\n${stage('s')}`, ['2:1 job-name-twice']],
    ['a key that is not known', `job: j\nonwer: me\nstages:\n${stage('s')}`, ['2:1 job-key-unknown']],
    ['a key of a later slice', step('script: "true", matrix: []'), ['5:32 job-key-unknown']],
    ['two documents', `${job(stage('s'))}---\njob: k\n`, ['5:1 job-unreadable']],
    [
      'an event that is none',
      `job: j\nnotify:\n  - { channel: c, on: [fail] }\nstages:\n${stage('s')}`,
      ['3:24 bad-input'],
    ],
    [
      'a share that is none',
      `job: j\nnotify:\n  - { channel: c, on: [lost], lost_share: 5 }\nstages:\n${stage('s')}`,
      ['3:31 bad-input'],
    ],
    [
      'a notice to nobody',
      `job: j\nnotify:\n  - { chanel: c, on: [] }\nstages:\n${stage('s')}`,
      ['3:5 bad-input', '3:7 job-key-unknown', '3:18 bad-input'],
    ],
    [
      'a share and a time of events that nobody is told of',
      `job: j\nnotify:\n  - { channel: c, on: [failed], lost_share: 10%, late_after: 1h }\nstages:\n${stage('s')}`,
      ['3:33 bad-input', '3:50 bad-input'],
    ],
    ['an alias', `job: &a j\nowner: *a\nstages:\n${stage('s')}`, ['1:9 job-unreadable', '2:8 job-unreadable']],
    ['a merge key', `job: j\n<<: { owner: x }\nstages:\n${stage('s')}`, ['2:1 job-unreadable']],
    ['a tag', `job: !secret j\nstages:\n${stage('s')}`, ['1:14 job-unreadable']],
    ['a directive', `%YAML 1.1\n---\n${job(stage('s'))}`, ['1:1 job-unreadable']],
    ['a name that is none', job(stage('a b')), ['3:5 bad-input']],
    ['no stages', 'job: j\nstages: []\n', ['2:1 bad-input']],
    ['a stage that is there twice', job(stage('a'), stage('b'), stage('a')), ['7:12 job-name-twice']],
    [
      'a step that is there twice',
      'job: j\nstages:\n- stage: s\n  steps:\n  - { step: a, script: x }\n  - { step: a, script: x }\n',
      ['6:13 job-name-twice'],
    ],
    ['a stage that is not there', job(stage('build'), stage('test', 'needs: [biuld]')), ['6:13 job-reference-unknown']],
    ['a stage that needs itself', job(stage('a', 'needs: [a]')), ['4:5 job-cycle']],
    ['stages in a circle', job(stage('a', 'needs: [c]'), stage('b'), stage('c')), ['4:5 job-cycle']],
    [
      'steps in a circle',
      'job: j\nstages:\n- stage: s\n  steps:\n  - { step: a, script: x, needs: [b] }\n  - { step: b, script: x }\n',
      ['5:27 job-cycle'],
    ],
    ['finally alone', job(stage('a', 'finally: true')), ['3:12 bad-input']],
    ['finally with when', job(stage('a'), stage('b', 'finally: true\n    when: all-done')), ['7:5 bad-input']],
    ['finally that needs another', job(stage('a'), stage('b', 'finally: true\n    needs: [a]')), ['7:13 bad-input']],
    ['one that needs a finally stage', job(stage('a', 'finally: true'), stage('b', 'needs: [a]')), ['7:13 bad-input']],
    ['when without needs', job(stage('a', 'when: any-failed')), ['4:5 bad-input']],
    [
      'a stage that never begins',
      job(stage('a'), stage('b', 'when: any-failed'), stage('c', 'needs: [a, b]')),
      ['8:12 job-unreachable'],
    ],
    ['a duration without a unit', step('script: x, timeout: 30'), ['5:27 bad-duration']],
    ['a duration that is none', step('script: x, timeout: 5 m'), ['5:27 bad-duration']],
    ['a share that is none', step('script: x, max_failed: 110%'), ['5:27 bad-input']],
    ['nothing to do', step('timeout: 5m'), ['5:5 bad-input']],
    ['two things to do', step('script: x, command: [x]'), ['5:27 bad-input']],
    ['an empty script', step('script: " "'), ['5:16 script-empty']],
    ['a script for no shell', step('script: "a\\r\\nb"'), ['5:16 script-format']],
    ['a folder from nowhere', step('script: x, cwd: srv'), ['5:27 bad-input']],
    ['an account and a user', step('script: x, account: a, user: b'), ['5:39 bad-input']],
    ['a target that is none', step('script: x, targets: "web-[1"'), ['5:36 bad-target']],
    [
      'a parameter that is not there',
      step("script: x, args: ['${{ params.virsion }}']", 'parameters: [{ name: version, required: true }]\n'),
      ['6:35 job-reference-unknown'],
    ],
    ['an expression that is none', step('script: x, cwd: "/${{ secrets.a }}"'), ['5:34 job-expression']],
    ['an expression that is not closed', step('script: x, cwd: "/${{ params.a }"'), ['5:34 job-expression']],
    [
      'an expression of what may have no value',
      step("script: x, args: ['${{ params.a }}']", 'parameters: [{ name: a }]\n'),
      ['6:35 job-expression'],
    ],
    [
      'a secret in a text',
      step("script: x, args: ['${{ params.a }}']", 'parameters: [{ name: a, type: secret, required: true }]\n'),
      ['6:35 job-expression'],
    ],
    [
      'an expression in a script',
      step('script: "echo ${{ params.a }}"', 'parameters: [{ name: a, required: true }]\n'),
      ['6:30 job-expression'],
    ],
    [
      'a text of lines in targets',
      step('script: x, targets: "${{ params.a }}"', 'parameters: [{ name: a, type: text, required: true }]\n'),
      ['6:36 job-expression'],
    ],
    ['a secret that is none', step('script: x, secrets: [a]', 'parameters: [{ name: a }]\n'), ['6:37 bad-input']],
    ['a secret that is not there', step('script: x, secrets: [b]'), ['5:37 job-reference-unknown']],
    [
      'a secret twice',
      step('script: x, secrets: [a, a]', 'parameters: [{ name: a, type: secret }]\n'),
      ['6:40 job-name-twice'],
    ],
    [
      'a secret that is a variable too',
      step('script: x, secrets: [a], env: { a: x }', 'parameters: [{ name: a, type: secret }]\n'),
      ['6:27 bad-input'],
    ],
    ['a parameter twice', step('script: x', 'parameters: [{ name: a }, { name: a }]\n'), ['2:35 job-name-twice']],
    ['a parameter with a name that is none', step('script: x', 'parameters: [{ name: A-b }]\n'), ['2:16 bad-input']],
    [
      'a default for a secret',
      step('script: x', 'parameters: [{ name: a, type: secret, default: hunter2 }]\n'),
      ['2:39 parameter-invalid'],
    ],
    [
      'a default of another type',
      step('script: x', 'parameters: [{ name: a, type: number, default: x }]\n'),
      ['2:39 parameter-invalid'],
    ],
    [
      'a pattern that is none',
      step('script: x', 'parameters: [{ name: a, pattern: "(" }]\n'),
      ['2:25 parameter-invalid'],
    ],
    ['an output twice', step('script: x, outputs: [{ name: a }, { name: a }]'), ['5:58 job-name-twice']],
    ['an output with a name that is none', step('script: x, outputs: [{ name: a-b }]'), ['5:39 bad-input']],
    ['an output of another type', step('script: x, outputs: [{ name: a, from: sum, type: bool }]'), ['5:65 bad-input']],
    [
      'an output drawn together by nothing known',
      step('script: x, outputs: [{ name: a, from: all }]'),
      ['5:48 bad-input'],
    ],
  ])('is refused for %s', (_what, text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  it('is told everything that is wrong at once, in the order of its lines', () => {
    const text = `job: a b
parameters:
  - { name: x, type: strng }
stages:
  - stage: one
    needs: [two]
    stpes: []
    steps:
      - { step: a, scrpt: x }
      - { step: b, script: 'true', timeout: 5, args: ['\${{ params.z }}'], needs: [c] }
  - stage: two
    needs: [one]
    steps: [{ step: a, script: ' ' }]
`;
    expect(faultsOf(text)).toEqual([
      '1:1 bad-input',
      '3:16 bad-input',
      '6:5 job-cycle',
      '7:5 job-key-unknown',
      '9:9 bad-input',
      '9:20 job-key-unknown',
      '10:36 bad-duration',
      '10:56 job-reference-unknown',
      '10:83 job-reference-unknown',
      '13:24 script-empty',
    ]);
    const details = detailsOf(text);
    for (const meant of ['Did you mean string?', 'Did you mean steps?', 'Did you mean script?', 'one → two → one'])
      expect(details).toContain(meant);
  });

  it('tells the first hundred faults and how many there are', () => {
    const text = `job: j\nstages:\n${stage('s')}${Array.from({ length: 150 }, (_, i) => `x${i}: 1\n`).join('')}`;
    const parsed = parseJob(text);
    expect(parsed).toMatchObject({ ok: false, faultCount: 150 });
    expect(faultsOf(text)).toHaveLength(limits.faultsToldMax);
  });
});

describe('the limits of a job', () => {
  const many = (count: number, one: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => one(i)).join('');
  const small = (i: number): string => `  - { step: s${i}, command: [x] }\n`;

  it.each<[string, number, (count: number) => string, string]>([
    [
      'bytes',
      jobLimits.jobBytesMax,
      (n) => `${job(stage('s'))}#${'x'.repeat(n - job(stage('s')).length - 1)}`,
      'job-unreadable',
    ],
    [
      'lines',
      jobLimits.jobLinesMax,
      (n) => `${job(stage('s'))}${'\n'.repeat(n - job(stage('s')).split('\n').length)}`,
      'job-unreadable',
    ],
    [
      'stages',
      jobLimits.jobStagesMax,
      (n) => `job: j\nstages:\n${many(n, (i) => `- { stage: s${i}, steps: [{ step: a, command: [x] }] }\n`)}`,
      'bad-input',
    ],
    [
      'steps',
      jobLimits.jobStepsMax,
      (n) => `job: j\nstages:\n- stage: a\n  steps:\n${many(n - 1, small)}- stage: b\n  steps:\n${small(0)}`,
      'bad-input',
    ],
    [
      'approvals',
      gateLimits.jobApprovalsMax,
      (n) =>
        `job: j\nstages:\n- stage: a\n  steps:\n${many(n, (i) => `  - { step: a${i}, approval: { message: Go? } }\n`)}`,
      'bad-input',
    ],
    [
      'needs',
      jobLimits.jobNeedsMax,
      (n) =>
        `job: j\nstages:\n- stage: a\n  steps:\n${many(jobLimits.jobNeedsMax + 1, small)}` +
        `  - { step: b, command: [x], needs: [${many(n, (i) => `s${i},`)}] }\n`,
      'bad-input',
    ],
    [
      'parameters',
      jobLimits.jobParametersMax,
      (n) => step('script: x', `parameters:\n${many(n, (i) => `- name: p${i}\n`)}`),
      'bad-input',
    ],
    [
      'channels to be told',
      jobLimits.jobNotifyMax,
      (n) => step('script: x', `notify: [${many(n, () => '{ channel: c, on: [failed] },')}]\n`),
      'bad-input',
    ],
    ['tags', jobLimits.jobTagsMax, (n) => step('script: x', `tags: [${many(n, (i) => `t${i},`)}]\n`), 'bad-input'],
    [
      'choices',
      jobLimits.jobChoicesMax,
      (n) => step('script: x', `parameters: [{ name: a, type: choice, choices: [${many(n, (i) => `c${i},`)}] }]\n`),
      'bad-input',
    ],
    [
      'outputs of a step',
      jobLimits.jobOutputsMax,
      (n) => step(`script: x, outputs: [${many(n, (i) => `{ name: o${i} },`)}]`),
      'bad-input',
    ],
    [
      'characters of a description',
      jobLimits.jobDescriptionLengthMax,
      (n) => step('script: x', `description: ${'d'.repeat(n)}\n`),
      'bad-input',
    ],
    [
      'characters of a pattern',
      jobLimits.jobPatternLengthMax,
      (n) => step('script: x', `parameters: [{ name: a, pattern: ${'d'.repeat(n)} }]\n`),
      'bad-input',
    ],
  ])('are %s: %i', (_what, max, text, code) => {
    expect(faultsOf(text(max))).toEqual([]);
    expect(faultsOf(text(max + 1)).map((fault) => fault.split(' ')[1])).toEqual([code]);
  });

  it('are parts, words and depth, whatever they are', () => {
    const lists = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(detailsOf(lists(jobLimits.jobDepthMax))).not.toContain('nested deeper');
    expect(detailsOf(lists(jobLimits.jobDepthMax + 1))).toContain('nested deeper');
    const indented = (depth: number): string => many(depth, (i) => `${' '.repeat(i)}a:\n`);
    expect(detailsOf(indented(jobLimits.jobDepthMax))).not.toContain('nested deeper');
    expect(detailsOf(indented(jobLimits.jobDepthMax + 1))).toContain('nested deeper');
    expect(detailsOf(`[${'1,'.repeat(jobLimits.jobValuesMax - 1)}]`)).not.toContain('keys and values');
    expect(detailsOf(`[${'1,'.repeat(jobLimits.jobValuesMax)}]`)).toContain('keys and values');
    expect(detailsOf('#\n'.repeat(4_999))).not.toContain(`${jobLimits.jobTokensMax}`);
    expect(detailsOf(`[${': ,'.repeat(jobLimits.jobTokensMax / 3 + 1)}]`)).toContain(`${jobLimits.jobTokensMax}`);
  });
});

describe('any text', () => {
  const word = fc.constantFrom(
    ...[
      'job',
      'stages',
      'stage',
      'steps',
      'step',
      'script',
      'needs',
      'parameters',
      'name',
      ':',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '&a',
      '*a',
      '|\n',
      '>',
      '!',
      '%',
      '---\n',
      '${{',
      '}}',
      'params.a',
      '#',
      '\t',
      '?',
      '<<',
      '__proto__',
      'é',
      '\u{1f525}',
      '\ud800',
      '\0',
      '\r\n',
    ],
  );
  const placed = (text: string): void => {
    const parsed = parseJob(text);
    if (parsed.ok) return;
    expect(parsed.faults.length).toBeGreaterThan(0);
    const lines = text.split('\n');
    for (const { line, column, code, detail } of parsed.faults) {
      expect(line >= 1 && line <= lines.length, text).toBe(true);
      expect(column >= 1 && column <= lines[line - 1]!.length + 1, `${line}:${column} of ${text}`).toBe(true);
      expect(isErrorCode(code)).toBe(true);
      expect(detail).not.toBe('');
    }
  };

  it('is read or refused with faults that lie in it, and never throws', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => placed(words.join(''))),
      { numRuns: 200 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), placed), { numRuns: 200 });
  });

  it('is a job with something changed', () => {
    const changed = fc.tuple(fc.nat(DEPLOY.length), fc.nat(12), fc.array(word, { maxLength: 3 }));
    fc.assert(
      fc.property(changed, ([at, length, words]) =>
        placed(`${DEPLOY.slice(0, at)}${words.join('')}${DEPLOY.slice(at + length)}`),
      ),
      { numRuns: 150 },
    );
  });
});

/** Against the YAML library's own reading of a text of a thousand steps, in the same minute: a slow machine slows both. */
