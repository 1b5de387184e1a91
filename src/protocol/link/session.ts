/**
 * What agent and server say to each other through a worker that neither need believe: each under a MAC of the agent's dispatch key, which
 * the worker has not. Every MAC names its purpose, the agent, and (but for the proof itself) the instance of the agent, so that nothing
 * said to or by one start of an agent means anything to another.
 */
import { Packr } from 'msgpackr';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** Bytes that a worker passes on as they are, and the mark that makes them somebody's. */
export interface Sealed {
  body: Uint8Array;
  mac: Uint8Array;
}

export interface OrderMark {
  /** Who signed it; its clock and its count are meant. */
  readonly server: string;
  /** Of this server; a later order has a higher one. */
  readonly order: number;
}

export function encodeBody(value: object): Buffer {
  return packr.pack(value);
}

// — what the MACs cover —

/** Lines of text that say for what purpose and for whom, and bytes behind them. */
export interface Marked {
  readonly head: string;
  readonly body?: Uint8Array;
}

export function linkMessage(agentId: string, body: Uint8Array): Marked {
  return { head: `drover-link-1\n${agentId}\n`, body };
}

export function saidMessage(agentId: string, instance: string, body: Uint8Array): Marked {
  return { head: `drover-said-1\n${agentId}\n${instance}\n`, body };
}

export function timeMessage(
  agentId: string,
  instance: string,
  { server, nonce, serverMs }: { readonly server: string; readonly nonce: Uint8Array; readonly serverMs: number },
): Marked {
  return { head: `drover-time-1\n${agentId}\n${instance}\n${server}\n${serverMs}\n`, body: nonce };
}

/** `hostName`: what the script is told that its host is called. `specDigest` is SHA-256 of the spec bytes. */
export function startMessage(
  agentId: string,
  instance: string,
  { a, hostName }: { readonly a: string; readonly hostName: string },
  { server, order, validUntilMs }: OrderMark & { readonly validUntilMs: number },
  specDigest: Uint8Array,
): Marked {
  const head = `drover-start-1\n${agentId}\n${instance}\n${a}\n${server}\n${order}\n${validUntilMs}\n${hostName}\n`;
  return { head, body: specDigest };
}

export function attemptMessage(
  kind: 'cancel' | 'query',
  agentId: string,
  instance: string,
  a: string,
  { server, order }: OrderMark,
): Marked {
  return { head: `drover-${kind}-1\n${agentId}\n${instance}\n${a}\n${server}\n${order}\n` };
}

export function ackMessage(agentId: string, instance: string, a: string): Marked {
  return { head: `drover-ack-1\n${agentId}\n${instance}\n${a}\n` };
}

export function chunkAckMessage(
  agentId: string,
  instance: string,
  { a, stream, seq }: { readonly a: string; readonly stream: number; readonly seq: number },
): Marked {
  return { head: `drover-chunk-ack-1\n${agentId}\n${instance}\n${a}\n${stream}\n${seq}\n` };
}
