/**
 * Installs agents by a run: the installer is a script as any other, so it goes whatever way a host is reached, is
 * followed, cancelled and retried like a run, and leaves its output. Each host is given a join token of its own, good
 * for that host alone, once, and for an hour; only such a token lets a host that was known without an agent get one.
 */
import { installProgram } from '../agent-install/install-program.ts';
import { DroverError } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { newId, type TokenId } from '../base/ids.ts';
import { limits } from '../base/limits.ts';
import { EXIT_ZERO } from '../domain/crew/outcome.ts';
import type { Via } from '../domain/placement/placement.ts';
import type { Work } from '../domain/work/work.ts';
import { hashSecret, hostJoinSecret, newSecret } from '../pki/join-token.ts';
import type { PackagesManifest } from '../protocol/rest/agent-package.ts';
import type { RunRecord } from '../store/contract/run.ts';
import type { AgentPackages } from './agent-packages.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import type { RunSecrets } from './run-secrets.ts';
import { expandTargets, runBegin } from './run-start.ts';

/** `account`: one that is root on the hosts, or becomes it; absent, the one that each host has. */
interface InstallerRun {
  readonly targets: string;
  readonly account?: string | undefined;
  readonly concurrency: number;
}
export interface AgentInstallInput extends InstallerRun {
  readonly version?: string | undefined;
  readonly zone: string;
}
export interface AgentUninstallInput extends InstallerRun {
  readonly force: boolean;
  readonly purge: boolean;
}
export interface AgentInstallContext extends AppContext {
  readonly packages: AgentPackages;
  readonly publicUrl: () => string;
  readonly caFingerprint: string;
}

const INSTALL = 'fleet.agent.install';
const UNINSTALL = 'uninstall';

/**
 * Whether what succeeds of a run leaves a host without its agent. Only `agentUninstall` makes such: nobody else gives a run that
 * permission.
 */
export function isUninstall(run: { readonly permission?: string; readonly work: Work }): boolean {
  return run.permission === INSTALL && run.work.kind === 'script' && run.work.args[0] === UNINSTALL;
}

export async function agentInstall(
  ctx: AgentInstallContext,
  caller: Caller,
  input: AgentInstallInput,
): Promise<RunRecord> {
  assertCan(caller, INSTALL);
  const manifest = await ctx.packages.choose(input.version);
  const { hosts, fault } = await expandTargets(ctx, input.targets);
  if (fault) throw new DroverError(fault.code, { detail: fault.detail, faults: [fault] });
  const [id, secret] = [newId<'token'>() as TokenId, newSecret()];
  await ctx.store.joinTokenCreate(
    {
      id,
      role: 'agent',
      labels: {},
      zone: input.zone,
      uses: hosts.length,
      lifetimeMs: limits.joinTokenMsDefault,
      hosts: hosts.map((host) => ({ id: host.id, hash: hashSecret(hostJoinSecret(secret, host.id)) })),
    },
    auditOf(caller, 'fleet.join-token.create', `join-token/${id}`, {
      role: 'agent',
      uses: hosts.length,
      zone: input.zone,
      install: manifest.version,
    }),
  );
  return installerRun(ctx, caller, input, {
    name: `install agent ${manifest.version}`,
    via: 'auto',
    args: installArgs(manifest, ctx.publicUrl()),
    secrets: { DROVER_JOIN: { joinToken: { url: ctx.publicUrl(), fingerprint: ctx.caFingerprint, secret } } },
  });
}

/** Over SSH, for an agent cannot see its own end. Refused on hosts where scripts run, unless forced: they run on with nobody watching. */
export async function agentUninstall(ctx: AppContext, caller: Caller, input: AgentUninstallInput): Promise<RunRecord> {
  return installerRun(ctx, caller, input, {
    name: 'uninstall agent',
    via: 'ssh',
    args: [UNINSTALL, ...(input.force ? ['--force'] : []), ...(input.purge ? ['--purge'] : [])],
    secrets: {},
  });
}

function installerRun(
  ctx: AppContext,
  caller: Caller,
  input: InstallerRun,
  work: {
    readonly name: string;
    readonly via: Via;
    readonly args: readonly string[];
    readonly secrets: RunSecrets;
  },
): Promise<RunRecord> {
  const { targets, account, concurrency } = input;
  return runBegin(ctx, caller, {
    permission: INSTALL,
    targets,
    name: work.name,
    reason: '',
    secrets: work.secrets,
    ...given({ account }),
    work: {
      kind: 'script',
      program: { form: 'text', text: Buffer.from(installProgram()) },
      lang: 'sh',
      args: work.args,
      env: {},
      params: {},
      secretNames: Object.keys(work.secrets),
    },
    placement: { via: work.via },
    policy: {
      priority: 'normal',
      timeoutMs: limits.agentInstallMsMax,
      killAfterMs: limits.killAfterMsDefault,
      startDeadlineMs: limits.startDeadlineMsDefault,
      lostAfterMs: limits.lostAfterMsDefault,
      concurrency,
      success: EXIT_ZERO,
      retries: 0,
      outputKeptBytes: limits.outputKeptBytesDefault,
    },
  });
}

/** Every processor's package: the host takes its own, and knows of it what it is, and how long, before it fetches any of it. */
function installArgs(manifest: PackagesManifest, serverUrl: string): string[] {
  return [
    'install',
    ...manifest.packages.flatMap(({ arch, sha256, size, fileSha256, fileSize, file }) => [
      '--package',
      [arch, sha256, size, fileSha256, fileSize, new URL(`/agent-packages/${file}`, serverUrl).href].join('='),
    ]),
  ];
}
