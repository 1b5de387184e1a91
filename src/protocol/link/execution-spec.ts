/** What an executor is given, as bytes: encoded once by the server, signed over, decoded by the executor. */
import { Packr } from 'msgpackr';
import type { ExecutionSpec } from './agent-v1.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

export function encodeExecutionSpec(spec: ExecutionSpec): Buffer {
  return packr.pack(spec);
}

export function decodeExecutionSpec(bytes: Uint8Array): ExecutionSpec {
  return packr.unpack(bytes) as ExecutionSpec;
}
