/**
 * One lifecycle for everything that lives long. `start` resolves when the service can do its work and rejects when it
 * never will; `stop` is safe before `start`, twice, and while starting, and resolves when nothing of it runs any more.
 */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}
