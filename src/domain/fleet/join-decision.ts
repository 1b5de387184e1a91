/**
 * Which host an agent becomes that joins. A machine id is no proof: everybody on a machine can read it, and clones share it. So a
 * host that has had an agent is joined again by proof of that agent's key, or with a token that was made for this very host;
 * whoever merely looks like it becomes a host of its own, a twin, and somebody decides.
 */
import { nameWithSuffix } from '../target/nameable.ts';

export interface JoinRequest {
  /** The host that the proved agent, the token or the name leads to. */
  readonly known?: { readonly machineId: string; readonly hasActiveAgent: boolean } | undefined;
  readonly machineId: string;
  /** The caller has shown a key of the agent that `known` has. */
  readonly isProved: boolean;
  /** The token was made for `known`, alone. */
  readonly isTokenForIt: boolean;
  /** Another host than `known` has this machine id. */
  readonly isMachineKnown: boolean;
}

/** `same`: the agent goes on. `host`: a new agent of the known host. `twin`: a new host beside the one that it looks like. */
export type JoinDecision = 'same' | 'host' | 'new' | 'twin' | 'refused';

export function decideJoin(request: JoinRequest): JoinDecision {
  const { known, machineId, isProved, isTokenForIt, isMachineKnown } = request;
  if (!known) return isMachineKnown ? 'twin' : 'new';
  if (isProved) return 'same';
  const isSameMachine = known.machineId !== '' && known.machineId === machineId;
  // Another machine while an agent holds the host: first that one is revoked, so that no slip of a name cuts it off.
  if (isTokenForIt) return isSameMachine || !known.hasActiveAgent ? 'host' : 'refused';
  return isSameMachine ? 'twin' : 'refused';
}

/** Clones have one name as a rule, so a twin gets another, from the end of its id. */
export function twinName(name: string, hostId: string): string {
  return nameWithSuffix(name, `-twin-${hostId.slice(-6)}`);
}
