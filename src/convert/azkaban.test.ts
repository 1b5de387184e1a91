import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../base/job-limits.ts';
import { parseJob } from '../domain/job/job-definition.ts';
import { fromAzkaban } from './azkaban.ts';
import { ConversionFault, type Conversion, type ConversionOptions } from './conversion.ts';

type Files = Readonly<Record<string, string>>;

const convert = (files: Files, options: ConversionOptions = { targets: 'all' }): Conversion =>
  fromAzkaban(
    Object.entries(files).map(([path, text]) => ({ path, text })),
    options,
  );
const faultsOf = (files: Files): string[] => {
  try {
    convert(files);
  } catch (error) {
    if (error instanceof ConversionFault) return error.faults.map(({ file, line, what }) => `${file}:${line}: ${what}`);
    throw error;
  }
  return [];
};
/** Of its first job, which has to pass. */
const definitionOf = (conversion: Conversion) => {
  const parsed = parseJob(conversion.jobs[0]!.text);
  if (!parsed.ok) throw new Error(`${JSON.stringify(parsed.faults)}\n${conversion.jobs[0]!.text}`);
  return parsed.definition;
};
const stepsOf = (conversion: Conversion) => definitionOf(conversion).stages.flatMap(({ steps }) => steps);
const command = (line: string, more = ''): string => `type=command\ncommand=${line}\n${more}`;

