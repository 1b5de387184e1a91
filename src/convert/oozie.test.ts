import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { parseJob } from '../domain/job/job-definition.ts';
import { ConversionFault, type Conversion } from './conversion.ts';
import { fromOozie } from './oozie.ts';

const workflow = (inside: string): string =>
  `<?xml version="1.0"?>\n<workflow-app name="etl" xmlns="uri:oozie:workflow:0.5">\n${inside}\n</workflow-app>`;
const convert = (text: string): Conversion => fromOozie([{ path: 'workflow.xml', text }], { targets: 'all' });
const faultsOf = (text: string): string[] => {
  try {
    convert(text);
  } catch (error) {
    if (error instanceof ConversionFault) return error.faults.map(({ line, what }) => `${line}: ${what}`);
    throw error;
  }
  return [];
};
const definitionOf = (conversion: Conversion) => {
  const parsed = parseJob(conversion.jobs[0]!.text);
  if (!parsed.ok) throw new Error(`${JSON.stringify(parsed.faults)}\n${conversion.jobs[0]!.text}`);
  return parsed.definition;
};
const shell = (name: string, ok: string, error = 'fail', inside = `<exec>${name}.sh</exec>`): string =>
  `<action name="${name}"><shell xmlns="uri:oozie:shell-action:0.3">${inside}</shell><ok to="${ok}"/><error to="${error}"/></action>`;
const ENDS = '<kill name="fail"><message>m</message></kill><end name="end"/>';
/** Of steps where they stand in one stage. */
const stages = (conversion: Conversion) => {
  const all = definitionOf(conversion).stages;
  const plain = all[0]!.stage === 'flow' ? all[0]!.steps : undefined;
  return plain
    ? plain.map(({ step, needs }) => [step, needs ?? 'before', 'all-succeeded'])
    : all.map(({ stage, needs, when }) => [stage, needs ?? 'before', when ?? 'all-succeeded']);
};
const stepsOf = (conversion: Conversion) => definitionOf(conversion).stages.flatMap(({ steps }) => steps);

