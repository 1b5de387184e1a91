/** What is about many hosts, in frames of bounded size. */
import { limits } from '../base/limits.ts';

/** A list in parts that fit into a frame. */
export function slices<T>(list: readonly T[], most: number = limits.hostsPerFrameMax): T[][] {
  return Array.from({ length: Math.ceil(list.length / most) }, (_, i) => list.slice(i * most, (i + 1) * most));
}