describe('jobs of Azkaban', () => {
  it('are steps that need each other, those that do nothing left out', () => {
    const made = convert({
      'a.job': command('x'),
      'b.job': command('y', 'dependencies=a'),
      'c.job': command('z', 'dependencies=a'),
      'both.job': 'type=noop\ndependencies=b,c',
      'd.job': command('w', 'dependencies=both'),
    });
    expect(made).toMatchObject({ jobs: [{ name: 'd' }], remarks: [] });
    expect(stepsOf(made)).toEqual([
      { step: 'a', command: ['x'] },
      { step: 'b', command: ['y'] },
      { step: 'c', needs: ['a'], command: ['z'] },
      { step: 'd', needs: ['b', 'c'], command: ['w'] },
    ]);
  });

  it('fill values in as parameters, and the own properties of a job as they are', () => {
    const made = convert({
      'all.properties': 'db.host=db1\nurl=jdbc://${db.host}\n',
      'etl/all.properties': 'db.host=db2\n',
      'etl/load.job': command('load ${url} ${own} ${day}', 'own=${db.host}-x\n'),
    });
    expect(definitionOf(made).parameters).toEqual([
      { name: 'db_host', default: 'db2', help: 'db.host of etl/all.properties' },
      { name: 'day', required: true, help: 'day, which the flow is given when it starts' },
    ]);
    expect(stepsOf(made)[0]!.command).toEqual([
      'load',
      'jdbc://${{ params.db_host }}',
      '${{ params.db_host }}-x',
      '${{ params.day }}',
    ]);
  });

  it('run several commands as one script, whose values are words of a shell', () => {
    const made = convert({
      'a.properties': 'where=of the $HOME\n',
      'a.job': command(`echo "it's" '$x'`, 'command.1=echo ${where} ${azkaban.flow.execid}\n'),
    });
    const { script } = stepsOf(made)[0]!;
    const shell = spawnSync('sh', ['-c', script!], {
      env: { DROVER_PARAM_where: 'of the $HOME', DROVER_RUN_ID: 'run 1' },
      encoding: 'utf8',
    });
    expect(shell).toMatchObject({ stdout: "it's $x\nof the $HOME run 1\n", stderr: '', status: 0 });
    const failing = convert({ 'a.job': command('false', 'command.1=echo after') });
    expect(spawnSync('sh', ['-c', stepsOf(failing)[0]!.script!], { encoding: 'utf8' })).toMatchObject({
      stdout: '',
      status: 1,
    });
  });

  it('bring variables, folder, user and retries with them', () => {
    const made = convert({
      'a.job': command('x', 'env.TZ=UTC\nworking.dir=/srv\nuser.to.proxy=etl\nretries=3\nretry.backoff=500\n'),
    });
    expect(stepsOf(made)).toEqual([
      { step: 'a', command: ['x'], env: { TZ: 'UTC' }, cwd: '/srv', user: 'etl', retries: 3 },
    ]);
    expect(made.remarks).toMatchObject([{ file: 'a.job', line: 7, what: expect.stringContaining('500 ms') }]);
  });

  it('have what holds for their folders, and tell once of what does not become a part of any', () => {
    const made = convert({
      'all.properties': 'retries=2\nfailure.emails=ops@example.com\nenv.A=${a}\nenv.B=2\ncolour=blue\n',
      'in/all.properties': 'working.dir=/srv\nuser.to.proxy=etl\n',
      'in/a.job': command('x', 'retries=1\nenv.B=3'),
      'in/b.job': command('y', 'dependencies=a'),
    });
    const same = { cwd: '/srv', user: 'etl' };
    expect(stepsOf(made)).toEqual([
      { step: 'a', command: ['x'], env: { B: '3', A: '${{ params.a }}' }, ...same, retries: 1 },
      { step: 'b', command: ['y'], env: { A: '${{ params.a }}', B: '2' }, ...same, retries: 2 },
    ]);
    expect(made.remarks.map(({ file, line, what }) => `${file}:${line}: ${what.slice(0, 24)}`)).toEqual([
      'all.properties:2: failure.emails=ops@examp',
      'all.properties:5: colour=blue is not carri',
    ]);
  });

  it('refuse to run where they did what nothing here does', () => {
    const made = convert({
      'q.job': "type=hive\nscript=it's.q",
      'b.job': command('run $(new date())', 'dependencies=q'),
    });
    for (const { script } of stepsOf(made)) {
      const shell = spawnSync('sh', ['-c', script!], { encoding: 'utf8' });
      expect(shell).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('not carried over') });
    }
    expect(made.remarks.map(({ what }) => what)).toEqual(
      expect.arrayContaining([
        'Nothing of Drover does what a job of type hive does.',
        expect.stringContaining('"$(new date())" is worked out by Azkaban'),
      ]),
    );
    for (const { what } of made.remarks) expect(made.jobs[0]!.text).toContain(what);
  });

  it('tell of every property and file that is not in the job', () => {
    const made = convert({
      'a.job': command('x', 'failure.emails=ops@example.com\ncolour=blue\ncommand.3=y\n'),
      'lib/x.jar': '',
    });
    expect(made.remarks.map(({ file, line, what }) => `${file}:${line}: ${what.slice(0, 28)}`)).toEqual([
      'lib/x.jar:1: This file of the project is ',
      'a.job:3: failure.emails=ops@example.c',
      'a.job:4: colour=blue is not carried o',
      'a.job:5: command.3 does not come next',
    ]);
  });

  it('have the steps of flows within them', () => {
    const made = convert({
      'a.job': command('a'),
      'b.job': command('b', 'dependencies=a'),
      'before.job': command('before'),
      'part.job': 'type=flow\nflow.name=b\ndependencies=before',
      'last.job': command('last', 'dependencies=part'),
    });
    expect(made.jobs.map(({ name }) => name)).toEqual(['b', 'last']);
    expect(stepsOf({ ...made, jobs: [made.jobs[1]!] })).toEqual([
      { step: 'before', command: ['before'] },
      { step: 'part-a', command: ['a'] },
      { step: 'part-b', command: ['b'] },
      { step: 'last', command: ['last'] },
    ]);
  });

  it('are refused with all faults at once', () => {
    expect(
      faultsOf({
        'a.job': command('x', 'dependencies=b'),
        'b.job': command('x', 'dependencies=a, nobody'),
        'c.job': command('x', 'dependencies=a'),
        'f/c.job': command('x'),
        'w.job': 'type=flow\nflow.name=w2',
      }),
    ).toEqual([
      'f/c.job:1: There is a job c in c.job already: names are of the whole project.',
      'w.job:1: It is the flow "w2", and there is none of that name.',
      'b.job:1: b needs nobody, and there is no node of that name.',
      expect.stringContaining('a circle'),
    ]);
    expect(faultsOf({ 'x.jar': '' })).toEqual(['x.jar:1: There is no .job and no .flow in it: nothing to convert.']);
    expect(faultsOf({ 'a.job': 'type=flow\nflow.name=a' })).toEqual(['a.job:1: The flow a is a part of itself.']);
  });

  it('end where flows of flows of flows would be more than a job may have', () => {
    const files: Record<string, string> = { 'f0.job': command('x') };
    for (let n = 1; n <= 9; n++) {
      for (const side of ['l', 'r']) files[`${side}${n}.job`] = `type=flow\nflow.name=f${n - 1}`;
      files[`f${n}.job`] = `type=noop\ndependencies=l${n},r${n}`;
    }
    expect(faultsOf(files)).toEqual([expect.stringContaining(`more than ${jobLimits.jobStepsMax} nodes`)]);
  });

  it('end where values stand for each other, or become too long', () => {
    const circle = convert({ 'x.properties': 'a=${b}\nb=${a}', 'a.job': command('echo ${a}') });
    expect(circle.remarks.map(({ what }) => what).join()).toContain('a circle of values');
    const bomb = Array.from({ length: 40 }, (_, n) => `v${n}=${'${v' + (n + 1) + '}'}${'${v' + (n + 1) + '}'}`).join(
      '\n',
    );
    const long = convert({ 'x.properties': `${bomb}\nv40=x\${y}`, 'a.job': command('echo ${v0}') });
    expect(long.remarks.map(({ what }) => what).join()).toContain('becomes longer than');
  });

  it('end where values of values are empty, however many there are of them', () => {
    const values = (count: number): string =>
      Array.from({ length: count }, (_, n) => `v${n}=\${v${n + 1}}\${v${n + 1}}\n`).join('') + `v${count}=\n`;
    const few = { 'a.job': command('echo ${v0}', values(10)) };
    expect(stepsOf(convert(few))[0]!.command).toEqual(['echo']);
    // Looked up one by one these are a million million.
    expect(JSON.stringify(convert({ 'a.job': command('echo ${v0}', values(40)) }))).toContain(
      'longer than 100000 letters',
    );
  });

  it('ask each start for hosts where nobody names any', () => {
    const made = convert({ 'a.job': command('x') }, {});
    expect(definitionOf(made)).toMatchObject({
      targets: '${{ params.hosts }}',
      parameters: [{ name: 'hosts', type: 'hosts', required: true }],
    });
  });

  it('ask for hosts by another name where the source has a parameter of that', () => {
    const made = convert({ 'a.job': command('x ${hosts}') }, {});
    expect(definitionOf(made)).toMatchObject({
      targets: '${{ params.hosts_2 }}',
      parameters: [{ name: 'hosts' }, { name: 'hosts_2', type: 'hosts' }],
    });
  });

  it('keep every word of a command as Azkaban splits it, whatever is in it', () => {
    const word = fc.stringMatching(/^[^\s"'$\\\0]{1,12}$/).filter((text) => !text.includes('${{'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const made = convert({ 'a.job': command(words.map((one) => `"${one}"`).join(' ')) });
        expect(stepsOf(made)[0]!.command).toEqual(words);
      }),
    );
  });

  it('pass as jobs whatever depends on what', () => {
    const graph = fc
      .integer({ min: 1, max: 12 })
      .chain((count) =>
        fc.array(fc.array(fc.nat({ max: 11 }), { maxLength: 4 }), { minLength: count, maxLength: count }),
      );
    fc.assert(
      fc.property(graph, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (needs, nothing) => {
        const files = Object.fromEntries(
          needs.map((of, n) => {
            const names = of.filter((other) => other < n).map((other) => `j${other}`);
            const body = nothing[n] ? 'type=noop\n' : command(`run ${n}`);
            return [`j${n}.job`, `${body}dependencies=${names.join(',')}`];
          }),
        );
        const made = convert(files);
        for (const { text } of made.jobs) expect(parseJob(text)).toMatchObject({ ok: true });
        expect(made.remarks.filter(({ what }) => !what.includes('does nothing'))).toEqual([]);
      }),
    );
  });
});

