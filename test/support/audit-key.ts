/** The key that tests chain the audit under, where no server shares their database. */
export const testAuditKey = async (): Promise<Uint8Array> => Buffer.alloc(32, 9);
