/** The body of a new run in the words of the domain. */
import type { z } from 'zod';
import type { RunStartInput } from '../../../app/run-start.ts';
import { given } from '../../../base/given.ts';
import { workerChoice, workerText } from '../../../domain/placement/worker-choice.ts';
import { policyOf } from '../../../domain/policy/policy-words.ts';
import type * as resources from '../../../protocol/rest/resources.ts';

/** Durations were checked by the schema. */
export function runStartInput(body: z.infer<typeof resources.RunCreate>): RunStartInput {
  const script = bytesOf(body.script, body.scriptBase64);
  const worker = workerChoice(body);
  return {
    targets: worker ? workerText(worker) : body.targets!,
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
    placement: { via: body.via, ...given({ user: body.user, worker }) },
    policy: policyOf(body),
  };
}

function bytesOf(text: string | undefined, base64: string | undefined): Buffer | undefined {
  if (text !== undefined) return Buffer.from(text);
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}