describe('workflows of Oozie', () => {
  it('are stages that need each other through forks and joins', () => {
    const made = convert(
      workflow(
        `<start to="a"/>${shell('a', 'fork')}<fork name="fork"><path start="b"/><path start="c"/></fork>` +
          `${shell('b', 'join')}${shell('c', 'join')}<join name="join" to="d"/>${shell('d', 'end')}${ENDS}`,
      ),
    );
    expect(stages(made)).toEqual([
      ['a', 'before', 'all-succeeded'],
      ['b', 'before', 'all-succeeded'],
      ['c', ['a'], 'all-succeeded'],
      ['d', ['b', 'c'], 'all-succeeded'],
    ]);
    expect(made.remarks.map(({ what }) => what)).toEqual([expect.stringContaining('The message of fail')]);
  });

  it('go where an error leads, and on from either', () => {
    const made = convert(
      workflow(
        `<start to="a"/>${shell('a', 'b', 'undo')}${shell('b', 'end', 'undo')}` +
          `${shell('undo', 'tell', 'tell')}${shell('tell', 'fail')}${ENDS}`,
      ),
    );
    expect(stages(made)).toEqual([
      ['a', 'before', 'all-succeeded'],
      ['b', 'before', 'all-succeeded'],
      ['undo', ['a', 'b'], 'any-failed'],
      ['tell', 'before', 'all-succeeded'],
    ]);
    // Whatever came of the undoing, the telling follows; and where nothing was undone, nothing is told.
    expect(stepsOf(made)[2]).toMatchObject({ step: 'undo', on_failure: 'continue' });
    expect(made.remarks.map(({ what }) => what).join()).toContain('When a fails, the workflow goes on to undo');
  });

  it('carry shell and ssh over, with parameters as words', () => {
    const made = convert(
      workflow(
        `<parameters><property><name>inDir</name><value>/in</value></property></parameters><start to="a"/>
         <action name="a" retry-max="2"><shell><exec>load</exec><argument>\${inDir}/x y</argument>
           <env-var>DAY=\${wf:conf('the.day')}</env-var></shell>
           <ok to="b"/><error to="fail"/></action>
         <action name="b"><ssh><host>app@\${host}</host><command>run</command><args>one two</args></ssh>
           <ok to="end"/><error to="fail"/></action>${ENDS}`,
      ),
    );
    const { parameters } = definitionOf(made);
    expect(parameters).toEqual([
      { name: 'indir', default: '/in', help: 'inDir of the workflow' },
      { name: 'the_day', required: true, help: 'the.day of the workflow' },
      { name: 'host', required: true, help: 'host of the workflow' },
    ]);
    expect(stepsOf(made)).toEqual([
      { step: 'a', command: ['load', '${{ params.indir }}/x y'], env: { DAY: '${{ params.the_day }}' }, retries: 2 },
      { step: 'b', command: ['run', 'one', 'two'], targets: '${{ params.host }}', via: 'ssh' },
    ]);
    expect(made.remarks.map(({ what }) => what)).toContainEqual(expect.stringContaining('should be that of app'));
  });

  it.each([
    ['an action of a cluster', '<hive><script>q</script></hive>', 'an action of <hive>'],
    ['files of a cluster', '<shell><exec>x</exec><file>x#x</file></shell>', "the cluster's file system"],
    ['functions', '<shell><exec>x</exec><argument>${wf:lastErrorNode()}</argument></shell>', 'is worked out by Oozie'],
    ['a user that only a script knows', '<ssh><host>h${wf:id()}</host><command>x</command></ssh>', 'only a script'],
    ['nothing at all', '', 'says nothing that it does'],
  ])('refuse to run %s', (_, does, why) => {
    const made = convert(
      workflow(`<start to="a"/><action name="a">${does}<ok to="end"/><error to="fail"/></action>${ENDS}`),
    );
    const { script } = stepsOf(made)[0]!;
    expect(spawnSync('sh', ['-c', script!], { encoding: 'utf8' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(why),
    });
    expect(made.remarks.map(({ what }) => what)).toContainEqual(expect.stringContaining(why));
  });

  it('go by decisions over parameters, and on where several paths meet', () => {
    const made = convert(
      workflow(
        `<parameters><property><name>n</name><value>3</value></property></parameters><start to="first"/>${shell('first', 'd')}` +
          `<decision name="d"><switch><case to="a">\${n gt 2 and wf:conf('mode') eq 'fast'}</case>` +
          `<case to="b">\${not (mode == "off")}</case><default to="fail"/></switch></decision>` +
          `${shell('a', 'b')}${shell('b', 'end')}${ENDS}`,
      ),
    );
    expect(definitionOf(made).parameters).toEqual([
      { name: 'n', type: 'number', default: 3, help: 'n of the workflow' },
      { name: 'mode', required: true, help: 'mode of the workflow' },
    ]);
    const first = 'stages.first.state == "succeeded"';
    const fast = '(params.n > 2 and params.mode == "fast")';
    const notOff = 'not (params.mode == "off")';
    const a = `${first} and ${fast}`;
    const b = `(${first} and (not (${fast}) and ${notOff}))`;
    expect(definitionOf(made).stages.map(({ stage, needs, when }) => [stage, needs ?? 'before', when])).toEqual([
      ['first', 'before', undefined],
      ['a', 'before', `all-done and (${a})`],
      ['b', ['a', 'first'], `all-done and (${b} or stages.a.state == "succeeded")`],
      [
        'fail',
        ['first', 'a', 'b'],
        `all-done and (stages.first.state in ["failed", "timed_out"] or (${first} and (not (${fast}) and not (${notOff})))` +
          ` or stages.a.state in ["failed", "timed_out"] or stages.b.state in ["failed", "timed_out"])`,
      ],
    ]);
    // Whoever is killed says so; all others do what they did.
    expect(stepsOf(made).map(({ script }) => script?.includes('exit 1'))).toEqual([
      undefined,
      undefined,
      undefined,
      true,
    ]);
  });

  it.each([
    "${wf:actionData('a')['n'] eq 1}",
    '${fs:exists("/x")}',
    '${n + 1 gt 2}',
    '${"a" lt n}',
    '${n eq 1 and n eq "x"}',
    '${1 eq 1}',
    '${n eq}',
    '${(n eq 1}',
    'true',
    `\${${'('.repeat(40)}n${')'.repeat(40)}}`,
  ])('refuse to run what stands behind a case that is no condition here: %s', (text) => {
    const made = convert(
      workflow(
        `<start to="d"/><decision name="d"><switch><case to="a">${text.replaceAll('<', '&lt;')}</case>` +
          `<default to="b"/></switch></decision>` +
          `${shell('a', 'end')}${shell('b', 'end')}${ENDS}`,
      ),
    );
    for (const { script } of stepsOf(made)) expect(script).toContain('exit 1');
    expect(made.remarks.map(({ what }) => what)).toContainEqual(expect.stringContaining('that is not carried over'));
  });

  it('fail where a path without a failure leads to a kill', () => {
    const made = convert(workflow(`<start to="a"/>${shell('a', 'fail', 'end')}${ENDS}`));
    expect(stages(made)).toEqual([
      ['a', 'before', 'all-succeeded'],
      ['fail', 'before', 'all-succeeded'],
    ]);
    expect(stepsOf(made)[1]!.script).toContain('The workflow is killed here: m');
  });

  it('are refused with all faults at once, and their lines', () => {
    expect(
      faultsOf(
        workflow(
          `<start to="a"/>\n${shell('a', 'nobody')}\n${shell('b', 'b')}\n<action name="c"><shell/></action>\n<end name=""/>${ENDS}`,
        ),
      ),
    ).toEqual([
      '6: This action says not where it leads: <ok to="…"/>.',
      '6: This action says not where it leads: <error to="…"/>.',
      '7: This <end> has no name.',
      '4: a leads to "nobody", and there is no node of that name.',
      '5: b leads back to b: a circle.',
    ]);
    expect(faultsOf('<workflow-app>\n<a>')).toEqual([expect.stringMatching(/^\d: It is not XML/)]);
    expect(faultsOf('<job/>')).toEqual(['1: There is no <workflow-app> in it: nothing to convert.']);
    expect(faultsOf('')).toEqual([expect.stringMatching(/^1: It is/)]);
  });

  it('never expand what a document type declares', () => {
    const bomb = Array.from({ length: 30 }, (_, n) => `<!ENTITY e${n + 1} "&e${n};&e${n};">`).join('');
    expect(faultsOf(`<!DOCTYPE a [<!ENTITY e0 "x">${bomb}]><workflow-app>&e30;</workflow-app>`)).toHaveLength(1);
    expect(faultsOf('<!DOCTYPE a SYSTEM "file:///etc/passwd"><workflow-app/>')).toEqual([
      '1: A document type (DOCTYPE) is not read: take it out.',
    ]);
    expect(faultsOf(`${'<a>'.repeat(60)}${'</a>'.repeat(60)}`)).toEqual([expect.stringContaining('more than 50 deep')]);
  });

  it('pass as jobs wherever their nodes lead', () => {
    const node = fc.record({
      ok: fc.nat({ max: 9 }),
      error: fc.nat({ max: 9 }),
      kind: fc.constantFrom('shell', 'shell', 'fork', 'decision'),
    });
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 8 }), (nodes) => {
        const next = (from: number, by: number): string => (from + 1 + by < nodes.length ? `n${from + 1 + by}` : 'end');
        const text = workflow(
          `<start to="n0"/>${nodes
            .map(({ ok, error, kind }, n) => {
              const [one, other] = [next(n, ok), next(n, error)];
              if (kind === 'fork' && n > 0)
                return `<fork name="n${n}"><path start="${one}"/><path start="${other}"/></fork>`;
              if (kind === 'decision' && n > 0)
                return `<decision name="n${n}"><switch><case to="${one}">\${p eq ${n}}</case><default to="${other}"/></switch></decision>`;
              return shell(`n${n}`, one, error % 2 ? 'fail' : other);
            })
            .join('')}${ENDS}`,
        );
        const made = convert(text);
        expect(parseJob(made.jobs[0]!.text)).toMatchObject({ ok: true });
      }),
    );
  });
});
