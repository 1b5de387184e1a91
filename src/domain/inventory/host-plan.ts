/**
 * What an import, a new host or an edit would change: decided as a whole, before anything is written, so that a dry run and the
 * real one say the same. Fields that are not given stay as they are; null takes one away. Labels given are added to those there are.
 *
 * A plan is made against all the hosts it names; whoever carries it out holds them still meanwhile.
 */
import type { ErrorCode } from '../../base/errors.ts';
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { guardedChange, guardedDetail, NOTHING_GUARDED, type GuardedLabels } from '../access/guarded-labels.ts';
import { jumpPath, type HostAlgorithms } from './host-draft.ts';
import type { HostKeyPolicy } from './host-key-policy.ts';

export interface HostSettings {
  readonly address: string | null;
  readonly port: number;
  readonly zone: string;
  readonly accountId: string | null;
  /** By name. */
  readonly jumpHost: string | null;
  readonly hostKeyPolicy: HostKeyPolicy;
  readonly algorithms: HostAlgorithms | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is said of one host; `name` is the one that it has now, or is to have when it is new. */
export type HostEntry = { readonly name: string; readonly rename?: string | undefined } & {
  readonly [K in keyof HostSettings]?: HostSettings[K] | undefined;
};

export interface KnownHost extends HostSettings {
  readonly id: string;
  readonly name: string;
  readonly hasAgent: boolean;
}

export interface FieldChange {
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}
export interface PlannedHost {
  readonly action: 'created' | 'updated' | 'unchanged';
  readonly name: string;
  /** Of a host that exists. */
  readonly id?: string;
  readonly settings: HostSettings;
  readonly changes: readonly FieldChange[];
}

export interface PlanFault {
  readonly index: number;
  readonly field: string;
  readonly code: ErrorCode;
  readonly detail: string;
}
export interface HostPlan {
  readonly hosts: readonly PlannedHost[];
  readonly faults: readonly PlanFault[];
}

export interface PlanWorld {
  /** Every host that an entry or a jump host of an entry names. */
  readonly known: ReadonlyMap<string, KnownHost>;
  /** Every host that has a jump host, with its name. */
  readonly jumps: ReadonlyMap<string, string>;
  /** Labels that the caller may not change. */
  readonly guarded?: GuardedLabels;
}

const NEW_HOST: HostSettings = {
  address: null,
  port: 22,
  zone: 'default',
  accountId: null,
  jumpHost: null,
  hostKeyPolicy: 'first-use',
  algorithms: null,
  labels: {},
};
const SETTINGS = ['address', 'port', 'zone', 'accountId', 'jumpHost', 'hostKeyPolicy', 'algorithms'] as const;

export function planHosts(entries: readonly HostEntry[], world: PlanWorld): HostPlan {
  const faults: PlanFault[] = [];
  const first = new Map<string, number>();
  const hosts = entries.map((entry, index) => {
    if (first.has(entry.name))
      faults.push({ index, field: 'name', code: 'bad-input', detail: `the host ${entry.name} is in here twice` });
    else first.set(entry.name, index);
    return planHost(entry, world.known.get(entry.name));
  });
  const planned = new Map(hosts.map((host, index) => [entries[index]!.name, host]));
  for (const [index, host] of hosts.entries()) faults.push(...hostFaults(index, entries[index]!, host, world, planned));
  faults.push(...jumpFaults(entries, hosts, world));
  return { hosts, faults: faults.toSorted((a, b) => a.index - b.index) };
}

function planHost(entry: HostEntry, known: KnownHost | undefined): PlannedHost {
  const before = known ?? NEW_HOST;
  const settings: Record<string, unknown> = { labels: { ...before.labels, ...entry.labels } };
  for (const field of SETTINGS) settings[field] = entry[field] === undefined ? before[field] : entry[field];
  if (!known)
    return { action: 'created', name: entry.name, settings: settings as unknown as HostSettings, changes: [] };
  const changes: FieldChange[] = SETTINGS.filter((field) => !isSame(before[field], settings[field])).map((field) =>
    change(field, before[field], settings[field]),
  );
  for (const [label, value] of Object.entries(entry.labels ?? {}))
    if (before.labels[label] !== value) changes.push(change(`labels/${label}`, before.labels[label], value));
  const name = entry.rename ?? known.name;
  if (name !== known.name) changes.push(change('name', known.name, name));
  return {
    action: changes.length > 0 ? 'updated' : 'unchanged',
    name,
    id: known.id,
    settings: settings as unknown as HostSettings,
    changes,
  };
}

function change(field: string, from: unknown, to: unknown): FieldChange {
  return {
    field,
    ...given({ from: from ?? undefined, to: to ?? undefined }),
  };
}

/** Keys of an object may come in another order from where they were kept. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => JSON.stringify(left[key]) === JSON.stringify(right[key]))
  );
}

function hostFaults(
  index: number,
  entry: HostEntry,
  host: PlannedHost,
  world: PlanWorld,
  planned: ReadonlyMap<string, PlannedHost>,
): PlanFault[] {
  const faults: PlanFault[] = [];
  const fault = (field: string, code: ErrorCode, detail: string): void =>
    void faults.push({ index, field, code, detail });
  const known = world.known.get(entry.name);
  const { settings } = host;
  const guarded = guardedChange(world.guarded ?? NOTHING_GUARDED, known?.labels ?? {}, settings.labels);
  if (guarded) fault('labels', 'label-protected', guardedDetail(guarded));
  if (Object.keys(settings.labels).length > limits.labelsPerHostMax)
    fault(
      'labels',
      'bad-input',
      `${host.name} would have ${Object.keys(settings.labels).length} labels; ${limits.labelsPerHostMax} are allowed`,
    );
  if (settings.address === null && !known?.hasAgent)
    fault('address', 'bad-input', `${host.name} has no agent and needs an address to be reached at`);
  if (entry.rename !== undefined && entry.rename !== entry.name && world.known.has(entry.rename))
    fault('name', 'host-name-taken', `another host is named ${entry.rename}`);
  const { jumpHost } = settings;
  if (jumpHost !== null && settings.address === null)
    fault('jumpHost', 'bad-input', `${host.name} has no address, so nothing jumps to it`);
  else if (jumpHost !== null && entry.jumpHost !== undefined) {
    const through = planned.get(jumpHost)?.settings ?? world.known.get(jumpHost);
    if (!through)
      fault(
        'jumpHost',
        'host-not-found',
        `there is no host ${jumpHost} to jump through; add it, or name it in the same import`,
      );
    else if (through.address === null)
      fault('jumpHost', 'jump-path-invalid', `${jumpHost} has no address, so nothing jumps through it`);
  }
  if (settings.address === null && known !== undefined && known.address !== null) {
    const dependents = [...world.jumps]
      .filter(([name, through]) => through === entry.name && planned.get(name)?.settings.jumpHost !== null)
      .map(([name]) => name);
    if (dependents.length > 0)
      fault(
        'address',
        'host-is-jump-host',
        `${dependents.slice(0, 10).join(', ')}` +
          `${dependents.length > 10 ? ` and ${dependents.length - 10} more` : ''} jump through ${entry.name}`,
      );
  }
  return faults;
}

/** Faults told of ways that are not in this plan themselves but grow by it; more would say nothing new. */
const OTHERS_TOLD_MAX = 20;

/** A way of a host that is not in the plan may still grow, or close to a circle, by one that is. */
function jumpFaults(entries: readonly HostEntry[], hosts: readonly PlannedHost[], world: PlanWorld): PlanFault[] {
  const moved = hosts.flatMap((host, index) =>
    entries[index]!.jumpHost === undefined
      ? []
      : [{ index, name: entries[index]!.name, jumpHost: host.settings.jumpHost }],
  );
  if (moved.length === 0) return [];
  const jumps = new Map(world.jumps);
  for (const { name, jumpHost } of moved)
    if (jumpHost === null) jumps.delete(name);
    else jumps.set(name, jumpHost);
  const indexes = new Map(moved.map(({ name, index }) => [name, index]));
  const faults = [...jumps.keys()].flatMap((name) => {
    const { fault } = jumpPath(name, (at) => jumps.get(at));
    return fault === undefined
      ? []
      : [{ index: indexes.get(name), field: 'jumpHost', code: 'jump-path-invalid' as const, detail: fault }];
  });
  // Others are on the same circles; they say more only where a way of theirs became too long.
  const own = faults.filter((fault) => fault.index !== undefined) as PlanFault[];
  return own.length > 0 ? own : faults.slice(0, OTHERS_TOLD_MAX).map((fault) => ({ ...fault, index: moved[0]!.index }));
}
