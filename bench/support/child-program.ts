/** A benchmark's own child program, spoken to by messages; ends with us, because its channel closes. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export class ChildProgram<In, Out extends { kind: string }> {
  readonly process: ChildProcess;
  readonly #waiting: {
    accepts: (message: Out) => boolean;
    resolve: (message: Out) => void;
    reject: (error: Error) => void;
  }[] = [];

  constructor(program: URL, setup: In, nodeFlags: readonly string[] = []) {
    this.process = fork(fileURLToPath(program), {
      serialization: 'advanced',
      execArgv: [...process.execArgv, ...nodeFlags],
    });
    this.process.on('message', (message) => {
      const index = this.#waiting.findIndex((one) => one.accepts(message as Out));
      if (index >= 0) this.#waiting.splice(index, 1)[0]!.resolve(message as Out);
    });
    this.process.on('exit', (code, signal) => {
      for (const one of this.#waiting.splice(0))
        one.reject(new Error(`${program.pathname.split('/').at(-1)} ended (${signal ?? code})`));
    });
    this.tell(setup);
  }

  tell(message: unknown): void {
    this.process.send(message as never);
  }

  next<Kind extends Out['kind']>(kind: Kind): Promise<Extract<Out, { kind: Kind }>> {
    return new Promise((resolve, reject) =>
      this.#waiting.push({
        accepts: (message) => message.kind === kind,
        resolve: resolve as (message: Out) => void,
        reject,
      }),
    );
  }

  ask<Kind extends Out['kind']>(order: unknown, answer: Kind): Promise<Extract<Out, { kind: Kind }>> {
    const answered = this.next(answer);
    this.tell(order);
    return answered;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}
