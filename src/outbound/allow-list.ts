/**
 * Which strange machines a server or worker may speak to: every public address, and of all others those that are named
 * for it. Asked of the address that is dialled, never of a name alone: whoever has a name says at any time where it leads.
 */
import { DroverError } from '../base/errors.ts';
import { noticeLimits } from '../base/notice-limits.ts';
import { isWithin, parseAddress, parseNetwork, placeOf, type Network, type Place } from './address.ts';

export interface AllowList {
  /** Undefined where it may be dialled; else what kind of place it is, which is not allowed. `name`: by which it was asked for. */
  refusalOf(name: string, address: string): Exclude<Place, 'public'> | undefined;
  /** Whether it is named, so that what goes there stays in the hands of whoever named it. */
  isNamed(name: string, address: string): boolean;
}

const OF_SERVERS = 'DROVER_OUTBOUND_ALLOW';

/** A name vouches for these, whose owner says where it leads; the others (a cloud's metadata among them) are named by address. */
const BY_NAME: readonly Place[] = ['private', 'loopback', 'shared'];

/**
 * `text`: addresses, networks (`10.1.0.0/16`) and names (`hooks.example.com`, or `*.example.com` for all below it),
 * separated by commas or blanks. `setting`: what it is of, for whoever gave it. Throws `bad-input` for what is none of them.
 */
export function parseAllowList(text: string, setting: string = OF_SERVERS): AllowList {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  if (entries.length > noticeLimits.outboundAllowedMax)
    throw new DroverError('bad-input', {
      detail: `${setting} holds ${entries.length} entries; ${noticeLimits.outboundAllowedMax} are allowed.`,
    });
  const networks: Network[] = [];
  const names: string[] = [];
  for (const entry of entries) {
    const network = parseNetwork(entry);
    if (network) networks.push(network);
    else if (NAME.test(entry)) names.push(entry.toLowerCase());
    else
      throw new DroverError('bad-input', {
        detail:
          `${setting} takes addresses, networks such as 10.1.0.0/16, and names such as hooks.example.com or ` +
          `*.example.com, not ${JSON.stringify(entry)}.`,
      });
  }
  const isNamedByName = (name: string): boolean => {
    const plain = name.toLowerCase().replace(/\.$/, '');
    return names.some((one) => (one.startsWith('*.') ? plain.endsWith(one.slice(1)) : plain === one));
  };
  const isNamed = (name: string, text: string): boolean => {
    const address = parseAddress(text);
    if (!address) return false;
    if (networks.some((network) => isWithin(address, network))) return true;
    const place = placeOf(address);
    return (place === 'public' || BY_NAME.includes(place)) && isNamedByName(name);
  };
  return {
    isNamed,
    refusalOf(name, text) {
      const address = parseAddress(text);
      if (!address) return 'reserved';
      const place = placeOf(address);
      return place === 'public' || isNamed(name, text) ? undefined : place;
    },
  };
}

/** A name with a letter in its last label, so that no half of an address is taken for one. */
const NAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?\.?$/i;
