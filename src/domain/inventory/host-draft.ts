/**
 * What a file says of a host, before anybody decided to keep it. Every reader of files (CSV, YAML, Ansible, ssh_config) answers
 * with drafts, with *all* faults of the file by line, and with remarks: things understood and left out on purpose.
 *
 * Drafts name accounts and jump hosts by name; whether those exist is for the server to say. A login user and a key file are
 * carried along as the file states them, never turned into an account here: an account holds secrets, and making one is an act of its own.
 */
import { given } from '../../base/given.ts';
import { limits } from '../../base/limits.ts';
import { hostNameFault, labelFault, labelTwice, labelsInOneForm, oneForm, zoneFault } from '../target/nameable.ts';
import { addressFault } from './address.ts';
import { HOST_KEY_POLICIES, type HostKeyPolicy } from './host-key-policy.ts';

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}
export interface InventoryFault extends SourceLine {
  readonly detail: string;
}

export const ALGORITHM_KINDS = ['kex', 'cipher', 'serverHostKey', 'hmac'] as const;
/** Overrides of what is offered to a host over SSH, each list whole. */
export type HostAlgorithms = { readonly [K in (typeof ALGORITHM_KINDS)[number]]?: readonly string[] };

export interface HostDraft {
  readonly name: string;
  readonly address: string;
  readonly port?: number;
  readonly zone?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly account?: string;
  readonly jumpHost?: string;
  readonly hostKeyPolicy?: HostKeyPolicy;
  readonly algorithms?: HostAlgorithms;
  /** As the file states them; see above. */
  readonly loginUser?: string;
  readonly identityFile?: string;
  readonly source: SourceLine;
}

export interface Inventory {
  readonly hosts: readonly HostDraft[];
  readonly faults: readonly InventoryFault[];
  readonly remarks: readonly InventoryFault[];
}

/** The fields of a draft as texts, as a file holds them; absent or blank fields are not said. */
export interface DraftFields {
  readonly name: string;
  readonly address?: string | undefined;
  readonly port?: string | undefined;
  readonly zone?: string | undefined;
  readonly account?: string | undefined;
  readonly jumpHost?: string | undefined;
  readonly hostKeyPolicy?: string | undefined;
  readonly algorithms?: HostAlgorithms | undefined;
  readonly loginUser?: string | undefined;
  readonly identityFile?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Collects what a reader finds in one or more files. */
export class InventoryCollector {
  readonly #hosts: HostDraft[] = [];
  readonly #faults: InventoryFault[] = [];
  readonly #remarks: InventoryFault[] = [];

  fault(at: SourceLine, detail: string): void {
    this.#faults.push({ file: at.file, line: at.line, detail });
  }

  /** Each remark once per file: a thousand hosts with the same odd variable say it once. */
  remark(at: SourceLine, detail: string): void {
    if (!this.#remarks.some((known) => known.file === at.file && known.detail === detail))
      this.#remarks.push({ file: at.file, line: at.line, detail });
  }

  host(at: SourceLine, fields: DraftFields): void {
    const said = (text: string | undefined): string | undefined =>
      text === undefined || text.trim() === '' ? undefined : oneForm(text.trim());
    const name = oneForm(fields.name.trim());
    const address = said(fields.address) ?? name;
    const nameFault = hostNameFault(name);
    if (nameFault !== undefined) this.fault(at, nameFault);
    if (address !== name) this.#check(at, addressFault(address));
    else if (nameFault === undefined && addressFault(address) !== undefined)
      this.fault(at, `nothing can be dialled by the name ${name}: say at which address the host is`);
    const port = this.#port(at, said(fields.port));
    const hostKeyPolicy = this.#policy(at, said(fields.hostKeyPolicy));
    const labels = this.#labels(at, name, fields.labels);
    if (said(fields.zone) !== undefined) this.#check(at, zoneFault(said(fields.zone)!));
    for (const [what, text] of [
      ['account', fields.account],
      ['jump host', fields.jumpHost],
    ] as const)
      if ((said(text)?.length ?? 0) > limits.nameLengthMax)
        this.fault(at, `the ${what} is longer than ${limits.nameLengthMax} characters`);
    const [zone, account, jumpHost, loginUser, identityFile] = [
      fields.zone,
      fields.account,
      fields.jumpHost,
      fields.loginUser,
      fields.identityFile,
    ].map(said);
    this.#hosts.push({
      name,
      address,
      labels,
      source: { file: at.file, line: at.line },
      ...given({
        port,
        zone,
        account,
        jumpHost,
        hostKeyPolicy,
        algorithms: fields.algorithms,
        loginUser,
        identityFile,
      }),
    });
  }

