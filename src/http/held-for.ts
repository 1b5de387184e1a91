/**
 * What a server holds for a request until its answer is taken or its connection is gone. Node tells of neither for an
 * answer whose connection went before anybody listened, nor for one that waited behind another: so the connection
 * itself is watched, once for all its requests.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class HeldFor {
  readonly #of = new WeakMap<Socket, Set<() => void>>();

  /** `give` is called once; at once where the connection is gone already. */
  add({ socket }: Pick<IncomingMessage, 'socket'>, response: ServerResponse, give: () => void): void {
    const held = this.#of.get(socket) ?? this.#watch(socket);
    const over = (): void => {
      if (!held.delete(over)) return;
      response.off('finish', over);
      response.off('close', over);
      give();
    };
    held.add(over);
    if (socket.destroyed || response.destroyed) over();
    else response.once('finish', over).once('close', over);
  }

  #watch(socket: Socket): Set<() => void> {
    const held = new Set<() => void>();
    this.#of.set(socket, held);
    socket.once('close', () => {
      for (const over of [...held]) over();
    });
    return held;
  }
}
