/**
 * Hosts out of an Ansible inventory: groups become labels `group/NAME=true`, variables are merged as Ansible does, and the connection
 * variables become address, port, login user, key file and jump host. Hosts that are not reached by SSH are told and left out. A group
 * or a variable that no label can be made of is a fault of its own line, told once.
 *
 * Other variables stay where they are, unless they are asked for as labels. Passwords and become secrets are never read:
 * secrets belong in accounts. Templates are not evaluated; one in a connection variable is a fault.
 */
import { labelFault, labelKeyFault } from '../target/nameable.ts';
import type { AnsibleHost, AnsibleModel, AnsibleGroup, Variables } from './ansible-model.ts';
import { given } from '../../base/given.ts';
import type { HostKeyPolicy } from './host-key-policy.ts';
import type { DraftFields, Inventory, InventoryCollector } from './host-draft.ts';
import { jumpFromSshArguments, KEYS_ARE_CHECKED } from './jump-argument.ts';

export interface AnsibleOptions {
  /** Variables that become labels of the same name. */
  readonly labelVariables?: readonly string[];
}

export function inventoryFromAnsible(
  model: AnsibleModel,
  collector: InventoryCollector,
  options: AnsibleOptions = {},
): Inventory {
  const depths = groupDepths(model);
  const memberships = groupsOfHosts(model);
  for (const name of new Set([...memberships.values()].flatMap((groups) => [...groups]))) {
    const unfit = groupFault(name);
    if (unfit !== undefined) collector.fault(model.groups.get(name)!.source, unfit);
  }
  for (const host of model.hosts.values()) {
    const groups = inOrder(memberships.get(host.name) ?? new Set(), model, depths);
    const reading = { host, groups, variables: hostVariables(model, host, groups), collector };
    if (isReachedBySsh(reading)) collector.host(host.source, draftFields(reading, options));
  }
  return collector.finish();
}

/** Above all groups, and the one of hosts that are in no other: neither tells anything of a host. */
const NOT_A_LABEL: ReadonlySet<string> = new Set(['all', 'ungrouped']);

function groupLabel(group: string): string {
  return `group/${group}`;
}

function groupFault(group: string): string | undefined {
  const unfit = NOT_A_LABEL.has(group) ? undefined : labelKeyFault(groupLabel(group));
  return unfit === undefined ? undefined : `no label can be made of the group ${group}: ${unfit}`;
}

/** From the top down, by priority where they are equally deep; the last one wins. */
function inOrder(names: ReadonlySet<string>, model: AnsibleModel, depths: ReadonlyMap<string, number>): AnsibleGroup[] {
  return [...names]
    .map((name) => model.groups.get(name)!)
    .toSorted(
      (a, b) => depths.get(a.name)! - depths.get(b.name)! || a.priority - b.priority || (a.name < b.name ? -1 : 1),
    );
}

/**
 * Later ones win. What the files of group_vars say is merged twice, as Ansible does: with their group, and once more after all groups. So
 * `group_vars/all` beats `[web:vars]`, and files beat inventories at every level.
 */
function hostVariables(model: AnsibleModel, host: AnsibleHost, groups: readonly AnsibleGroup[]): Variables {
  const ranked = [model.groups.get('all')!, ...groups];
  return new Map([
    ...ranked.flatMap((group) => [...group.variables, ...group.fileVariables]),
    ...ranked.flatMap((group) => [...group.fileVariables]),
    ...host.variables,
    ...host.fileVariables,
  ]);
}

/** One host on its way from the inventory to a draft. */
interface Reading {
  readonly host: AnsibleHost;
  readonly groups: readonly AnsibleGroup[];
  readonly variables: Variables;
  readonly collector: InventoryCollector;
}

