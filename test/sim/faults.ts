/** What goes wrong, one thing after the other and many at once, as a seed draws it; and the end of it all. */
import type { SignedKind } from './hostile-worker.ts';
import type { Host, World } from './world.ts';

/** Between two faults, on the average: a storm, a bad day, or one thing at a time. */
const PAUSES_MS_MEAN = [60, 250, 1_000, 3_000];
const DAY_MS = 86_400_000;

export class Faults {
  readonly #world: World;
  #isOver = false;
  readonly #pauseMs: number;

  constructor(world: World) {
    this.#world = world;
    this.#pauseMs = world.sim.pick(PAUSES_MS_MEAN);
    this.#copiesToCome = world.sim.chance(0.15) ? 2 : 0;
  }

  begin(): void {
    const { sim, network } = this.#world;
    network.delays = sim.pick([0, 0.02, 0.1]);
    network.repeats = sim.pick([0, 0.02, 0.1]);
    this.#next();
  }

  #next(): void {
    if (this.#isOver) return;
    const { sim } = this.#world;
    this.#one();
    sim.after(-Math.log(1 - sim.random.next()) * this.#pauseMs, () => this.#next());
  }

  /** Everything is well from here on; what is gone comes back, and what is stopped goes on when its time is over. */
  end(): void {
    const world = this.#world;
    this.#isOver = true;
    const { sim, network, database } = world;
    sim.note('no more faults');
    network.healAll();
    [network.delays, network.repeats] = [0, 0];
    network.hostile.end();
    this.#databaseWell();
    [database.slowMs, database.hintsLost] = [0, 0];
    for (const host of world.hosts) {
      host.machine.disk.isFull = false;
      this.#endCopy(host);
    }
    for (const worker of world.database.tables.workers.values()) worker.drained = false;
    this.#bringBack();
  }

  #bringBack(): void {
    const world = this.#world;
    world.serverPlaces.forEach((_, n) => world.startServer(n));
    world.workerPlaces.forEach((_, n) => world.startWorker(n));
    for (const host of world.hosts) this.#restartAgent(host);
  }

