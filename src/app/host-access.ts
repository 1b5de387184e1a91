/** Hosts that people add, import and change: how they are reached, as which account, over which jump host. Names come in, ids are kept. */
import { EVERYTHING } from '../domain/access/access-node.ts';
import { DroverError, inputRefusal, type InputFault } from '../base/errors.ts';
import { given } from '../base/given.ts';
import type { AccountId } from '../base/ids.ts';
import type { HostAlgorithms } from '../domain/inventory/host-draft.ts';
import type { HostKeyPolicy } from '../domain/inventory/host-key-policy.ts';
import type { FieldChange, HostEntry, PlanFault, PlannedHost } from '../domain/inventory/host-plan.ts';
import type { HostRecord } from '../store/contract/host.ts';
import { assertCan, auditOf, type Caller } from './caller.ts';
import type { AppContext } from './context.ts';
import { hostFetch } from './host.ts';
import { guardedFrom } from './label-guard.ts';

/** Not given stays as it is; null takes it away. */
export interface HostInput {
  readonly address?: string | null | undefined;
  readonly port?: number | undefined;
  readonly zone?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly account?: string | null | undefined;
  readonly jumpHost?: string | null | undefined;
  readonly hostKeyPolicy?: HostKeyPolicy | undefined;
  readonly algorithms?: { readonly [K in keyof HostAlgorithms]: HostAlgorithms[K] | undefined } | null | undefined;
}

export type NewHostInput = HostInput & { readonly name: string };

export function hostWithoutAddress(name: string): DroverError {
  return new DroverError('host-without-address', {
    detail: `${name} has no address to be reached at over SSH. Give it one: drover hosts edit ${name} --address ADDRESS.`,
  });
}

export async function hostAdd(ctx: AppContext, caller: Caller, input: NewHostInput): Promise<HostRecord> {
  assertCan(caller, 'fleet.host.create');
  const { entries, faults } = await settleAccounts(ctx, [input], () => '#');
  const answer = await ctx.store.hostImport(
    entries,
    { dryRun: faults.length > 0, onlyNew: true, guarded: await guardedFrom(ctx, caller) },
    auditOf(caller, 'fleet.host.create', `host/${input.name}`),
  );
  refuse([...faults, ...(answer.kind === 'refused' ? answer.faults.map((fault) => inputFault('#', fault)) : [])]);
  return hostFetch(ctx, input.name);
}

export interface ImportedHost {
  readonly name: string;
  readonly action: PlannedHost['action'];
  readonly changes: readonly FieldChange[];
}

export async function hostsImport(
  ctx: AppContext,
  caller: Caller,
  inputs: readonly NewHostInput[],
  dryRun: boolean,
): Promise<readonly ImportedHost[]> {
  assertCan(caller, 'fleet.host.import');
  const { entries, faults } = await settleAccounts(ctx, inputs, (index) => `#/hosts/${index}`);
  const answer = await ctx.store.hostImport(
    entries,
    { dryRun: dryRun || faults.length > 0, onlyNew: false, guarded: await guardedFrom(ctx, caller) },
    auditOf(caller, 'fleet.host.import', 'hosts'),
  );
  refuse([
    ...faults,
    ...(answer.kind === 'refused' ? answer.faults.map((fault) => inputFault(`#/hosts/${fault.index}`, fault)) : []),
  ]);
  const hosts = answer.kind === 'done' ? answer.hosts : [];
  const names = await accountNames(
    ctx,
    hosts.some((host) => host.changes.some((change) => change.field === 'accountId')),
  );
  return hosts.map(({ name, action, changes }) => ({
    name,
    action,
    changes: changes.map((change) => (change.field === 'accountId' ? accountChange(change, names) : change)),
  }));
}

export async function hostEdit(
  ctx: AppContext,
  caller: Caller,
  idOrName: string,
  input: HostInput & { readonly name?: string | undefined },
): Promise<HostRecord> {
  assertCan(caller, 'fleet.host-access.edit');
  const host = await hostFetch(ctx, idOrName);
  const { entries, faults } = await settleAccounts(ctx, [{ ...input, name: host.name }], () => '#');
  refuse(faults);
  const { name: _name, ...change } = entries[0]!;
  const answer = await ctx.store.hostEdit(
    host.id,
    { ...change, rename: input.name },
    await guardedFrom(ctx, caller),
    auditOf(caller, 'fleet.host-access.edit', `host/${host.name}`),
  );
  if (answer.kind === 'refused') refuse(answer.faults.map((fault) => inputFault('#', fault)));
  return hostFetch(ctx, host.id);
}

/** Names of the accounts that these hosts have; those that are no more are left out. */
export async function accountNamesOf(
  ctx: Pick<AppContext, 'store'>,
  hosts: readonly HostRecord[],
): Promise<ReadonlyMap<string, string>> {
  return accountNames(
    ctx,
    hosts.some((host) => host.accountId !== undefined),
  );
}

async function accountNames(ctx: Pick<AppContext, 'store'>, isAny: boolean): Promise<ReadonlyMap<string, string>> {
  return new Map(
    isAny ? (await ctx.store.accountList(EVERYTHING)).map((account) => [account.id as string, account.name]) : [],
  );
}

function accountChange({ from, to }: FieldChange, names: ReadonlyMap<string, string>): FieldChange {
  const name = (id: unknown): string => names.get(id as AccountId) ?? String(id);
  return {
    field: 'account',
    ...given({ from: from === undefined ? undefined : name(from), to: to === undefined ? undefined : name(to) }),
  };
}

/** Accounts by name to accounts by id; one that is not there is a fault of every host that names it. */
async function settleAccounts(
  ctx: AppContext,
  inputs: readonly NewHostInput[],
  pointer: (index: number) => string,
): Promise<{ entries: HostEntry[]; faults: InputFault[] }> {
  const named = [...new Set(inputs.flatMap(({ account }) => (typeof account === 'string' ? [account] : [])))];
  const ids = named.length > 0 ? await ctx.store.accountIdsByName(named) : new Map<string, AccountId>();
  const faults: InputFault[] = [];
  const entries = inputs.map(({ account, algorithms, ...others }, index): HostEntry => {
    const rest = algorithms === undefined ? others : { ...others, algorithms: givenAlgorithms(algorithms) };
    if (typeof account !== 'string') return account === null ? { ...rest, accountId: null } : rest;
    const accountId = ids.get(account);
    if (accountId === undefined)
      faults.push({
        pointer: `${pointer(index)}/account`,
        code: 'account-not-found',
        detail: `there is no account ${account}; see: drover accounts list`,
      });
    return { ...rest, ...given({ accountId }) };
  });
  return { entries, faults };
}

/** No list at all says as much as null: the defaults. */
function givenAlgorithms(algorithms: HostInput['algorithms']): HostAlgorithms | null {
  const given = Object.entries(algorithms ?? {}).filter(([, names]) => names !== undefined);
  return given.length === 0 ? null : (Object.fromEntries(given) as HostAlgorithms);
}

function inputFault(pointer: string, fault: PlanFault): InputFault {
  return {
    pointer: `${pointer}/${fault.field === 'accountId' ? 'account' : fault.field}`,
    code: fault.code,
    detail: fault.detail,
  };
}

/** Throws when there are any. */
export function refuse(faults: readonly InputFault[]): void {
  if (faults.length === 0) return;
  if (faults.length > 1) throw inputRefusal(faults);
  throw new DroverError(faults[0]!.code, { detail: faults[0]!.detail, faults });
}
