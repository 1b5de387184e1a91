/**
 * In the process of Vitest: tells `npm test` how the run goes, names each failure as soon as it has happened, and has the run end in order
 * when it is to stop (what runs is cut short and cleans up behind itself; nothing more begins).
 */
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node';
import type { SuiteWord } from './suite-record.ts';

const WORDS_MAX = 300;

export default class TestReporter implements Reporter {
  #vitest: Vitest | undefined;
  #isStopping = false;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
    process.on('message', () => {
      this.#isStopping = true;
      void vitest.cancelCurrentRun('keyboard-input');
    });
    // Who started us was killed: nobody is left to end what we start.
    process.on('disconnect', () => void vitest.exit(true));
    // Whether or not somebody listens, it is no reason to stay.
    process.channel?.unref();
  }

  onTestRunStart(specifications: readonly { readonly moduleId: string }[]): void {
    this.#tell({ kind: 'files', files: specifications.map(({ moduleId }) => this.#pathOf(moduleId)) });
  }

  onTestModuleQueued(module: TestModule): void {
    this.#tell({ kind: 'begun', file: this.#pathOf(module.moduleId), atMs: Date.now() });
  }

  onTestModuleCollected(module: TestModule): void {
    const tests = [...module.children.allTests()].length;
    this.#tell({ kind: 'collected', file: this.#pathOf(module.moduleId), tests });
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    // What a stop has cut short, or kept from beginning, counts as not tried to its end.
    if (state === 'pending' || (state === 'skipped' && this.#isStopping)) return;
    const file = this.#pathOf(test.module.moduleId);
    this.#tell({ kind: 'test', file, name: test.fullName, state });
    if (state === 'failed') this.#name(file, test.fullName, errors);
  }

  onTestSuiteResult(suite: TestSuite): void {
    this.#fault(this.#pathOf(suite.module.moduleId), suite.fullName, suite.errors());
  }

  onTestModuleEnd(module: TestModule): void {
    const file = this.#pathOf(module.moduleId);
    this.#fault(file, 'the file itself', module.errors());
    // A run that is cancelled ends files of which not all was tried.
    const isWhole = [...module.children.allTests()].every((test) => test.result().state !== 'pending');
    if (isWhole && !this.#isStopping) this.#tell({ kind: 'ended', file, atMs: Date.now() });
  }

  #fault(file: string, name: string, errors: readonly { readonly message: string }[]): void {
    if (errors.length === 0) return;
    this.#tell({ kind: 'fault', file, name });
    this.#name(file, name, errors);
  }

  #name(file: string, name: string, errors: readonly { readonly message: string }[]): void {
    const words = errors[0]?.message.replaceAll(/\s+/g, ' ').slice(0, WORDS_MAX) ?? '';
    this.#vitest?.logger.log(`\nFAILED ${file} > ${name}: ${words}`);
  }

  #pathOf(moduleId: string): string {
    return relative(this.#vitest?.config.root ?? '/', moduleId);
  }

  #tell(word: SuiteWord): void {
    process.send?.(word);
  }
}