  #check(at: SourceLine, detail: string | undefined): void {
    if (detail !== undefined) this.fault(at, detail);
  }

  #labels(at: SourceLine, name: string, labels: Readonly<Record<string, string>>): Record<string, string> {
    const entries = Object.entries(labels);
    if (entries.length > limits.labelsPerHostMax)
      this.fault(at, `${name} has ${entries.length} labels; ${limits.labelsPerHostMax} are allowed`);
    for (const [label, value] of entries) this.#check(at, labelFault(label, value));
    const twice = labelTwice(labels);
    if (twice !== undefined) this.fault(at, `${name} has the label ${twice} twice`);
    return labelsInOneForm(labels);
  }

  #port(at: SourceLine, text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port >= 1 && port <= 65_535) return port;
    this.fault(at, `${JSON.stringify(text)} is not a port: a number from 1 to 65535`);
    return undefined;
  }

  #policy(at: SourceLine, text: string | undefined): HostKeyPolicy | undefined {
    const policy = HOST_KEY_POLICIES.find((known) => known === text);
    if (text !== undefined && policy === undefined)
      this.fault(at, `${JSON.stringify(text)} is not a host key policy: ${HOST_KEY_POLICIES.join(' or ')}`);
    return policy;
  }

  /** What was found, after the checks that need the whole: names that come twice, jump hosts that lead in a circle. */
  finish(): Inventory {
    const first = new Map<string, HostDraft>();
    const byAddress = Map.groupBy(this.#hosts, (host) => host.address);
    for (const host of this.#hosts) {
      const other = first.get(host.name);
      if (other)
        this.fault(
          host.source,
          `the host ${host.name} is in here twice; it is on line ${other.source.line}` +
            `${other.source.file === host.source.file ? '' : ` of ${other.source.file}`} already`,
        );
      else first.set(host.name, host);
    }
    for (const [name, host] of first) first.set(name, withJumpHostByName(host, first, byAddress));
    for (const host of first.values()) {
      const path = jumpPath(host.name, (name) => first.get(name)?.jumpHost);
      if (path.fault !== undefined) this.fault(host.source, path.fault);
    }
    const faults = this.#faults.toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
    return { hosts: [...first.values()], faults, remarks: this.#remarks };
  }
}

/** Other tools name a jump host by its address, too: that is the host of this file that has it, if there is just one. */
function withJumpHostByName(
  host: HostDraft,
  byName: ReadonlyMap<string, HostDraft>,
  byAddress: ReadonlyMap<string, readonly HostDraft[]>,
): HostDraft {
  if (host.jumpHost === undefined || byName.has(host.jumpHost)) return host;
  const fits = byAddress.get(host.jumpHost) ?? [];
  return fits.length === 1 ? { ...host, jumpHost: fits[0]!.name } : host;
}

/**
 * From the first jump host to the one dialled last before `name`; by names as `jumpHostOf` knows them. A circle or too
 * long a path is a fault.
 */
export function jumpPath(
  name: string,
  jumpHostOf: (name: string) => string | undefined,
): { readonly path: readonly string[]; readonly fault?: string } {
  const path: string[] = [];
  for (let at = jumpHostOf(name); at !== undefined; at = jumpHostOf(at)) {
    if (at === name && path.length === 0)
      return { path: [], fault: `${name} is its own jump host; the jump hosts lead in a circle: ${name} → ${name}` };
    if (at === name || path.includes(at))
      return { path: [], fault: `the jump hosts lead in a circle: ${[name, ...path.toReversed(), at].join(' → ')}` };
    path.unshift(at);
    if (path.length >= limits.sshHopsMax)
      return { path: [], fault: `the way to ${name} has more than ${limits.sshHopsMax} hops, itself included` };
  }
  return { path };
}
