/** The body of a new run in the words of the domain. */
import type { z } from 'zod';
import type { RunStartInput } from '../../../app/run-start.ts';
import { parseDurationMs } from '../../../base/duration.ts';
import { given } from '../../../base/given.ts';
import { exitCodesOf } from '../../../domain/crew/outcome.ts';
import { parseFailureLimit } from '../../../domain/rollout/failure-limit.ts';
import type * as resources from '../../../protocol/rest/resources.ts';

/** Durations were checked by the schema. */
export function runStartInput(body: z.infer<typeof resources.RunCreate>): RunStartInput {
  const script = bytesOf(body.script, body.scriptBase64);
  return {
    targets: body.targets,
    ...given({ hostsMax: body.hostsMax }),
    name: body.name || (body.command ? body.command.join(' ').slice(0, 80) : 'script'),
    reason: body.reason,
    secrets: body.secrets,
    ...given({ account: body.account }),
    work: {
      kind: 'script',
      program: script ? { form: 'text', text: script } : { form: 'argv', argv: body.command ?? [] },
      ...given({ lang: body.lang }),
      args: body.args,
      env: body.env,
      params: body.params,
      secretNames: Object.keys(body.secrets),
      ...given({ cwd: body.cwd, stdin: bytesOf(body.stdin, body.stdinBase64) }),
    },
    placement: { via: body.via, ...given({ user: body.user }) },
    policy: {
      priority: body.priority,
      timeoutMs: parseDurationMs(body.timeout)!,
      killAfterMs: parseDurationMs(body.killAfter)!,
      startDeadlineMs: parseDurationMs(body.startDeadline)!,
      lostAfterMs: parseDurationMs(body.lostAfter)!,
      ...given({
        concurrency: body.concurrency,
        maxFailed: body.maxFailed === undefined ? undefined : parseFailureLimit(body.maxFailed),
      }),
      success: { exitCodes: exitCodesOf(body.successExitCodes) },
      retries: body.retries,
      outputKeptBytes: body.outputKeptBytes,
    },
  };
}

function bytesOf(text: string | undefined, base64: string | undefined): Buffer | undefined {
  if (text !== undefined) return Buffer.from(text);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}
