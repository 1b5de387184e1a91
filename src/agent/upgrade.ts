/**
 * The agent's part in an upgrade: believe the order (it is signed for this very agent), fetch and check the package,
 * see that it starts at all, switch while there is time for the trial, and end in order; whoever started us starts the
 * new version, which finds the executions again by the journal. On trial the new version has so many seconds to be
 * linked, and steady; else `launch` takes it back. Scripts run through all of it.
 *
 * Orders come again until they are answered. What dies where: before the switch nothing has changed and the next order
 * begins again (what was fetched is kept); after it the trial is on disk; once there is an outcome, every repetition of
 * the order is answered with it.
 */
import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { arch, platform } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { DroverError, errorCodeOf } from '../base/errors.ts';
import { given } from '../base/given.ts';
import { limits } from '../base/limits.ts';
import type { Log } from '../base/log.ts';
import type { NameLookups } from '../base/node-names.ts';
import type { Random } from '../base/random.ts';
import {
  decodeUpgradeOrder,
  type AgentUpgradeState,
  type UpgradeOrder,
  type WorkerUpgrade,
} from '../protocol/link/upgrade-order.ts';
import { isVersion, type InstallRoot, type Outcome, type Trial } from './install-root.ts';
import { fetchPackage } from './package-fetch.ts';

export interface AgentUpgradeOptions {
  readonly version: string;
  readonly session: { isUpgrade(frame: WorkerUpgrade): boolean; nowMs(server: string): number | undefined };
  /** Undefined when this agent was not installed as a package: then it cannot replace itself. */
  readonly root: InstallRoot | undefined;
  /** As it is now: it is renewed. */
  readonly identity: () => { readonly privateKey: string; readonly certificate: string; readonly ca: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly names?: Pick<NameLookups, 'lookup'>;
  readonly log: Log;
  readonly isLinked: () => boolean;
  readonly tell: (frame: AgentUpgradeState) => void;
  /** Ends this process in order; it is started again by whoever started it. */
  readonly restart: () => void;
}

/** Linked for so long without a break, the new version has proved itself. */
const STEADY_MS = 3_000;
const CHECK_MS = 30_000;
/** From the switch to the new version's first instruction, and from its proof to the server: what the trial itself does not count. */
const SWITCH_MS = 3_000;
/** For an order that does not say when it ends: fetching may take so many times the trial. */
const FETCH_TRIALS = 4;

export class AgentUpgrade {
  readonly #options: AgentUpgradeOptions;
  #trial: Trial | undefined;
  #cancelTrial = (): void => undefined;
  #cancelSteady = (): void => undefined;
  /** Id of the order that is being carried out. */
  #busy: string | undefined;
  #stage: 'fetching' | 'switching' = 'fetching';

  constructor(options: AgentUpgradeOptions) {
    this.#options = options;
  }

