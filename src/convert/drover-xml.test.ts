import { describe, expect, it } from 'vitest';
import { parseJob } from '../domain/job/job-definition.ts';
import { ConversionFault, type Conversion } from './conversion.ts';
import { fromXml } from './drover-xml.ts';

const convert = (text: string): Conversion => fromXml([{ path: 'jobs.xml', text }], { targets: 'all' });
const faultsOf = (text: string): string[] => {
  try {
    convert(text);
  } catch (error) {
    if (error instanceof ConversionFault) return error.faults.map(({ line, what }) => `${line}: ${what}`);
    throw error;
  }
  return [];
};
const definitionOf = (text: string) => {
  const parsed = parseJob(text);
  if (!parsed.ok) throw new Error(`${JSON.stringify(parsed.faults)}\n${text}`);
  return parsed.definition;
};

describe('jobs in XML', () => {
  it('carry over everything that a job of Drover has', () => {
    const { jobs, remarks } = convert(`<jobs>
<job name="a" owner="Mei" team="data" tags="x, y"><description> Of the day. </description>
  <parameter name="day" default="1">which</parameter>
  <task name="one" targets="role=db" user="etl" cwd="/srv" retries="2"
    timeout="30m" priority="high"><command>a 'b c' \${day} \${new}</command><env name="TZ">UTC</env></task>
  <task name="two" depends="one"><script interpreter="bash">
echo "\${not}" &amp;&amp; true</script></task>
</job>
<job name="b"><task name="t"><command>x</command></task></job>
</jobs>`);
    expect(remarks).toEqual([]);
    expect(jobs.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(definitionOf(jobs[0]!.text)).toEqual({
      job: 'a',
      description: 'Of the day.',
      owner: 'Mei',
      team: 'data',
      tags: ['x', 'y'],
      parameters: [
        { name: 'day', default: '1', help: 'which' },
        { name: 'new', required: true },
      ],
      targets: 'all',
      stages: [
        {
          stage: 'flow',
          steps: [
            {
              step: 'one',
              command: ['a', 'b c', '${{ params.day }}', '${{ params.new }}'],
              env: { TZ: 'UTC' },
              cwd: '/srv',
              targets: 'role=db',
              user: 'etl',
              timeout: '30m',
              priority: 'high',
              retries: 2,
            },
            { step: 'two', script: 'echo "${not}" && true', interpreter: 'bash' },
          ],
        },
      ],
    });
  });

  it('end a value that is not closed where the next begins', () => {
    const said = (text: string): unknown =>
      definitionOf(convert(`<job name="j"><task name="t"><command>echo ${text}</command></task></job>`).jobs[0]!.text)
        .stages[0]!.steps[0]!.command?.[1];
    expect(said('${a${b}')).toContain('params.b');
    // Each looked for to the end of the text, these would be a few thousand million letters.
    expect(said('${'.repeat(50_000))).toBe('${'.repeat(50_000));
  });

  it('are read from what has no name of a file', () => {
    const text = '<job name="a"><task name="t"><command>x</command></task></job>';
    const files = [{ path: 'standard input', text }];
    expect(fromXml(files, {}).jobs).toMatchObject([{ name: 'a' }]);
  });

  it('tell of everything else, and of what no job may say', () => {
    const { jobs, remarks } = convert(
      '<job name="a b" pool="p"><alert mail="m"/><task name="t" cpu="2" timeout="soon"><command>x</command><if/></task></job>',
    );
    expect(jobs[0]!.name).toBe('a-b');
    expect(remarks.map(({ what }) => what)).toEqual([
      'pool="p" is not carried over.',
      expect.stringContaining('The alert mail="m"'),
      'cpu="2" is not carried over.',
      '<if> is not carried over.',
      expect.stringMatching(/^The job a-b does not pass as it stands: line \d+ of it: /),
    ]);
  });

  it('are refused with all faults at once', () => {
    expect(
      faultsOf(`<job name="a">
<task name="t" depends="u" when="never"><command>x</command></task>
<task name="t" retries="x"><script>y</script><command>x</command></task>
<task/>
</job>`),
    ).toEqual([
      expect.stringContaining('2: when is all-succeeded'),
      '3: A task has one <script>, or <command> once or more.',
      '3: "x" is no number of retries.',
      '4: The task has no name.',
      '4: A task has one <script>, or <command> once or more.',
      '3: There is a task t before it.',
      '2: t needs u, and there is no node of that name.',
    ]);
    expect(faultsOf('<jobs><x/></jobs>')).toEqual(['1: <x> stands where <job> belongs.']);
    expect(faultsOf('<jobs/>')).toEqual(['1: There is no <job> in it: nothing to convert.']);
  });

  it('reads a large one in a time that grows with its length', () => {
    const task = (n: number): string =>
      `<task name="t${n}" ${n > 0 ? `depends="t${n - 1}"` : ''}><command>run ${n}</command></task>`;
    const text = (tasks: number): string =>
      `<job name="a">${Array.from({ length: tasks }, (_, n) => task(n)).join('')}</job>`;
    const cost = (tasks: number): number => {
      const begun = process.cpuUsage();
      convert(text(tasks));
      return process.cpuUsage(begun).user;
    };
    cost(200);
    expect(cost(1_600) / cost(200)).toBeLessThan(32);
  });
});
