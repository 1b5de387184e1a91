/** What is about many hosts, in frames of bounded size. */
import { limits } from '../base/limits.ts';

/** A list in parts that fit into a frame. */
export function slices<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / limits.hostsPerFrameMax) }, (_, i) =>
    list.slice(i * limits.hostsPerFrameMax, (i + 1) * limits.hostsPerFrameMax),
  );
}
