/** Packages of the agent, and runs of the installer. */
import { portLimits } from '../../../base/port-limits.ts';
import type { z } from 'zod';
import { given } from '../../../base/given.ts';
import { agentInstall, agentUninstall } from '../../../app/agent-install.ts';
import type { CheckedPackages } from '../../../app/agent-packages.ts';
import { agentPackageList } from '../../../app/upgrade.ts';
import { pageOf, Run } from '../../../protocol/rest/resources.ts';
import * as r from '../../../protocol/rest/upgrade.ts';
import { operation } from '../../operation.ts';
import { replayRun, runResource } from '../runs/run-resource.ts';

export const agentPackageRoutes = [
  operation({
    id: 'listAgentPackages',
    method: 'GET',
    path: '/agent-packages',
    summary: 'Versions of the agent that this server has, newest first, with what is wrong with them',
    permission: 'fleet.agent.view',
    status: 200,
    response: pageOf(r.AgentPackages),
    errors: [],
    handle: async ({ ctx, caller }) => ({ items: (await agentPackageList(ctx, caller)).map(packagesResource) }),
  }),
  operation({
    id: 'installAgents',
    method: 'POST',
    path: '/agents/install',
    summary: 'Install agents by a run of the installer',
    permission: 'fleet.agent.install',
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.AgentInstall,
    status: 201,
    response: Run,
    errors: [
      'bad-input',
      'bad-target',
      'no-target-matched',
      'host-not-found',
      'host-is-twin',
      'package-not-found',
      'package-invalid',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, body }) => runResource(await agentInstall(ctx, caller, body)),
    replay: replayRun,
  }),
  operation({
    id: 'uninstallAgents',
    method: 'POST',
    path: '/agents/uninstall',
    summary: 'Take agents off hosts by a run of the installer, over SSH',
    permission: 'fleet.agent.install',
    bodyBytesMax: portLimits.wideBodyBytesMax,
    body: r.AgentUninstall,
    status: 201,
    response: Run,
    errors: [
      'bad-input',
      'bad-target',
      'no-target-matched',
      'host-not-found',
      'host-is-twin',
      'account-not-found',
      'account-out-of-scope',
    ],
    handle: async ({ ctx, caller, body }) => runResource(await agentUninstall(ctx, caller, body)),
    replay: replayRun,
  }),
];

function packagesResource({ version, packages, problem }: CheckedPackages): z.infer<typeof r.AgentPackages> {
  return given({
    version,
    problem,
    packages: packages.map(({ os, arch, size, sha256, file, fileSize, fileSha256, signature, problem: wrong }) =>
      given({ os, arch, size, sha256, file, fileSize, fileSha256, signature, problem: wrong }),
    ),
  });
}
