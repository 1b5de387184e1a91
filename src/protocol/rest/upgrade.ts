/** Shapes of the API around packages and upgrades of the agent. */
import { z } from 'zod';
import { parseDurationMs } from '../../base/duration.ts';
import { limits } from '../../base/limits.ts';
import { AGENT_UPGRADE_STATES, UPGRADE_STATES } from '../../domain/upgrade/upgrade-machine.ts';
import { instant } from './fields.ts';
import { zoneName } from './name-fields.ts';

const AgentUpgradeStateName = z.enum(AGENT_UPGRADE_STATES).meta({ id: 'AgentUpgradeState' });

function isWait(text: string): boolean {
  const ms = parseDurationMs(text);
  return ms !== undefined && ms >= limits.upgradeWaitMsMin && ms <= limits.upgradeWaitMsMax;
}

export const AgentPackages = z
  .object({
    version: z.string(),
    packages: z.array(
      z.object({
        os: z.string(),
        arch: z.string(),
        size: z.int(),
        sha256: z.string(),
        file: z.string().describe('At /agent-packages/{file} of the server'),
        fileSize: z.int(),
        fileSha256: z.string(),
        signature: z.string().describe('Ed25519, by the release key'),
        problem: z
          .string()
          .optional()
          .describe(
            'What is wrong with the file on this server: missing, or of another size or checksum than the manifest says',
          ),
      }),
    ),
    problem: z.string().optional().describe('Why the manifest was passed over; then there are no packages'),
  })
  .meta({ id: 'AgentPackages' });

export const AgentInstall = z
  .strictObject({
    targets: z.string().max(limits.targetExpressionLengthMax).describe('As of a run'),
    version: z.string().max(64).optional().describe('The newest that the server has, unless given'),
    account: z
      .string()
      .max(limits.nameLengthMax)
      .optional()
      .describe('Name or id of an account that is root, or becomes it; else the one that each host has'),
    zone: zoneName.default('default').describe('Of the workers that the agents will link to'),
    concurrency: z
      .int()
      .min(1)
      .max(limits.upgradeBatchMax)
      .default(limits.agentInstallsDefault)
      .describe('Hosts at once'),
  })
  .meta({ id: 'AgentInstall' });

export const AgentUninstall = AgentInstall.omit({ version: true, zone: true })
  .extend({
    force: z.boolean().default(false).describe('Also where scripts run: they run on with nobody watching'),
    purge: z.boolean().default(false).describe('With identity, journal and output'),
  })
  .meta({ id: 'AgentUninstall' });

export const UpgradeCreate = z
  .strictObject({
    targets: z.string().max(limits.targetExpressionLengthMax).describe('As of a run'),
    version: z.string().max(64).optional().describe('The newest that the server has, unless given'),
    batch: z.int().min(1).max(limits.upgradeBatchMax).default(limits.upgradeBatchDefault).describe('Agents at once'),
    maxFailed: z
      .int()
      .min(0)
      .max(limits.targetsPerRunMax)
      .default(0)
      .describe('More agents than this that fail end the upgrade'),
    wait: z
      .string()
      .refine(isWait, {
        message: `bad-duration: a duration from ${limits.upgradeWaitMsMin / 1_000}s to ${limits.upgradeWaitMsMax / 3_600_000}h`,
      })
      .optional()
      .describe('Longest for one agent, from its order to its end; 10m unless given'),
  })
  .meta({ id: 'UpgradeCreate' });

export const Upgrade = z
  .object({
    id: z.uuid(),
    version: z.string(),
    targets: z.string(),
    createdBy: z.string(),
    state: z.enum(UPGRADE_STATES).meta({ id: 'UpgradeState' }),
    batch: z.int(),
    maxFailed: z.int(),
    waitMs: z.int(),
    hostCount: z.int(),
    counts: z.record(AgentUpgradeStateName, z.int()),
    createdAt: instant,
    finishedAt: instant.optional(),
    cancelRequestedAt: instant.optional(),
  })
  .meta({ id: 'Upgrade' });

export const AgentUpgrade = z
  .object({
    host: z.string(),
    hostId: z.uuid(),
    state: AgentUpgradeStateName,
    fromVersion: z.string().optional(),
    progress: z.string().optional().describe('fetching, switching or trying while it is in hand'),
    code: z.string().optional(),
    detail: z.string().optional(),
    orderedAt: instant.optional(),
    finishedAt: instant.optional(),
  })
  .meta({ id: 'AgentUpgrade' });
