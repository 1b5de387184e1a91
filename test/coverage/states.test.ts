/** The machines in code, in docs/STATES.md and in the CHECK constraints of the database are one and the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  TERMINAL_EXECUTION_STATES,
} from '../../src/domain/crew/execution-machine.ts';
import {
  JOB_VERSION_STATES,
  JOB_VERSION_TRANSITIONS,
  TERMINAL_JOB_VERSION_STATES,
} from '../../src/domain/job/version-machine.ts';
import { RUN_STATES, RUN_TRANSITIONS, TERMINAL_RUN_STATES } from '../../src/domain/flow/run-machine.ts';
import { TASK_TRANSITIONS } from '../../src/domain/flow/task-machine.ts';
import {
  AGENT_UPGRADE_STATES,
  AGENT_UPGRADE_TRANSITIONS,
  TERMINAL_AGENT_UPGRADE_STATES,
  TERMINAL_UPGRADE_STATES,
  UPGRADE_STATES,
  UPGRADE_TRANSITIONS,
} from '../../src/domain/upgrade/upgrade-machine.ts';
import { GATE_ENDS, GATE_FIRST, GATE_PHASES, GATE_TRANSITIONS } from '../../src/domain/gate/gate-position.ts';
import { ROLLOUT_PHASES, ROLLOUT_TRANSITIONS } from '../../src/domain/rollout/position.ts';
import { testDatabase, type TestDatabase } from '../support/database.ts';
import { root } from '../support/source-tree.ts';

const machines = [
  {
    name: 'Execution',
    table: 'execution',
    states: EXECUTION_STATES,
    transitions: EXECUTION_TRANSITIONS,
    terminal: TERMINAL_EXECUTION_STATES,
    first: 'waiting',
  },
  {
    name: 'Run',
    table: 'run',
    states: RUN_STATES,
    transitions: RUN_TRANSITIONS,
    terminal: TERMINAL_RUN_STATES,
    first: 'created',
  },
  {
    name: 'Upgrade',
    table: 'upgrade',
    states: UPGRADE_STATES,
    transitions: UPGRADE_TRANSITIONS,
    terminal: TERMINAL_UPGRADE_STATES,
    first: 'running',
  },
  {
    name: 'Agent upgrade',
    table: 'agent_upgrade',
    states: AGENT_UPGRADE_STATES,
    transitions: AGENT_UPGRADE_TRANSITIONS,
    terminal: TERMINAL_AGENT_UPGRADE_STATES,
    first: 'waiting',
  },
  {
    name: 'Job version',
    table: 'job_version',
    ended: 'retired_at_ms',
    states: JOB_VERSION_STATES,
    transitions: JOB_VERSION_TRANSITIONS,
    terminal: TERMINAL_JOB_VERSION_STATES,
    first: 'draft',
  },
] as const;
/** Of stages and tasks the database holds no state yet: that of the run says theirs. */
const drawn = [
  ...machines,
  {
    name: 'Stage and task',
    states: RUN_STATES,
    transitions: TASK_TRANSITIONS,
    terminal: TERMINAL_RUN_STATES,
    first: 'created',
  },
  { name: 'Rollout', states: ROLLOUT_PHASES, transitions: ROLLOUT_TRANSITIONS, terminal: [], first: 'going' },
  { name: 'Gate', states: GATE_PHASES, transitions: GATE_TRANSITIONS, terminal: ['over'], first: GATE_FIRST },
] as const;

