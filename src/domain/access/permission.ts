/**
 * Permissions are `provider.resource.verb` and are never granted directly: a role is a set of them. Until members and
 * bindings exist, a token carries one of three roles.
 */
const PERMISSIONS = [
  'job.run.create',
  'job.run.view',
  'job.run.cancel',
  'job.run.pause',
  'job.run.resume',
  'job.run.answer',
  'job.run.skip',
  'job.run.retry',
  'job.output.view',
  'job.definition.view',
  'job.definition.edit',
  'job.definition.publish',
  'job.definition.retire',
  'job.definition.remove',
  'fleet.host.view',
  'fleet.host.edit',
  'fleet.host.remove',
  'fleet.host.create',
  'fleet.host.import',
  'fleet.host-access.edit',
  'fleet.host.test',
  'fleet.host-key.view',
  'fleet.host-key.import',
  'fleet.host-key.accept',
  'fleet.host-key.remove',
  'fleet.twin.decide',
  'fleet.agent.view',
  'fleet.agent.revoke',
  'fleet.agent.keep',
  'fleet.agent.install',
  'fleet.agent.upgrade',
  'fleet.join-token.create',
  'fleet.join-token.view',
  'fleet.join-token.revoke',
  'fleet.worker.view',
  'fleet.worker.drain',
  'fleet.worker.revoke',
  'access.account.view',
  'access.account.create',
  'access.account.edit',
  'access.account.remove',
  'access.account.use',
  'access.key.rotate',
  'access.token.create',
  'access.token.view',
  'access.token.revoke',
  'access.self.view',
  'notice.channel.view',
  'notice.channel.edit',
  'notice.channel.remove',
  'notice.channel.test',
  'notice.rule.view',
  'notice.rule.edit',
  'notice.notice.view',
  'audit.event.view',
  'system.metrics.view',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const VIEWER = [
  'job.run.view',
  'job.output.view',
  'job.definition.view',
  'fleet.host.view',
  'fleet.host-key.view',
  'fleet.agent.view',
  'fleet.worker.view',
  'access.account.view',
  'access.self.view',
  'notice.channel.view',
  'notice.rule.view',
  'notice.notice.view',
  'system.metrics.view',
] as const satisfies readonly Permission[];
const OPERATOR = [
  ...VIEWER,
  'job.run.create',
  'job.run.cancel',
  'job.run.pause',
  'job.run.resume',
  'job.run.answer',
  'job.run.skip',
  'job.run.retry',
  // A job runs as whoever runs it, never as who wrote it: nobody gains by writing one what they may not do without.
  'job.definition.edit',
  'job.definition.publish',
  'job.definition.retire',
  'job.definition.remove',
  'fleet.host.edit',
  'fleet.host.test',
  'fleet.worker.drain',
  'access.account.use',
  'notice.channel.test',
  // What is told is what operators may see, and where to is an administrator's to say.
  'notice.rule.edit',
] as const satisfies readonly Permission[];

export const ROLES = { viewer: VIEWER, operator: OPERATOR, admin: PERMISSIONS } as const satisfies Record<
  string,
  readonly Permission[]
>;
export type Role = keyof typeof ROLES;

export function isRole(text: string): text is Role {
  return Object.hasOwn(ROLES, text);
}

export function roleAllows(role: Role, permission: Permission): boolean {
  return (ROLES[role] as readonly Permission[]).includes(permission);
}
