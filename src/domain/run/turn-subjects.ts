/**
 * What tasks are done to, where that is not known before their turn has come: hosts of a step before, by what it came to on each, or items
 * that it has told. It is decided once, and written with the executions that it makes. Pure.
 */
import { given } from '../../base/given.ts';
import { WorkBudget } from '../expression/comparison-work.ts';
import type { AskedSubjects, TurnChoice } from './asked-subjects.ts';
import { chosenPlaces, type ChosenHosts } from './chosen-hosts.ts';
import type { TaskDecision } from './conditions.ts';
import type { RunTask } from './run-task.ts';
import type { StepOutput } from './step-outputs.ts';
import { itemsToldBy } from './task-items.ts';
import type { OutputOfTask } from './work-fills.ts';

export class TurnSubjects<Stream> {
  readonly #taskOf: (task: number) => RunTask<Stream>;
  readonly #outputOf: (ref: OutputOfTask) => StepOutput | undefined;
  /** What choosing hosts may cost, in all. */
  readonly #choiceBudget = new WorkBudget();
  readonly #choices = new Map<number, TurnChoice>();

  constructor(taskOf: (task: number) => RunTask<Stream>, outputOf: (ref: OutputOfTask) => StepOutput | undefined) {
    this.#taskOf = taskOf;
    this.#outputOf = outputOf;
  }

  of(task: number): TurnChoice {
    return this.#choices.get(task) ?? {};
  }

  decide(task: number, { chooses, each }: AskedSubjects): Pick<TaskDecision, 'hosts' | 'items'> {
    if (chooses) return { hosts: this.#chooseHosts(task, chooses) };
    return each ? { items: this.#takeItems(task, each) } : {};
  }

  /** Where they cannot be taken it has the one execution that it was made with, of which nothing is begun. */
  #takeItems(task: number, each: OutputOfTask): NonNullable<TaskDecision['items']> {
    const told = itemsToldBy(this.#outputOf(each));
    if (!told.ok) return { count: 0, fault: told.detail };
    if (told.items.length > 0) {
      this.#taskOf(task).becomeItems(told.items);
      this.#choices.set(task, { items: told.items });
    }
    return { count: told.items.length };
  }

  #chooseHosts(task: number, chooses: ChosenHosts): NonNullable<TaskDecision['hosts']> {
    const own = this.#taskOf(task);
    const of = own.subjects.length;
    const found = chosenPlaces(chooses, own.subjects, this.#taskOf(chooses.task).outcomes(), this.#choiceBudget);
    const places = 'fault' in found ? own.subjects.map((_, place) => place) : found;
    if (places.length > 0) {
      own.choose(places);
      this.#choices.set(task, { places });
    }
    return {
      of,
      chosen: places.length,
      ...given({ fault: 'fault' in found ? found.fault : undefined }),
    };
  }
}