/** The arrows of the mermaid diagram under a heading. */
function diagram(heading: string): [from: string, to: string][] {
  const section =
    readFileSync(join(root, 'docs/STATES.md'), 'utf8')
      .split(/^## /m)
      .find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const block = /```mermaid\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
  return [...block.matchAll(/^\s*(\S+) --> (\w+|\[\*\])/gm)].map((match) => [match[1]!, match[2]!]);
}

describe.each(drawn)('the diagram of $name', ({ name, transitions, terminal, first }) => {
  const arrows = diagram(name);

  it('shows every transition and no other', () => {
    const shown = arrows.filter(([from, to]) => from !== '[*]' && to !== '[*]').map(([from, to]) => `${from} → ${to}`);
    const inCode = Object.entries(transitions).flatMap(([from, to]) =>
      (to as readonly string[]).map((state) => `${from} → ${state}`),
    );
    expect(shown.toSorted()).toEqual(inCode.toSorted());
  });

  it('shows where it begins and what is terminal', () => {
    expect(arrows.filter(([from]) => from === '[*]').map(([, to]) => to)).toEqual([first].flat());
    expect(
      arrows
        .filter(([, to]) => to === '[*]')
        .map(([from]) => from)
        .toSorted(),
    ).toEqual([...terminal].toSorted());
  });
});

describe('the database', () => {
  let database: TestDatabase;
  let checks: { table: string; definition: string }[];

  beforeAll(async () => {
    database = await testDatabase();
    checks = (await database.query(
      "SELECT conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'c' AND conparentid = 0",
    )) as typeof checks;
  });
  afterAll(() => database.drop());

  const quoted = (definition: string): string[] =>
    [...definition.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]!).toSorted();
  const checksOf = (table: string): string[] =>
    checks.filter((check) => check.table === table).map((check) => check.definition);

  it('knows exactly where gates stand and what they come to', () => {
    const [phases, ends] = ['phase', 'end'].map((field) =>
      checksOf('task').find((definition) => definition.includes(`((gate ->> '${field}'::text) = ANY`)),
    );
    expect(quoted(phases!).filter((word) => word !== 'phase')).toEqual([...GATE_PHASES].toSorted());
    expect(quoted(ends!).filter((word) => word !== 'end')).toEqual([...GATE_ENDS].toSorted());
  });

  it.each(machines)('knows exactly the states of $name', ({ table, states }) => {
    const [check, ...others] = checksOf(table).filter((definition) => /^CHECK \(\(state = ANY/.test(definition));
    expect(others).toEqual([]);
    expect(quoted(check!)).toEqual([...states].toSorted());
  });

  it.each(machines)(
    'keeps when it ended in exactly the terminal states of $name',
    ({ table, states, terminal, ...machine }) => {
      const ended = 'ended' in machine ? machine.ended : 'finished_at_ms';
      const [check] = checksOf(table).filter((definition) => definition.includes(`((${ended} IS NOT NULL)`));
      const listed = quoted(check!);
      const others = states.filter((state) => !(terminal as readonly string[]).includes(state)).toSorted();
      expect([[...terminal].toSorted(), others]).toContainEqual(listed);
    },
  );

  it('lets a version of a job move where the table of its machine says, and keeps what was published as it is', async () => {
    const job = '01936f2e-0000-7000-8000-000000000000';
    await database.query("INSERT INTO job (id, name, created_at_ms, changed_at_ms) VALUES ($1, 'j', 0, 0)", [job]);
    const write = (state: string, version: number): Promise<unknown> =>
      database.query(
        `INSERT INTO job_version (job_id, version, state, document, digest, tags, applied_at_ms, applied_by, applied_reason,
           published_at_ms, published_by, published_reason, retired_at_ms, retired_by, retired_reason)
         SELECT $1::uuid, $2::int, $3::text, 'a', sha256('a'), '{}', 0, '{}', '', CASE WHEN $3 = 'published' THEN 0 END, CASE WHEN $3 = 'published' THEN '{}'::jsonb END,
           CASE WHEN $3 = 'published' THEN '' END, CASE WHEN $3 = 'retired' THEN 0 END, CASE WHEN $3 = 'retired' THEN '{}'::jsonb END, CASE WHEN $3 = 'retired' THEN '' END`,
        [job, version, state],
      );
    let version = 0;
    for (const from of JOB_VERSION_STATES)
      for (const to of JOB_VERSION_STATES) {
        await write(from, ++version);
        const moved = database.query(
          `UPDATE job_version SET state = $3::text, published_at_ms = CASE WHEN $3 = 'draft' THEN NULL ELSE 1 END,
             published_by = CASE WHEN $3 = 'draft' THEN NULL ELSE '{}'::jsonb END, published_reason = CASE WHEN $3 = 'draft' THEN NULL ELSE '' END,
             retired_at_ms = CASE WHEN $3 = 'retired' THEN 1 END, retired_by = CASE WHEN $3 = 'retired' THEN '{}'::jsonb END,
             retired_reason = CASE WHEN $3 = 'retired' THEN '' END
           WHERE job_id = $1 AND version = $2`,
          [job, version, to],
        );
        const isAllowed = from === to || JOB_VERSION_TRANSITIONS[from].includes(to);
        await (isAllowed ? moved : expect(moved, `${from} → ${to}`).rejects.toThrow('no version moves'));
        const changed = database.query(
          "UPDATE job_version SET document = 'b', digest = sha256('b') WHERE job_id = $1 AND version = $2",
          [job, version],
        );
        const isDraft = from === 'draft' && to === 'draft';
        await (isDraft ? changed : expect(changed).rejects.toThrow('never changes'));
        await database.query('DELETE FROM job_version WHERE job_id = $1 AND version = $2', [job, version]);
      }
  });
});