/** The last of the names that has a value, as Ansible reads its options. A template is a fault, and no value. */
function optionOf({ host, variables, collector }: Reading, ...names: string[]): string | undefined {
  for (const name of names.toReversed()) {
    const value = variables.get(name);
    if (value?.text === undefined) continue;
    if (!/\{\{|\{%/.test(value.text)) return value.text;
    collector.fault(value, `${name} of ${host.name} is a template; give its value`);
    return undefined;
  }
  return undefined;
}

const SSH_CONNECTIONS = /^(?:ansible\.builtin\.)?(?:ssh|smart|paramiko|paramiko_ssh)$/;

function isReachedBySsh(reading: Reading): boolean {
  const connection = optionOf(reading, 'ansible_connection');
  if (connection === undefined || SSH_CONNECTIONS.test(connection)) return true;
  reading.collector.remark(
    reading.variables.get('ansible_connection')!,
    `${reading.host.name} is reached by ansible_connection=${connection}, which is not SSH; it is left out`,
  );
  return false;
}

const PASSWORDS =
  /^ansible_(ssh_pass|password|become_pass|become_password|sudo_pass|su_pass|ssh_private_key_passphrase)$/;
/** In the order in which they come to stand on the command line of ssh, where the first of equal options wins. */
const SSH_ARGUMENTS = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args'];

/** Whether the keys of hosts are looked at; an Ansible of whatever version knows the one or the other. */
const UNCHECKED = ['ansible_host_key_checking', 'ansible_ssh_host_key_checking'];

function draftFields(reading: Reading, options: AnsibleOptions): DraftFields {
  const { host, groups, variables, collector } = reading;
  for (const [variable, value] of variables)
    if (PASSWORDS.test(variable))
      collector.remark(value, `${variable} is not read: put the secret into an account (drover accounts create)`);
  const labels: Record<string, string> = Object.fromEntries(
    groups
      .filter(({ name }) => !NOT_A_LABEL.has(name) && groupFault(name) === undefined)
      .map(({ name }) => [groupLabel(name), 'true']),
  );
  for (const variable of options.labelVariables ?? []) {
    const value = optionOf(reading, variable);
    if (value === undefined) continue;
    const unfit = labelFault(variable, value);
    if (unfit === undefined) labels[variable] = value;
    else collector.fault(variables.get(variable)!, `${variable} of ${host.name} makes no label: ${unfit}`);
  }
  const address = optionOf(reading, 'ansible_host', 'ansible_ssh_host');
  return {
    name: host.name,
    address,
    port: optionOf(reading, 'ansible_port', 'ansible_ssh_port'),
    loginUser: optionOf(reading, 'ansible_user', 'ansible_ssh_user'),
    identityFile: optionOf(reading, 'ansible_private_key_file', 'ansible_ssh_private_key_file'),
    ...wayOf(reading, address),
    labels,
  };
}

/** Jump host and policy of host keys, of the arguments that ssh is given. */
function wayOf(reading: Reading, address: string | undefined): Pick<DraftFields, 'jumpHost' | 'hostKeyPolicy'> {
  const { host, variables, collector } = reading;
  let hostKeyPolicy: HostKeyPolicy | undefined;
  for (const variable of UNCHECKED)
    if (/^(false|no|off|0)$/i.test(optionOf(reading, variable) ?? ''))
      collector.remark(variables.get(variable)!, `${variable}: ${KEYS_ARE_CHECKED}`);
  const jumps = SSH_ARGUMENTS.flatMap((variable) => {
    const text = optionOf(reading, variable);
    if (text === undefined) return [];
    const found = jumpFromSshArguments(text);
    if (found.fault !== undefined)
      collector.fault(variables.get(variable)!, `${variable} of ${host.name}: ${found.fault}`);
    for (const remark of found.remarks) collector.remark(variables.get(variable)!, `${variable}: ${remark}`);
    hostKeyPolicy ??= found.hostKeyPolicy;
    return found.isDirect || found.jumpHost !== undefined ? [{ ...found, variable }] : [];
  });
  const jumpHost = jumps[0]?.jumpHost;
  // Arguments given for a whole group hold for the jump host too, which is not meant to jump through itself.
  const isItself = jumpHost !== undefined && (jumpHost === host.name || jumpHost === address);
  if (!isItself) return given({ jumpHost, hostKeyPolicy });
  // Where they are the host's own, somebody erred, and is told.
  const isOwn = host.variables.has(jumps[0]!.variable) || host.fileVariables.has(jumps[0]!.variable);
  return given({ jumpHost: isOwn ? host.name : undefined, hostKeyPolicy });
}

/** How far each group is below `all`, by the longest way; deeper groups win. The model holds no circles. */
function groupDepths(model: AnsibleModel): ReadonlyMap<string, number> {
  const parents = parentsOf(model);
  const depths = new Map<string, number>([['all', 0]]);
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const depth = 1 + Math.max(0, ...(parents.get(name) ?? []).map(depthOf));
    depths.set(name, depth);
    return depth;
  };
  for (const name of model.groups.keys()) depthOf(name);
  return depths;
}

function parentsOf(model: AnsibleModel): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const { name, children } of model.groups.values())
    for (const child of children) parents.set(child, [...(parents.get(child) ?? []), name]);
  return parents;
}

/** Each host's groups but `all`, with the groups above them; `ungrouped` only where there is no other. */
function groupsOfHosts(model: AnsibleModel): ReadonlyMap<string, ReadonlySet<string>> {
  const parents = parentsOf(model);
  const above = new Map<string, ReadonlySet<string>>();
  const withAbove = (name: string): ReadonlySet<string> => {
    let names = above.get(name);
    if (!names) {
      names = new Set([name, ...(parents.get(name) ?? []).flatMap((parent) => [...withAbove(parent)])]);
      above.set(name, names);
    }
    return names;
  };
  const groups = new Map<string, Set<string>>();
  for (const group of model.groups.values())
    for (const host of group.hosts) groups.set(host, new Set([...(groups.get(host) ?? []), ...withAbove(group.name)]));
  for (const names of groups.values()) {
    names.delete('all');
    if (names.size > 1) names.delete('ungrouped');
  }
  return groups;
}
