/** Fields that a row does not have. */

/** Drops keys whose value is null or undefined, so that optional fields are absent rather than empty. */
export function present<T extends object>(record: { [K in keyof T]: T[K] | null | undefined }): T {
  for (const key of Object.keys(record) as (keyof T)[])
    if (record[key] === null || record[key] === undefined) delete record[key];
  return record as T;
}
