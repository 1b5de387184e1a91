/**
 * Faults that the simulator has to find: each is a change of the product's code that takes away what keeps a promise. Whoever changes the
 * simulator or that code tries them again:
 *
 *   npm run sim:mutations -- [NAME…]
 *
 * Each is tried in a copy of the tree with so many seeds as it is given; ends with 1 where one is not found. That the places are still there,
 * once each, is a test of the suite.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../support/source-tree.ts';

export interface Mutation {
  readonly name: string;
  /** What goes wrong by it. */
  readonly what: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Within so many seeds, from 1 on, it is found. */
  readonly seeds: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'journal-not-synced',
    what: 'a start or an end is believed to be on disk that a power failure takes back',
    file: 'src/ledger/journal.ts',
    from: `        await writeWhole(this.#file, bytes, this.#bytes);
        await this.#file.datasync();`,
    to: '        await writeWhole(this.#file, bytes, this.#bytes);',
    seeds: 5,
  },
  {
    name: 'void-order',
    what: 'an order is carried out after it was said that the attempt is not known',
    file: 'src/conversation/conversation.ts',
    from: 'if (!isKnown && this.#unknown.isVoid(',
    to: 'if (!isKnown && false && this.#unknown.isVoid(',
    seeds: 80,
  },
  {
    name: 'void-order-of-others',
    what: 'of the servers other than the last that was told, orders count that were signed before',
    file: 'src/conversation/orders-unknown.ts',
    from: 'for (const [of, { at }] of words) if (of !== server && signedAt <= at) return true;',
    to: '',
    seeds: 100,
  },
  {
    name: 'busy-of-another-order',
    what: 'that an agent did not take an earlier order is believed of the latest, which it has carried out',
    file: 'src/owner/event-check.ts',
    from: "      if (event.k === 'undelivered' && isOfOtherOrder(event, execution)) return false;",
    to: '',
    seeds: 30,
  },
  {
    name: 'linked-not-in-snapshot',
    what: 'a host that links while the former hosts of its worker are looked up is taken for unlinked',
    file: 'src/fleet/worker-words.ts',
    from: 'if (sessions.show(worker.id, frame)) worker.snapshot.add(frame.hostId);',
    to: 'sessions.show(worker.id, frame);',
    seeds: 150,
  },
  {
    name: 'same-term-after-doubt',
    what: 'a partition is read again under the term of a write that may land yet',
    file: 'src/owner/ownership.ts',
    from: `    this.drop(partition);
    this.#options.clock.after(pauseMs`,
    to: `    for (const held of [...partition.runs.values()]) this.#options.memory.forget(partition, held);
    this.#options.clock.after(pauseMs`,
    seeds: 100,
  },
  {
    name: 'step-before-its-turn',
    what: 'executions of a later step that a new round has opened go out before what the step needs is over',
    file: 'src/domain/run/run-task.ts',
    from: 'return this.#isOpen || this.#stopping !== undefined;',
    to: 'return true;',
    seeds: 60,
  },
  {
    name: 'step-without-its-needs',
    what: 'a step has its turn with its stage, whatever it needs',
    file: 'src/domain/flow/flow.ts',
    from: '  if (!needs.every(isWell)) return task;\n',
    to: '',
    seeds: 30,
  },
  {
    name: 'turn-of-a-new-round-not-waited-for',
    what: 'in a new round a stage goes on after one that was over before, though what that came after is done again',
    file: 'src/domain/flow/flow.ts',
    from: "  if (!before.every((one) => isTerminalRun(one.state))) return 'running';\n",
    to: '',
    seeds: 300,
  },
  {
    name: 'condition-never-decided',
    what: 'a run whose next step waits for its condition is read by a new owner, and waits for ever',
    file: 'src/domain/run/run.ts',
    from: '    this.#isUndecided = this.#hasUndecided();\n',
    to: '',
    seeds: 60,
  },
  {
    name: 'passed-over-forgotten',
    what: 'a new owner takes a step that was passed over for one that is skipped after a failure',
    file: 'src/domain/run/run.ts',
    from: 'return { state, counts, isHeld, isPassed };',
    to: 'return { state, counts, isHeld };',
    seeds: 200,
  },
  {
    name: 'outputs-of-a-new-owner-forgotten',
    what: 'a step is over without what its hosts told before another server took over',
    file: 'src/owner/held-run.ts',
    from: '...given({ position, told, outputs, decision, skip })',
    to: '...given({ position, outputs, decision, skip })',
    seeds: 40,
  },
  {
    name: 'approval-of-a-new-owner-asked-again',
    what: 'an approval that is asked is asked once more when another server takes over, and its time begins anew',
    file: 'src/owner/held-run.ts',
    from: '...given({ position: gate }) } : undefined',
    to: '} : undefined',
    seeds: 40,
  },
  {
    name: 'time-up-before-an-answer',
    what: 'somebody has approved and was told so, and the approval runs out of time all the same',
    file: 'src/domain/gate/gate-position.ts',
    from: "  if (verdict) return over('succeeded');\n",
    to: '',
    seeds: 20,
  },
  {
    name: 'values-not-written',
    what: 'an end is acknowledged, and the values that its script told are not kept',
    file: 'src/owner/execution-change.ts',
    from: '  if (result.values) end.values = result.values;',
    to: '',
    seeds: 1,
  },
];

/** Times that the place is in the file: 1, or it has moved. */
export function placesOf({ file, from }: Mutation): number {
  return readFileSync(join(root, file), 'utf8').split(from).length - 1;
}

function tryOut(mutation: Mutation): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'drover-mutation-'));
  try {
    for (const part of ['src', 'test', 'tools', 'package.json', 'tsconfig.json'])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const path = join(folder, mutation.file);
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(mutation.from, () => mutation.to),
    );
    const args = ['test/sim/sim.ts', '--seed', '1', '--runs', String(mutation.seeds)];
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    return status === 1 ? stdout.split('\n')[0] : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1]?.endsWith('mutations.ts')) {
  const wanted = process.argv.slice(2);
  for (const mutation of MUTATIONS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const found = placesOf(mutation) === 1 ? tryOut(mutation) : 'its place has moved';
    const isFound = found !== undefined && placesOf(mutation) === 1;
    if (!isFound) process.exitCode = 1;
    process.stdout.write(
      `${mutation.name}: ${isFound ? 'found' : 'NOT FOUND'}: ${found ?? `${mutation.seeds} seeds hold`}\n`,
    );
  }
}
