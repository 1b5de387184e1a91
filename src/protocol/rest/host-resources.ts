/** Hosts as people add, import and change them, and the keys that they are known by. */
import { z } from 'zod';
import { limits } from '../../base/limits.ts';
import { addressFault } from '../../domain/inventory/address.ts';
import { ALGORITHM_KINDS } from '../../domain/inventory/host-draft.ts';
import { HOST_KEY_POLICIES } from '../../domain/inventory/host-key-policy.ts';
import { checked } from '../../shape/checked.ts';
import { instant } from './fields.ts';
import { hostName, idOrFleetName, labels, zoneName } from './name-fields.ts';
import { SSH_ALGORITHMS } from '../../domain/inventory/ssh-algorithms.ts';

const address = checked(limits.addressLengthMax, addressFault).describe(
  'A name, an IPv4 or an IPv6 address; taken as it is by the worker that dials',
);
const otherName = z.string().min(1).max(limits.nameLengthMax);
const otherHost = idOrFleetName.min(1);
const port = z.int().min(1).max(65_535);
const policy = z
  .enum(HOST_KEY_POLICIES)
  .describe('strict: only known keys; first-use: the first key seen is recorded, after that as strict');
const algorithms = z
  .strictObject(
    Object.fromEntries(
      ALGORITHM_KINDS.map((kind) => [
        kind,
        z.array(z.enum(SSH_ALGORITHMS[kind])).min(1).max(limits.algorithmsPerKindMax).optional(),
      ]),
    ) as unknown as Record<(typeof ALGORITHM_KINDS)[number], z.ZodOptional<z.ZodArray<z.ZodString>>>,
  )
  .describe('What is offered to this host, each list whole; absent: modern defaults')
  .meta({ id: 'HostAlgorithms' });

const settings = {
  port: port.optional(),
  zone: zoneName.optional(),
  labels: labels.optional(),
  account: otherName.optional(),
  jumpHost: otherHost.optional().describe('Name of the host to jump through'),
  hostKeyPolicy: policy.optional(),
  algorithms: algorithms.optional(),
};

export const HostCreate = z.strictObject({ name: hostName, address, ...settings }).meta({ id: 'HostCreate' });
export const HostImport = z
  .strictObject({
    hosts: z
      .array(
        z
          .strictObject({
            name: hostName,
            address: address.optional().describe('A host that is new needs one'),
            ...settings,
          })
          .meta({ id: 'HostImportEntry' }),
      )
      .min(1)
      .max(limits.hostsPerImportMax),
    dryRun: z.boolean().default(false).describe('Tell what would happen, and change nothing'),
  })
  .meta({ id: 'HostImport' });
export const HostEdit = z
  .strictObject({
    name: hostName.optional(),
    ...settings,
    address: address.nullable().optional().describe('null: not reached over SSH any more'),
    account: otherName.nullable().optional(),
    jumpHost: otherHost.describe('Name of the host to jump through').nullable().optional(),
    algorithms: algorithms.nullable().optional(),
  })
  .meta({ id: 'HostEdit' });

const HostChange = z
  .object({ field: z.string(), from: z.unknown().optional(), to: z.unknown().optional() })
  .meta({ id: 'HostChange' });
export const HostImported = z
  .object({
    dryRun: z.boolean(),
    created: z.int(),
    updated: z.int(),
    unchanged: z.int(),
    hosts: z.array(
      z
        .object({ name: z.string(), action: z.enum(['created', 'updated', 'unchanged']), changes: z.array(HostChange) })
        .meta({ id: 'ImportedHost' }),
    ),
  })
  .meta({ id: 'HostImported' });

export const HostTest = z
  .strictObject({ account: z.string().max(200).optional().describe('Name or id; else the one that a run would take') })
  .meta({ id: 'HostTest' });
export const HostTested = z
  .object({
    reachable: z.boolean().describe('No step failed'),
    steps: z.array(
      z.object({
        step: z.string().describe('jump, dns, tcp, ssh, host-key, auth, shell, become, state-folder, noexec'),
        result: z.enum(['ok', 'failed', 'warning', 'not-tried']),
        code: z.string().optional(),
        detail: z.string().optional().describe('What it is, and what to do'),
      }),
    ),
  })
  .meta({ id: 'HostTested' });
export const HostKey = z
  .object({
    fingerprint: z.string().describe('SHA-256 in Base64, as OpenSSH prints it'),
    algorithm: z.string(),
    key: z.string().describe('Base64, as known_hosts holds it'),
    state: z
      .enum(['known', 'offered'])
      .describe('offered: shown by the host, which is known by another; not believed until somebody accepts it'),
    origin: z.enum(['first-use', 'import', 'accepted', 'offered']),
    firstSeenAt: instant,
    changedAt: instant,
    changedBy: z.string(),
  })
  .meta({ id: 'HostKey' });
export const HostKeyImport = z
  .strictObject({
    hosts: z
      .array(
        z.strictObject({
          host: otherHost.describe('Id or name'),
          keys: z
            .array(z.string().max(limits.hostKeyBytesMax * 2))
            .min(1)
            .max(limits.hostKeysPerHostMax)
            .describe('Base64, as known_hosts holds them'),
        }),
      )
      .min(1)
      .max(limits.pageSizeMax),
  })
  .meta({ id: 'HostKeyImport' });
export const HostKeysImported = z
  .object({ hosts: z.int(), added: z.int().describe('Keys that were not known before') })
  .meta({ id: 'HostKeysImported' });
