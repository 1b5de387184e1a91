/** What is done with the key of a host that is not known: nothing goes there, or the first one seen is recorded. */
export const HOST_KEY_POLICIES = ['strict', 'first-use'] as const;
export type HostKeyPolicy = (typeof HOST_KEY_POLICIES)[number];