describe('flows of Azkaban 2.0', () => {
  const flow = (nodes: string, before = ''): Files => ({ 'nightly.flow': `${before}nodes:\n${nodes}` });

  it('are stages where their nodes say when', () => {
    const made = convert(
      flow(
        `  - {name: a, type: command, config: {command: x, retries: 1}}
  - {name: undo, type: command, dependsOn: [a], condition: one_failed, config: {command: y}}
  - {name: end, type: command, dependsOn: [a, undo], condition: all_done, config: {command: '\${z}'}}
`,
        'config: {z: zz}\n',
      ),
    );
    expect(made).toMatchObject({ jobs: [{ name: 'nightly' }], remarks: [] });
    expect(definitionOf(made).stages).toEqual([
      { stage: 'a', steps: [{ step: 'a', command: ['x'], retries: 1 }] },
      { stage: 'undo', when: 'any-failed', steps: [{ step: 'undo', command: ['y'] }] },
      { stage: 'end', needs: ['a', 'undo'], when: 'all-done', steps: [{ step: 'end', command: ['${{ params.z }}'] }] },
    ]);
  });

  it('have the nodes of flows within them, with their properties', () => {
    const made = convert(
      flow(`  - name: in
    type: flow
    config: {who: me}
    nodes:
      - {name: a, type: command, config: {command: 'echo \${who}'}}
      - {name: b, type: noop, dependsOn: [a]}
  - {name: c, type: command, dependsOn: [in], config: {command: c}}
`),
    );
    expect(stepsOf(made)).toEqual([
      { step: 'in-a', command: ['echo', '${{ params.who }}'] },
      { step: 'c', command: ['c'] },
    ]);
  });

  it('have what their flow says of all nodes', () => {
    const made = convert(
      flow(`  - {name: a, type: command, config: {command: x}}\n`, 'config: {user.to.proxy: etl, x: y}\n'),
    );
    expect(stepsOf(made)).toEqual([{ step: 'a', command: ['x'], user: 'etl' }]);
    expect(made.remarks).toMatchObject([{ file: 'nightly.flow', line: 1, what: expect.stringContaining('x=y') }]);
  });

  it('refuse to run what has a condition over values', () => {
    const made = convert(
      flow(`  - {name: a, type: command, config: {command: x}}
  - {name: b, type: command, dependsOn: [a], condition: "\${a:n} > 1", config: {command: y}}
`),
    );
    expect(stepsOf(made)[1]).toMatchObject({ script: expect.stringContaining('exit 1\n# y') });
    expect(made.remarks).toMatchObject([{ line: 3, what: 'The condition "${a:n} > 1" is not carried over.' }]);
  });

  it('are refused with the line of each fault', () => {
    expect(faultsOf({ 'a.flow': 'nodes: [' })).toEqual([expect.stringMatching(/^a\.flow:\d: It is not YAML/)]);
    expect(faultsOf({ 'a.flow': 'x' })).toEqual(['a.flow:1: It is no flow: there are no nodes in it.']);
    expect(
      faultsOf(
        flow(`  - {name: a, type: command, dependsOn: x, config: {command: [x]}}
  - {type: command}
  - {name: a, type: noop}
`),
      ),
    ).toEqual([
      'nightly.flow:2: config has one text for each name, and command is none.',
      'nightly.flow:2: dependsOn is a list of names of nodes.',
      'nightly.flow:3: A node has a name.',
      'nightly.flow:4: There is a node a before it.',
    ]);
  });
});
