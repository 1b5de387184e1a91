import { describe, expect, it } from 'vitest';
import { callLimits } from '../../base/call-limits.ts';
import { planRun } from './expand.ts';
import { parseJob } from './job-definition.ts';
import { planOf } from './plan-of.ts';

const HEAD = `job: j
parameters:
  - { name: base, default: 'https://api.example' }
  - { name: maybe }
  - { name: key, type: secret, required: true }
  - { name: spare, type: secret }
stages:
- stage: s
  steps:
  - { step: first, script: echo, targets: all, outputs: [{ name: v }] }
  - step: one
`;
/** With the line and column of each, in the step that is said. */
function faultsOf(...lines: string[]): string[] {
  const parsed = parseJob(`${HEAD}${lines.map((line) => `    ${line}\n`).join('')}`);
  const from = HEAD.split('\n').length;
  return parsed.ok
    ? []
    : parsed.faults.map(({ line, column, code, detail }) => `${line - from + 1}:${column} ${code}: ${detail}`);
}
const http = (fields: string): string => `http: { url: 'https://api.example/', ${fields} }`;

describe('a step that is a call', () => {
  it('is right as it stands in all its parts', () => {
    expect(
      faultsOf(
        'worker: zone=a',
        'prefer: gpu=yes',
        'http:',
        '  method: PATCH',
        "  url: '${{ params.base }}/${{ steps.s.first.outputs.v }}?k=${{ secrets.key }}'",
        "  headers: { A: 'x ${{ secrets.key }}', B: '$${{' }",
        "  json: { a: [1, null, true, '${{ secrets.key }}'], b: { c: '${{ params.base }}' } }",
        '  extract: { id: /id, all: "" }',
        '  redirects: 0',
        'success: { status: [204, 300-399] }',
        'outputs: [{ name: id }, { name: status, type: number }]',
        'retries: 2',
      ),
    ).toEqual([]);
  });

  it('declares no output that nothing tells', () => {
    expect(faultsOf(http('extract: { id: /id }'), 'outputs: [{ name: id }, { name: idd }, { name: status }]')).toEqual([
      expect.stringMatching(
        /^2:37 job-reference-unknown: Nothing tells "idd": .*tells status, id\. Did you mean "?id"?\?/,
      ),
    ]);
    expect(faultsOf("http: { url: 'https://api.example/' }", 'outputs: [{ name: id, from: sum }]')).toHaveLength(1);
  });

  it('takes an address out of parameters', () => {
    for (const url of [
      '${{ params.base }}',
      '${{ params.base }}/x',
      'https://${{ params.base }}:${{ params.base }}/',
      '${{ params.base }}://x/',
    ])
      expect([url, faultsOf(`http: { url: '${url}' }`)]).toEqual([url, []]);
  });

  it.each([
    [
      'a script beside it',
      ["http: { url: 'https://a.example' }", 'script: echo'],
      '1:5 bad-input: Give either script or http, not both.',
    ],
    ['targets', [http(''), 'targets: all'], '2:5 bad-input: targets is of scripts;'],
    ['env', [http(''), 'env: { A: b }'], '2:5 bad-input: env is of scripts;'],
    ['resources', [http(''), 'resources: cpus=1'], '2:5 bad-input: resources is of scripts;'],
    ['batches', [http(''), 'batches: 1'], '2:5 bad-input: batches is for hosts;'],
    ['user', [http(''), 'user: x'], '2:5 bad-input: user is of scripts;'],
    [
      'secrets',
      [http(''), 'secrets: [key]'],
      '2:5 bad-input: secrets are variables of scripts; in the texts of http a secret stands as ${{ secrets.NAME }}.',
    ],
    ['exit codes', [http(''), 'success: { exit_codes: [0] }'], '2:16 bad-input: exit_codes are of scripts;'],
    ['no status', [http(''), 'success: { status: [300-200] }'], '2:25 bad-input: "300-200" is no status of HTTP'],
    ['body and json', [http('body: a, json: {}')], '1:51 bad-input: Give either body or json, not both.'],
    [
      'a number that JSON does not hold',
      [http('json: { a: 12345678901234567890 }')],
      '1:53 bad-input: JSON holds no such number',
    ],
    ['a URL that is none', ["http: { url: 'api.example/x' }"], '1:13 bad-input: The URL is none'],
    ['a user in the URL', ["http: { url: 'https://a:b@c/' }"], '1:13 bad-input: The URL holds no user'],
    [
      'a secret as a host',
      ["http: { url: 'https://${{ secrets.key }}/' }"],
      '1:13 bad-input: What is asked is said by the job',
    ],
    [
      'an output as a host',
      ["http: { url: 'https://x${{ steps.s.first.outputs.v }}' }"],
      '1:13 bad-input: What is asked is said by the job',
    ],
    [
      'a secret as a parameter',
      [http("body: '${{ params.key }}'")],
      '1:49 job-expression: key is a secret, and stands in no text as a parameter: write ${{ secrets.NAME }} of it.',
    ],
    [
      'a parameter as a secret',
      [http("body: '${{ secrets.base }}'")],
      '1:49 job-expression: base is no secret: write ${{ params.base }}.',
    ],
    [
      'a secret that may be missing',
      [http("body: '${{ secrets.spare }}'")],
      '1:49 job-expression: spare may have no value',
    ],
    [
      'a secret that is none',
      [http("body: '${{ secrets.kee }}'")],
      '1:49 job-reference-unknown: There is no parameter "kee". Did you mean key?',
    ],
    [
      'a parameter that may be missing',
      [http("headers: { a: '${{ params.maybe }}' }")],
      '1:57 job-expression: maybe may have no value',
    ],
    [
      'an output that is none',
      [http("json: { a: '${{ steps.s.first.outputs.w }}' }")],
      '1:54 job-reference-unknown: "s.first" declares no output "w".',
    ],
    ['another expression', [http("body: '${{ x }}'")], '1:49 job-expression: "x" is not known in an expression'],
    ['a key that is none', [http('bdy: a')], '1:42 job-key-unknown: "bdy" is not known here. Did you mean body?'],
    [
      'a header that is not its to say',
      [http('headers: { Host: a }')],
      '1:53 bad-input: Host is said by whoever carries the request.',
    ],
    ['a pointer that is none', [http('extract: { a: b }')], '1:53 bad-input: "b" is no JSON pointer'],
  ])('is told where it has %s', (_what, lines, fault) => {
    const found = faultsOf(...lines);
    expect(found).toHaveLength(1);
    expect(found[0]!.startsWith(fault), found[0]).toBe(true);
  });

  it('alone has secrets in its texts, and statuses', () => {
    expect(faultsOf("command: [echo, '${{ secrets.key }}']")).toEqual([
      '1:22 job-expression: A secret stands in texts of calls alone: give it to a script with secrets.',
    ]);
    expect(faultsOf('script: echo', 'success: { status: [200] }')).toEqual([
      '2:16 bad-input: status is of http steps; a script has exit_codes.',
    ]);
  });

  it('has so many statuses, and not one more', () => {
    const of = (count: number): string[] =>
      faultsOf(http(''), `success: { status: [${Array(count).fill('200').join(', ')}] }`);
    expect(of(callLimits.callStatusesMax)).toEqual([]);
    expect(of(callLimits.callStatusesMax + 1)).toHaveLength(1);
  });

  it('that is a statement is right as it stands in all its parts', () => {
    expect(
      faultsOf(
        'worker: zone=a',
        'sql:',
        "  url: 'postgres://u@db.example:5433/${{ steps.s.first.outputs.v }}'",
        "  password: '${{ secrets.key }}'",
        "  statement: SELECT $1, $2, '$${{ params.base }}'",
        "  values: ['${{ params.base }}', 1.5, true, null, '${{ steps.s.first.outputs.v }} ${{ secrets.key }}']",
        '  mode: write',
        '  rows_max: 10',
        '  extract: { id: id }',
        '  extract_all: { ids: id }',
        '  tls: { ca: "-----BEGIN CERTIFICATE-----", server_name: db }',
        'success: { rows: [0, 3-5, 10-] }',
        'outputs: [{ name: id }, { name: ids, type: list }, { name: rows, type: number }]',
        'retries: 2',
      ),
    ).toEqual([]);
    for (const url of [
      '${{ params.base }}',
      '${{ params.base }}:5433/d',
      '${{ params.base }}://u@h/d',
      'postgres://u@${{ params.base }}/d',
    ])
      expect([url, faultsOf(`sql: { url: '${url}', statement: SELECT 1 }`)]).toEqual([url, []]);
    const of = (fields: string): string => `sql: { url: 'postgres://u@h/d', ${fields} }`;
    const filledIn = 'bad-input: A statement is not filled in, so that no value becomes a part of it: write $1 in its';
    for (const [line, fault] of [
      ["statement: 'SELECT ${{ params.base }}'", `1:37 ${filledIn}`],
      ["statement: 'SELECT ${{ steps.s.first.outputs.v }}'", `1:37 ${filledIn}`],
      ["statement: 'SELECT ${{ secrets.key }}'", `1:37 ${filledIn}`],
      ["statement: SELECT $1, values: ['${{ params.nobody }}']", '1:69 job-reference-unknown: There is no parameter'],
      ["statement: SELECT $1, values: ['${{ params.key }}']", '1:69 job-expression: key is a secret'],
      ['statement: SELECT $1, values: [12345678901234567890]', '1:68 bad-input: No number here holds that exactly'],
      ["statement: SELECT 1, password: 'hunter2'", '1:58 bad-input: A password is a secret'],
      ['statement: SELECT 1, mode: both', '1:'],
    ] as const) {
      const found = faultsOf(of(line));
      expect([line, found.length]).toEqual([line, 1]);
      expect(found[0]!.startsWith(fault), found[0]).toBe(true);
    }
    expect(faultsOf(of('statement: SELECT 1'), 'success: { status: [200] }')).toEqual([
      '2:16 bad-input: status is of http steps; sql has rows.',
    ]);
    expect(faultsOf(http(''), 'success: { rows: [1] }')).toEqual([
      '2:16 bad-input: rows are of sql steps; http has status.',
    ]);
    expect(faultsOf(of('statement: SELECT 1'), 'success: { rows: [5-3] }')).toEqual([
      expect.stringContaining('"5-3" is no number of rows'),
    ]);
  });

  it('has so many counts of rows, and not one more', () => {
    const of = (count: number): string[] =>
      faultsOf(
        "sql: { url: 'postgres://u@h/d', statement: SELECT 1 }",
        `success: { rows: [${Array(count).fill('1').join(', ')}] }`,
      );
    expect(of(callLimits.sqlRowsRangesMax)).toEqual([]);
    expect(of(callLimits.sqlRowsRangesMax + 1)).toHaveLength(1);
  });

  it('follows so many redirects, and not one more', () => {
    expect(faultsOf(http(`redirects: ${callLimits.callRedirectsMax}`))).toEqual([]);
    expect(faultsOf(http(`redirects: ${callLimits.callRedirectsMax + 1}`))).toHaveLength(1);
  });

  it('goes to any worker that makes calls, is given its secrets apart, and knows its outputs', () => {
    const parsed = parseJob(
      `${HEAD}    http: { url: '\${{ params.base }}/', json: { "a\\"": '\${{ secrets.key }}"\${{ params.base }}` +
        "${{ steps.s.first.outputs.v }}' } }\n",
    );
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    const base = 'https://x.example/"';
    const planned = planRun(parsed.definition, {
      params: { base: 'https://x.example' },
      secrets: { key: 'correct horse' },
    });
    if (!planned.ok) throw new Error(JSON.stringify(planned.faults));
    const { plan, steps } = planOf(planned.run.stages);
    expect(steps[1]).toMatchObject({
      targets: 'on worker: all',
      placement: { worker: { select: 'all', engine: 'calls' } },
      secrets: { key: 'correct horse' },
      work: {
        method: 'POST',
        url: ['https://x.example/'],
        body: {
          form: 'json',
          text: ['{"a\\"":"', { secret: 'key' }, '\\"https://x.example', { step: 's.first', output: 'v' }, '"}'],
        },
      },
    });
    expect(plan[0]!.tasks[1]!.fills).toEqual([
      { field: 'call', key: 's.first.outputs.v', parts: [{ task: 0, output: 'v' }], times: 1 },
    ]);
    // What is given may make of the URL what it was not when it was written.
    for (const wrong of ['ftp://x', base.replace('https', 'https:'), 'https://u@x.example'])
      expect(planRun(parsed.definition, { params: { base: wrong }, secrets: { key: 'correct horse' } })).toMatchObject({
        ok: false,
        faults: [{ pointer: '#/params' }],
      });
  });
});
