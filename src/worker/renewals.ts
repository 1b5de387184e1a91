/** Certificates on their way: what agents, and this worker itself, ask a server to renew, and to whom its answer belongs. */
import type { Clock } from '../base/clock.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import { SecondCount } from '../base/second-count.ts';
import type { ServerToWorkerFrame } from '../protocol/link/worker-v1.ts';
import type { AgentLink, ServerLink } from './output-relay.ts';

export interface RenewalsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly servers: () => Iterable<ServerLink>;
  /** For this worker. */
  readonly onOwn: (certificate: string) => void;
}

interface Request {
  readonly csr: string;
  readonly signature: Uint8Array;
}

export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #asked = new Map<number, AgentLink | 'self'>();
  readonly #asking: SecondCount;
  #seq = 0;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#asking = new SecondCount(options.clock, limits.renewalsPerSecond);
  }

  /** An agent that asks again and again gets nothing by it, and its servers are not asked. */
  ask(request: Request, agent?: { readonly agentId: string; readonly link: AgentLink }): void {
    if (agent && !this.#asking.take(agent.agentId)) return;
    const [server] = this.#options.servers();
    const id = ++this.#seq;
    const { csr, signature } = request;
    if (server?.send({ t: 'renew', id, ...given({ agentId: agent ? agent.agentId : undefined }), csr, signature }))
      this.#asked.set(id, agent?.link ?? 'self');
  }

  onAnswer(frame: Extract<ServerToWorkerFrame, { t: 'certificate' }>): void {
    const { log, onOwn } = this.#options;
    const asked = this.#asked.get(frame.id);
    this.#asked.delete(frame.id);
    if (!frame.certificate || !frame.ca) return log.warn({ error: frame.error }, 'a certificate was not renewed');
    if (asked === 'self') onOwn(frame.certificate);
    else asked?.send({ t: 'certificate', certificate: frame.certificate, ca: frame.ca });
  }
}
