/** Who makes the calls of a kind. To add one: its folder beside this file, and its line here. */
import type { CallWork } from '../../domain/work/work.ts';
import type { MakeCall } from './call-kind.ts';
import { callHttp } from './http/http-call.ts';
import { callSql } from './sql/sql-call.ts';

export type CallKinds = { readonly [K in CallWork['kind']]: MakeCall<Extract<CallWork, { kind: K }>> };

export const CALL_KINDS: CallKinds = { http: callHttp, sql: callSql };
