/** The machines in code, in docs/STATES.md and in the CHECK constraints of the database are one and the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  TERMINAL_EXECUTION_STATES,
} from '../../src/domain/crew/execution-machine.ts';
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
    expect(arrows.filter(([from]) => from === '[*]').map(([, to]) => to)).toEqual([first]);
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

  it.each(machines)('knows exactly the states of $name', ({ table, states }) => {
    const [check, ...others] = checksOf(table).filter((definition) => /^CHECK \(\(state = ANY/.test(definition));
    expect(others).toEqual([]);
    expect(quoted(check!)).toEqual([...states].toSorted());
  });

  it.each(machines)('keeps finished_at in exactly the terminal states of $name', ({ table, states, terminal }) => {
    const [check] = checksOf(table).filter((definition) => definition.includes('finished_at_ms IS NOT NULL'));
    const listed = quoted(check!);
    const others = states.filter((state) => !(terminal as readonly string[]).includes(state)).toSorted();
    expect([[...terminal].toSorted(), others]).toContainEqual(listed);
  });
});
