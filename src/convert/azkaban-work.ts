/** What one node of Azkaban does, by its properties, as work of a step: the same for `.job` files and flows of version 2.0. */
import { limits } from '../base/limits.ts';
import { leftOver, type AzkabanValues, type Scope, type ScopedProperty } from './azkaban-properties.ts';
import type { Place, Remark } from './conversion.ts';
import { splitWords, textOf, wordOf, type FilledText } from './filled-text.ts';
import type { SourceNode } from './flow-graph.ts';
import type { DraftWork } from './job-draft.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const COMMAND = /^command(?:\.\d+)?$/;
/** Said of other things than the work: read elsewhere, or of no meaning without Azkaban's own interface. */
const ELSEWHERE = /^(?:type|dependencies|flow\.name|name|dependsOn|nodes|condition)$/;

export interface AzkabanNode extends Place {
  readonly name: string;
  readonly type: string;
  readonly own: readonly ScopedProperty[];
  readonly scope: Scope;
}

export type NodeParts = Pick<SourceNode, 'does' | 'remarks' | 'refusals'>;

export function nodeParts(node: AzkabanNode, values: AzkabanValues): NodeParts {
  const { file, line, type } = node;
  const remarks: Remark[] = [];
  const refusals: Remark[] = [];
  const reader = new WorkReader(node, values, remarks, refusals);
  if (type === 'noop') return { does: { kind: 'nothing' }, remarks: [...remarks, ...reader.others()], refusals };
  const work = type === 'command' ? reader.commands() : type === 'javaprocess' ? reader.java() : undefined;
  if (!work) refusals.push({ file, line, what: `Nothing of Drover does what a job of type ${type || 'none'} does.` });
  const full = { ...(work ?? { commands: [] }), ...reader.surroundings() };
  remarks.push(...reader.others());
  return { does: { kind: 'work', work: full }, remarks: [...remarks, ...refusals], refusals };
}

class WorkReader {
  readonly #node: AzkabanNode;
  readonly #values: AzkabanValues;
  readonly #remarks: Remark[];
  readonly #refusals: Remark[];

  constructor(node: AzkabanNode, values: AzkabanValues, remarks: Remark[], refusals: Remark[]) {
    this.#node = node;
    this.#values = values;
    this.#remarks = remarks;
    this.#refusals = refusals;
  }

  /** `command`, then `command.1` and on for as long as there is a next. */
  commands(): DraftWork {
    const commands: FilledText[][] = [];
    for (let n = 0; ; n++) {
      const property = this.#find(n === 0 ? 'command' : `command.${n}`);
      if (!property) break;
      commands.push(splitWords(this.#filled(property)));
    }
    const { used } = this.#values;
    const places = this.#node.own.filter((one) => COMMAND.test(one.key) && !used.has(one));
    for (const property of places) {
      used.add(property);
      this.#refuse(property, `${property.key} does not come next after command: Azkaban never runs it.`);
    }
    if (commands.length === 0 || commands.some((words) => words.length === 0))
      this.#refuse(this.#node, 'It says no command.');
    return { commands };
  }

  java(): DraftWork {
    const words: FilledText[] = [textOf('java')];
    const take = (key: string, make: (value: FilledText) => readonly FilledText[]): boolean => {
      const property = this.#find(key);
      if (property) words.push(...make(this.#filled(property)));
      return property !== undefined;
    };
    take('Xms', (value) => [[...textOf('-Xms'), ...value]]);
    take('Xmx', (value) => [[...textOf('-Xmx'), ...value]]);
    take('jvm.args', splitWords);
    if (!take('classpath', (value) => [textOf('-cp'), joinedByColons(value)]))
      this.#refuse(this.#node, 'It names no classpath, and what lies beside it in the project is not carried over.');
    if (!take('java.class', (value) => [value])) this.#refuse(this.#node, 'It names no java.class.');
    take('main.args', splitWords);
    return { commands: [words] };
  }

  surroundings(): Partial<DraftWork> {
    const found: Writable<Partial<DraftWork>> = {};
    const folder = this.#find('working.dir');
    if (folder) {
      const cwd = this.#filled(folder);
      if (cwd[0]?.kind === 'text' && !cwd[0].text.startsWith('/'))
        this.#refuse(folder, 'The folder to work in is a path of the project, which is not carried over.');
      else found.cwd = this.#word(folder, cwd);
    }
    const user = this.#find('user.to.proxy');
    if (user) found.user = this.#word(user, this.#filled(user));
    const retries = this.#find('retries');
    if (retries) {
      const count = Number(retries.value);
      if (!Number.isInteger(count) || count < 0) this.#refuse(retries, `${retries.value} is no number of retries.`);
      else if (count > 0) found.retries = Math.min(count, limits.retriesMax);
      if (count > limits.retriesMax)
        this.#remark(retries, `${count} retries become ${limits.retriesMax}, the most there are.`);
    }
    const backoff = this.#find('retry.backoff');
    if (backoff)
      this.#remark(backoff, `The ${backoff.value} ms between retries are not carried over: a retry follows at once.`);
    const names = new Set(this.#node.scope.flatMap((level) => level.map(({ key }) => key)));
    const variables = [...names].filter((key) => key.startsWith('env.')).flatMap((key) => this.#find(key) ?? []);
    if (variables.length > 0)
      found.env = Object.fromEntries(
        variables.map((property) => [property.key.slice('env.'.length), this.#word(property, this.#filled(property))]),
      );
    return found;
  }

  /** Its own that nobody has read by now; those of its folders are told of once, for all. */
  others(): Remark[] {
    const { used } = this.#values;
    return this.#node.own.flatMap((one) => (used.has(one) || ELSEWHERE.test(one.key) ? [] : [leftOver(one)]));
  }

  /** Its own, or that of the nearest folder. */
  #find(key: string): ScopedProperty | undefined {
    const property = this.#values.properties.find(this.#node.scope, key);
    if (property) this.#values.used.add(property);
    return property;
  }

  #filled(property: ScopedProperty): FilledText {
    return this.#values.filled(property.value, this.#node.scope, property, this.#refusals);
  }

  #word(place: Place, parts: FilledText): FilledText {
    if (wordOf(parts) === undefined)
      this.#refuse(place, 'What only a script can read stands where Drover fills in words.');
    return parts;
  }

  #refuse({ file, line }: Place, what: string): void {
    this.#refusals.push({ file, line, what });
  }

  #remark({ file, line }: Place, what: string): void {
    this.#remarks.push({ file, line, what });
  }
}

function joinedByColons(parts: FilledText): FilledText {
  return parts.map((part) => (part.kind === 'text' ? { ...part, text: part.text.replaceAll(',', ':') } : part));
}
