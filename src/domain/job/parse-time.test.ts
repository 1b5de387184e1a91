import { parseDocument } from 'yaml';
import { describe, expect, it } from 'vitest';
import { parseJob } from './job-definition.ts';

/** In CPU of this thread: what others do on the machine at the same time is not counted. */
describe('the time that reading takes', () => {
  const steps = (count: number): string =>
    `job: big\nstages:\n${Array.from(
      { length: count / 10 },
      (_, s) =>
        `  - stage: s${s}\n    steps:\n${Array.from(
          { length: 10 },
          (_, i) =>
            `      - step: t${i}\n        script: |\n          systemctl restart web\n        args: [a, b]\n` +
            '        timeout: 5m\n        targets: role=web\n',
        ).join('')}`,
    ).join('')}`;
  const least = (read: () => unknown, times = 3): number =>
    Math.min(
      ...Array.from({ length: times }, () => {
        const before = process.threadCpuUsage();
        read();
        const { user, system } = process.threadCpuUsage(before);
        return (user + system) / 1_000;
      }),
    );
  const floorMs = least(() => parseDocument(steps(1_000), { logLevel: 'silent' }));

  it('is little more than that of YAML for a thousand steps, and grows as they do', () => {
    expect(parseJob(steps(1_000)).ok).toBe(true);
    // By turns, since a processor may be slower than a minute ago.
    const [floor, one, two] = [[] as number[], [] as number[], [] as number[]];
    for (let turn = 0; turn < 5; turn++) {
      floor.push(least(() => parseDocument(steps(1_000), { logLevel: 'silent' }), 1));
      one.push(least(() => parseJob(steps(1_000)), 1));
      two.push(least(() => parseJob(steps(2_000)), 1));
    }
    expect(Math.min(...one)).toBeLessThan(5 * Math.min(...floor));
    expect(Math.min(...two)).toBeLessThan(4 * Math.min(...one));
  });

  it('grows as they do with conditions too, of steps and stages that are far apart', () => {
    const conditional = (count: number): string =>
      `job: big\ntargets: all\nstages:\n${Array.from(
        { length: count },
        (_, s) =>
          `- stage: s${s}\n  when: all-done and steps.s${Math.max(0, s - 500)}.t.state == "failed"\n` +
          `  steps: [{ step: t, when: 'stages.s0.state in ["failed"]', command: [x] }]\n`,
      )
        .join('')
        .replace('  when: all-done and steps.s0.t.state == "failed"\n', '')
        .replace(`when: 'stages.s0.state in ["failed"]', `, '')}`;
    expect(parseJob(conditional(1_000))).toMatchObject({ ok: true });
    const floor = least(() => parseDocument(conditional(1_000), { logLevel: 'silent' }));
    expect(least(() => parseJob(conditional(1_000)))).toBeLessThan(5 * floor);
  });

  const full = (part: string, bytes = 200_000): string => part.repeat(Math.floor(bytes / part.length));
  const needing = (needs: (i: number) => string): string =>
    `job: j\nstages:\n${Array.from(
      { length: 150 },
      (_, i) => `- { stage: s${i}, needs: [${needs(i)}], steps: [{ step: a, command: [x] }] }\n`,
    ).join('')}`;
  const wide = (count: number): string => Array.from({ length: count }, (_, i) => `s${i}`).join(',');
  it.each<[string, string]>([
    ['opening brackets', '['.repeat(100_000)],
    ['closing brackets', ']'.repeat(100_000)],
    ['dashes', full('- ')],
    ['question marks', full('? ')],
    ['commas', `[${','.repeat(100_000)}]`],
    ['colons', full(':')],
    [
      'aliases of aliases',
      `a: &a [x]\n${Array.from({ length: 50 }, (_, i) => `b${i}: &b${i} [${'*a,'.repeat(500)}]\n`).join('')}`,
    ],
    ['quotes', full('"')],
    ['tags', full('!a ')],
    ['marks', full('---\n')],
    ['blanks', full(' ')],
    ['keys', Array.from({ length: 5_000 }, (_, i) => `k${i}: 1\n`).join('')],
    ['equal keys', full('k: 1\n', 25_000)],
    [
      'unknown keys that are long',
      `job: j\n${Array.from({ length: 2_000 }, (_, i) => `${'s'.repeat(190)}${i}: 1\n`).join('')}`,
    ],
    ['expressions', `job: j\ntargets: "${full('${{ params.x }}')}"\nstages: []\n`],
    [
      'secrets of a call',
      `job: j\nstages:\n- stage: s\n  steps:\n  - step: a\n    http: { url: 'https://a/', body: "${full('${{ secrets.x }}')}" }\n`,
    ],
    ['escapes', `job: "${full('\\\\')}"`],
    ['needs of all by all', needing((i) => wide(i))],
    ['a circle of all', needing(() => wide(150))],
    [
      'names of two hundred letters that are not there',
      `job: j\nstages:\n${Array.from(
        { length: 400 },
        (_, i) =>
          `- { stage: ${'x'.repeat(190)}${i}, needs: [${'y'.repeat(190)}${i}], steps: [{ step: a, command: [x] }] }\n`,
      ).join('')}`,
    ],
  ])('is bounded for %s', (_what, text) => {
    expect(least(() => parseJob(text), 1)).toBeLessThan(20 * floorMs);
  });
});
