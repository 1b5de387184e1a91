/** What an action of Oozie does, as work of a step: shell and ssh. Whatever runs on a Hadoop cluster has no counterpart. */
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Place, Remark } from './conversion.ts';
import { splitWords, textOf, wordOf, type FilledText } from './filled-text.ts';
import type { DraftWork } from './job-draft.ts';
import type { OozieValues } from './oozie-values.ts';
import { childOf, childrenOf, type Element } from './xml-tree.ts';

export interface ActionWork {
  readonly work: DraftWork;
  readonly remarks: readonly Remark[];
  readonly refusals: readonly Remark[];
}

export function actionWork(action: Element, values: OozieValues): ActionWork {
  const reader = new ActionReader(values);
  const work = { ...reader.work(action), ...reader.retries(action) };
  return { work, remarks: reader.remarks, refusals: reader.refusals };
}

const BESIDE = new Set(['ok', 'error']);
/** Of the cluster that the action would run on. */
const OF_THE_CLUSTER = new Set(['job-tracker', 'resource-manager', 'name-node']);

class ActionReader {
  readonly remarks: Remark[] = [];
  readonly refusals: Remark[] = [];
  readonly #values: OozieValues;

  constructor(values: OozieValues) {
    this.#values = values;
  }

  work(action: Element): DraftWork {
    const [does, ...others] = action.children.filter(({ name }) => !BESIDE.has(name));
    for (const other of others) this.#remark(other, `<${other.name}> is not carried over.`);
    if (!does) this.#refuse(action, 'The action says nothing that it does.');
    else if (does.name === 'shell') return this.#shell(does);
    else if (does.name === 'ssh') return this.#ssh(does);
    else this.#refuse(does, `Nothing of Drover does what an action of <${does.name}> does.`);
    return { commands: [] };
  }

  retries({ attributes, file, line }: Element): Partial<DraftWork> {
    const max = attributes.get('retry-max');
    const interval = attributes.get('retry-interval');
    if (interval !== undefined)
      this.#remark(
        { file, line },
        `The time between retries (${interval} min) is not carried over: a retry follows at once.`,
      );
    if (attributes.has('cred'))
      this.#remark({ file, line }, `The credentials ${attributes.get('cred')!} are not carried over.`);
    if (max === undefined) return {};
    const count = Number(max);
    if (Number.isInteger(count) && count >= 0)
      return count === 0 ? {} : { retries: Math.min(count, limits.retriesMax) };
    this.#refuse({ file, line }, `${max} is no number of retries.`);
    return {};
  }

  #shell(shell: Element): DraftWork {
    const words: FilledText[] = [];
    const env: Record<string, FilledText> = {};
    for (const child of shell.children) {
      const text = child.text.trim();
      if (child.name === 'exec') words.unshift(this.#filled(child, text));
      else if (child.name === 'argument') words.push(this.#filled(child, child.text));
      else if (child.name === 'env-var') {
        const at = text.indexOf('=');
        if (at < 1) this.#refuse(child, `${JSON.stringify(text)} is no variable: NAME=VALUE.`);
        else env[text.slice(0, at)] = this.#word(child, this.#filled(child, text.slice(at + 1)));
      } else if (child.name === 'file' || child.name === 'archive')
        this.#refuse(child, `${text} comes from the cluster's file system: bring it to the hosts, and name it there.`);
      else if (child.name === 'capture-output')
        this.#remark(
          child,
          'What it prints is no output here: let it write NAME=VALUE to the file that DROVER_OUTPUT names.',
        );
      else if (child.name === 'prepare')
        this.#refuse(child, 'What is deleted and made on the cluster before it is not carried over.');
      else if (!OF_THE_CLUSTER.has(child.name)) this.#remark(child, `<${child.name}> is not carried over.`);
    }
    if (!childOf(shell, 'exec')) this.#refuse(shell, 'It says not what it runs: <exec>.');
    return {
      commands: words.length > 0 ? [words] : [],
      ...given({ env: Object.keys(env).length > 0 ? env : undefined }),
    };
  }

  #ssh(ssh: Element): DraftWork {
    const words: FilledText[] = [];
    for (const child of ssh.children) {
      if (child.name === 'command') words.unshift(this.#filled(child, child.text.trim()));
      else if (child.name === 'arg') words.push(this.#filled(child, child.text));
      else if (child.name === 'args') words.push(...splitWords(this.#filled(child, child.text)));
      else if (child.name === 'capture-output')
        this.#remark(
          child,
          'What it prints is no output here: let it write NAME=VALUE to the file that DROVER_OUTPUT names.',
        );
      else if (child.name !== 'host') this.#remark(child, `<${child.name}> is not carried over.`);
    }
    if (!childOf(ssh, 'command')) this.#refuse(ssh, 'It says not what it runs: <command>.');
    const [host, ...others] = childrenOf(ssh, 'host');
    if (!host || others.length > 0) this.#refuse(ssh, 'It says not on which one host: <host>.');
    const commands = words.length > 0 ? [words] : [];
    return host ? { commands, ...this.#host(host), via: 'ssh' } : { commands };
  }

  /** `user@host`, where the user may be left out. */
  #host(element: Element): Pick<DraftWork, 'targets' | 'user'> {
    const text = element.text.trim();
    const at = /^([^@]*)@/.exec(text.replace(/\$\{[^}]*\}/g, (expression) => 'x'.repeat(expression.length)))?.[1]
      ?.length;
    const filled = (part: string): FilledText => this.#word(element, this.#filled(element, part));
    const targets = filled(at === undefined ? text : text.slice(at + 1));
    if (at !== undefined)
      this.#remark(
        element,
        `It runs as the user of the account that covers the host, which should be that of ${text.slice(0, at)}: drover accounts.`,
      );
    return { targets };
  }

  #filled(place: Place, text: string): FilledText {
    return text === '' ? textOf('') : this.#values.filled(text, place, this.refusals);
  }

  #word(place: Place, parts: FilledText): FilledText {
    if (wordOf(parts) === undefined)
      this.#refuse(place, 'What only a script can read stands where Drover fills in words.');
    return parts;
  }

  #refuse({ file, line }: Place, what: string): void {
    this.refusals.push({ file, line, what });
  }

  #remark({ file, line }: Place, what: string): void {
    this.remarks.push({ file, line, what });
  }
}