  start(): void {
    const { root, version, clock, log } = this.#options;
    const trial = root?.trial();
    if (!root || !trial) return;
    // Died before the switch, or taken back: either way this version is not the one on trial.
    if (trial.to !== version) return root.forgetTrial();
    this.#trial = trial;
    log.info({ from: trial.from, to: trial.to, seconds: trial.seconds }, 'on trial after an upgrade');
    // A host that was down in between: what was told as failed by then must not come true.
    const leftMs =
      trial.endsAtMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, trial.endsAtMs - clock.nowMs());
    this.#cancelTrial = clock.after(
      Math.min(trial.seconds * 1_000, leftMs),
      () => {
        log.error({ from: trial.from, to: trial.to }, 'not linked in time; the former version comes back');
        root.giveUp();
        this.#options.restart();
      },
      { unref: true },
    );
  }

  stop(): void {
    this.#cancelTrial();
    this.#cancelSteady();
  }

  /** A worker has welcomed us. */
  onWelcome(): void {
    if (!this.#trial) return;
    // Every link begins anew, so that one that breaks again and again proves nothing.
    this.#cancelSteady();
    this.#cancelSteady = this.#options.clock.after(
      STEADY_MS,
      () => {
        if (this.#options.isLinked()) this.#prove();
      },
      { unref: true },
    );
  }

  #prove(): void {
    const { root, log } = this.#options;
    const trial = this.#trial;
    if (!trial || !root) return;
    this.#trial = undefined;
    this.stop();
    const outcome: Outcome = { id: trial.id, from: trial.from, to: trial.to, state: 'succeeded', code: '', detail: '' };
    root.settle(outcome);
    log.info({ from: trial.from, to: trial.to }, 'the upgrade has proved itself');
    this.#tellOutcome(outcome);
    try {
      root.keepOnly([trial.to, trial.from]);
    } catch (error) {
      log.warn({ err: error }, 'older versions could not be removed');
    }
  }

  onOrder(frame: WorkerUpgrade): void {
    const { session, root, version, log } = this.#options;
    if (!session.isUpgrade(frame)) {
      return log.error(
        { upgrade: frame.id, code: 'signature-invalid' },
        'an order to upgrade without a valid signature was passed over',
      );
    }
    const order = decodeUpgradeOrder(frame.order);
    const nowMs = session.nowMs(frame.server);
    // Where the time is not known yet, it is when the order comes again.
    if (!order || nowMs === undefined || nowMs > order.validUntilMs)
      return log.warn({ upgrade: frame.id }, 'an order to upgrade that is unreadable or too old was passed over');
    if (!root)
      return this.#tell(frame.id, 'failed', {
        code: 'upgrade-unsupported',
        detail: 'This agent was not installed as a package; whoever installed it upgrades it.',
      });
    const outcome = root.outcome();
    if (outcome?.id === frame.id) return this.#tellOutcome(outcome);
    if (this.#trial) return this.#trial.id === frame.id ? this.#tell(frame.id, 'trying') : undefined;
    if (this.#busy !== undefined) return this.#busy === frame.id ? this.#tell(frame.id, this.#stage) : undefined;
    if (order.version === version) return this.#tell(frame.id, 'succeeded');
    this.#busy = frame.id;
    void this.#carryOut(root, frame, order)
      .catch((error: unknown) => this.#fail(root, frame.id, order, error))
      .finally(() => (this.#busy = undefined));
  }

  async #carryOut(root: InstallRoot, { id, server }: WorkerUpgrade, order: UpgradeOrder): Promise<void> {
    const { version, clock, random, log } = this.#options;
    const withinMs = this.#fetchMs(order, server);
    if (withinMs <= 0) throw outOfTime(order);
    const entry = order.packages.find((candidate) => candidate.os === platform() && candidate.arch === arch());
    if (!entry)
      throw new DroverError('package-not-found', {
        detail: `There is no package of ${order.version} for ${platform()} ${arch()}.`,
      });
    if (!isVersion(order.version) || entry.version !== order.version)
      throw new DroverError('package-invalid', { detail: 'The package is of another version than the order.' });
    root.prepare();
    const need = entry.size + entry.fileSize + limits.spoolFreeBytesMin;
    if (root.freeBytes() < need)
      throw new DroverError('install-space', {
        detail: `The new version needs ${Math.ceil(need / 1024 / 1024)} MiB of free space where the agent is installed.`,
      });
    this.#stage = 'fetching';
    this.#tell(id, 'fetching');
    const identity = this.#options.identity();
    const staged = await fetchPackage({
      entry,
      publicKey: order.publicKey,
      urls: order.urls,
      ca: identity.ca,
      identity,
      folder: root.incoming,
      withinMs,
      clock,
      random,
      ...given({ names: this.#options.names }),
    });
    chmodSync(staged, 0o755);
    await assertStarts(staged, order.version);
    if (this.#fetchMs(order, server) <= 0) throw outOfTime(order);
    root.place(staged, order.version);
    this.#stage = 'switching';
    this.#tell(id, 'switching');
    root.switchOnTrial({
      id,
      to: order.version,
      from: version,
      seconds: order.trialSeconds,
      ...given({
        endsAtMs:
          order.endsAtMs === undefined
            ? undefined
            : Math.round(clock.nowMs() + order.endsAtMs - this.#serverMs(server)),
      }),
    });
    log.info({ from: version, to: order.version }, 'switching to another version');
    this.#options.restart();
  }

  /** So long until the switch would come too late for the trial to end while somebody waits for it. */
  #fetchMs({ endsAtMs, trialSeconds }: UpgradeOrder, server: string): number {
    const trialMs = trialSeconds * 1_000;
    if (endsAtMs === undefined) return trialMs * FETCH_TRIALS;
    return endsAtMs - this.#serverMs(server) - trialMs - SWITCH_MS;
  }

  /** Known, or the order would not have been taken. */
  #serverMs(server: string): number {
    return this.#options.session.nowMs(server) ?? Number.POSITIVE_INFINITY;
  }

  #fail(root: InstallRoot, id: string, order: UpgradeOrder, error: unknown): void {
    const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
    const code = isFull ? 'install-space' : errorCodeOf(error);
    const detail = error instanceof DroverError ? error.detail : (error as Error).message;
    this.#options.log.error({ upgrade: id, code, detail }, 'the upgrade failed; this version stays');
    const outcome: Outcome = { id, from: this.#options.version, to: order.version, state: 'failed', code, detail };
    try {
      root.settle(outcome);
    } catch (settling) {
      // The order will come again and may succeed then.
      this.#options.log.error({ err: settling }, 'the outcome could not be recorded');
    }
    this.#tellOutcome(outcome);
  }

  #tellOutcome({ id, state, code, detail }: Outcome): void {
    this.#tell(id, state, given({ code: code || undefined, detail: detail || undefined }));
  }

  #tell(id: string, state: AgentUpgradeState['state'], more: { code?: string; detail?: string } = {}): void {
    this.#options.tell({ t: 'upgrade-state', id, state, version: this.#options.version, ...more });
  }
}

function outOfTime({ trialSeconds }: UpgradeOrder): DroverError {
  return new DroverError('upgrade-out-of-time', {
    detail:
      `Too little of the time for this upgrade was left to switch and try the new version for ${trialSeconds} s. ` +
      'Nothing was changed; give it more (--wait).',
  });
}

/** A program of the wrong processor, for a newer C library, or on a folder mounted noexec must not be switched to. */
function assertStarts(executable: string, version: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(
      executable,
      ['--version'],
      { timeout: CHECK_MS, killSignal: 'SIGKILL', env: {}, maxBuffer: 64 * 1024 },
      (error, stdout, stderr) => {
        if (!error && stdout.trim() === version) return resolve();
        const said = error ? stderr.trim() || error.message : `it says it is ${stdout.trim().slice(0, 100)}`;
        reject(
          new DroverError('package-unusable', {
            detail: `The new version does not start on this host: ${said.slice(0, 300)}`,
          }),
        );
      },
    );
  });
}