  #one(): void {
    const roll = this.#world.sim.random.next();
    let sum = 0;
    for (const [share, deed] of this.#deeds) {
      sum += share;
      if (roll < sum) return deed();
    }
  }

  /** Rare: while two starts of an agent show themselves, its host does nothing. */
  #copiesToCome: number;

  /** Each with its share. */
  readonly #deeds: readonly (readonly [number, () => void])[] = [
    [0.2, () => this.#cut()],
    [0.05, () => this.#takeOver()],
    [0.04, () => this.#play()],
    [0.12, () => this.#part()],
    [0.06, () => this.#killServer()],
    [0.07, () => this.#killWorker()],
    [0.12, () => this.#killAgent()],
    [0.04, () => this.#powerLoss()],
    [0.1, () => this.#stop()],
    [0.05, () => this.#jump()],
    [0.03, () => this.#fill()],
    [0.06, () => this.#database()],
    [0.03, () => this.#hints()],
    [0.01, () => this.#drain()],
    [0.02, () => this.#copyAgent()],
  ];

  #lasts(): number {
    const { sim } = this.#world;
    return sim.chance(0.8) ? sim.between(50, 6_000) : sim.between(6_000, 45_000);
  }

  #later(afterMs: number, deed: () => void): void {
    this.#world.sim.after(afterMs, () => this.#isOver || deed());
  }

  #cut(): void {
    const { sim, network } = this.#world;
    const links = [...network.links];
    if (links.length === 0) return;
    const link = sim.pick(links);
    sim.fault('cut', `${link.process.name} – ${link.other.process.name}`);
    network.cut(link);
  }

  /** The worker of an agent keeps back what is signed, for a while. */
  #takeOver(): void {
    const { sim, network, hosts } = this.#world;
    const machine = sim.pick(hosts).machine.name;
    const kinds = sim.pick<readonly SignedKind[]>([['start'], ['start'], ['said'], ['start', 'said']]);
    sim.fault('taken-over', `the worker of ${machine}`);
    network.hostile.takeOver(machine, kinds, sim.pick([0, 0, 0.5, 1]));
    this.#later(sim.between(1_000, 45_000), () => {
      network.hostile.giveBack(machine);
      this.#later(sim.between(0, 3_000), () => network.playKept(machine));
    });
  }

  #play(): void {
    const { sim, network } = this.#world;
    const machines = [...network.hostile.machines()];
    if (machines.length > 0) network.playKept(sim.pick(machines));
  }

  #part(): void {
    const { sim, network } = this.#world;
    const machines = this.#world.machines();
    const [a, b] = [sim.pick(machines), sim.pick(machines)];
    if (a === b) return;
    sim.fault('part', `${a} | ${b}`);
    network.part(a, b);
    this.#later(this.#lasts(), () => network.heal(a, b));
  }

  #killServer(): void {
    const world = this.#world;
    const n = world.sim.below(world.serverPlaces.length);
    const place = world.serverPlaces[n]!;
    if (!place.server) return;
    world.sim.fault('kill', place.address);
    world.kill(place.server.process);
    place.server = undefined;
    this.#later(this.#lasts(), () => world.startServer(n));
  }

  #killWorker(): void {
    const world = this.#world;
    const n = world.sim.below(world.workerPlaces.length);
    const place = world.workerPlaces[n]!;
    if (!place.worker) return;
    world.sim.fault('kill', place.address);
    world.kill(place.worker.process);
    place.worker = undefined;
    this.#later(this.#lasts(), () => world.startWorker(n));
  }

  #killAgent(): void {
    const { sim, hosts } = this.#world;
    const host = sim.pick(hosts);
    if (!host.agent) return;
    sim.fault('kill', host.name);
    this.#world.kill(host.agent.process);
    host.agent = undefined;
    this.#later(this.#lasts(), () => this.#restartAgent(host));
  }

  /** One that could not start is started again, as its supervisor does it. */
  #restartAgent(host: Host): void {
    const world = this.#world;
    if (host.agent && !host.agent.couldStart) {
      world.kill(host.agent.process);
      host.agent = undefined;
    }
    world.startAgent(host);
    world.sim.after(2_000, () => host.agent && !host.agent.couldStart && this.#restartAgent(host));
  }

  #powerLoss(): void {
    const { sim, hosts } = this.#world;
    const host = sim.pick(hosts);
    sim.fault('power', host.machine.name);
    if (host.agent) this.#world.kill(host.agent.process);
    host.agent = undefined;
    host.machine.powerLoss();
    this.#later(this.#lasts(), () => this.#restartAgent(host));
  }

  #stop(): void {
    const { sim } = this.#world;
    const processes = this.#world.processes();
    if (processes.length === 0) return;
    const process = sim.pick(processes);
    const forMs = this.#lasts();
    sim.fault('stop', `${process.name} for ${forMs.toFixed(0)} ms`);
    process.stopUntil(sim.nowMs + forMs);
  }

  #jump(): void {
    const { sim, serverPlaces, workerPlaces, hosts } = this.#world;
    const wall = sim.pick([...serverPlaces, ...workerPlaces, ...hosts.map(({ machine }) => machine)]).wall;
    wall.aheadMs = sim.chance(0.3) ? 0 : sim.between(-DAY_MS, DAY_MS);
    sim.fault('clock', `${wall.aheadMs.toFixed(0)} ms ahead`);
  }

  #fill(): void {
    const { sim, hosts } = this.#world;
    const { machine } = sim.pick(hosts);
    sim.fault('disk-full', machine.name);
    machine.disk.isFull = true;
    this.#later(this.#lasts(), () => {
      machine.disk.isFull = false;
    });
  }

  #database(): void {
    const { sim, database } = this.#world;
    sim.fault('database', '');
    if (sim.chance(0.3)) database.slowMs = sim.between(100, 4_000);
    else if (sim.chance(0.4)) database.late = sim.between(0.02, 0.3);
    else if (sim.chance(0.3)) database.lostBefore = 1;
    else [database.lostBefore, database.lostAfter] = [sim.between(0, 0.5), sim.between(0, 0.5)];
    this.#later(this.#lasts() / 2, () => this.#databaseWell());
  }

  #databaseWell(): void {
    const { database } = this.#world;
    [database.lostBefore, database.lostAfter, database.slowMs, database.late] = [0, 0, 0, 0];
  }

  #hints(): void {
    const { sim, database } = this.#world;
    database.hintsLost = sim.between(0.2, 1);
    sim.fault('hints', '');
    this.#later(this.#lasts(), () => {
      database.hintsLost = 0;
    });
  }

  #drain(): void {
    const { sim, database } = this.#world;
    const worker = sim.pick([...database.tables.workers.values()]);
    sim.fault('drain', worker.name);
    worker.drained = true;
    this.#later(this.#lasts(), () => {
      worker.drained = false;
    });
  }

  /** Somebody starts a copy of an agent's folder on another machine, and ends it after a while. */
  #copyAgent(): void {
    const world = this.#world;
    const { sim } = world;
    const host = sim.pick(world.hosts);
    if (host.copy || this.#copiesToCome === 0) return;
    this.#copiesToCome--;
    sim.fault('copy', host.name);
    const machine = world.newMachine(`${host.machine.name}-copy`);
    host.machine.copyTo(machine);
    host.copy = world.newAgent(host, machine);
    this.#later(sim.between(1_000, 40_000), () => this.#endCopy(host));
  }

  #endCopy(host: Host): void {
    if (host.copy) this.#world.kill(host.copy.process);
    host.copy = undefined;
  }
}
