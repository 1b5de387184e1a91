/** Whether a request says one place to go to, and nothing beside it that belongs to the other. */

/** Of hosts alone, and so said of none that goes to a worker. */
const OF_HOSTS = [
  'hostsMax',
  'account',
  'user',
  'concurrency',
  'maxFailed',
  'batches',
  'between',
  'batchMaxFailed',
  'onMaxFailed',
  'countsAsFailed',
  'order',
] as const;

export type FieldOfHosts = (typeof OF_HOSTS)[number];
/** Of a worker, and so said of none that goes to hosts. */
const OF_WORKERS = ['prefer', 'resources', 'strategy'] as const;

type PlaceField = FieldOfHosts | (typeof OF_WORKERS)[number] | 'targets' | 'worker' | 'via';
type Asked = { readonly [Field in PlaceField]?: unknown };
export interface PlaceFault {
  readonly field: PlaceField;
  readonly detail: string;
}

export function placeFaults(asked: Asked): PlaceFault[] {
  const { targets, worker, via = 'auto' } = asked;
  if (targets === undefined && worker === undefined)
    return [{ field: 'targets', detail: 'say where: targets for hosts, or worker for a task without hosts' }];
  if (worker === undefined) return withoutWorker(asked);
  return [
    ...(targets === undefined ? [] : [{ field: 'worker' as const, detail: 'give either targets or worker, not both' }]),
    ...besideWorker(asked, (field) => field),
    ...(via === 'auto' ? [] : [{ field: 'via' as const, detail: 'via is a way to hosts; a worker needs none' }]),
  ];
}

/** What is said of a worker where none is meant. */
export function withoutWorker(asked: Asked): PlaceFault[] {
  return OF_WORKERS.filter((field) => asked[field] !== undefined).map((field) => ({
    field,
    detail: `${field} is for tasks without hosts; it goes with worker`,
  }));
}

/** Of several executions, wherever they go. */
const OF_SEVERAL: readonly FieldOfHosts[] = ['concurrency', 'maxFailed', 'countsAsFailed'];

/** `nameOf`: of a field, as whoever asked knows it. `isSeveral`: the worker's task is done for several items. */
export function besideWorker(asked: Asked, nameOf: (field: FieldOfHosts) => string, isSeveral = false): PlaceFault[] {
  const refused = OF_HOSTS.filter((field) => asked[field] !== undefined && !(isSeveral && OF_SEVERAL.includes(field)));
  return refused.map((field) => ({
    field,
    detail: `${nameOf(field)} is for hosts; it does not go with worker`,
  }));
}
