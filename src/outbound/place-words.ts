/** Kinds of places that not everybody is to speak to, in words. */
import type { Place } from './address.ts';

/** What an address is, which everybody sees. */
export const PLACE_WORDS = {
  private: 'is of a private network',
  loopback: 'is this machine itself',
  shared: 'is of a shared network (100.64.0.0/10)',
  'link-local': 'is of the local link',
  metadata: "is a cloud's metadata",
  multicast: 'is many at once',
  reserved: 'is no address that anybody has',
} as const satisfies Record<Exclude<Place, 'public'>, string>;
