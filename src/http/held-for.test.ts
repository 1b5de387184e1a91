import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HeldFor } from './held-for.ts';

function connection(): { socket: Socket; response: () => ServerResponse } {
  const socket = Object.assign(new EventEmitter(), { destroyed: false }) as unknown as Socket;
  return {
    socket,
    response: () => Object.assign(new EventEmitter(), { destroyed: false }) as unknown as ServerResponse,
  };
}

describe('what is held for a request', () => {
  it.each(['finish', 'close'])('is given back once when its answer tells of its %s', (event) => {
    const { socket, response } = connection();
    const answer = response();
    let given = 0;
    new HeldFor().add({ socket }, answer, () => given++);
    expect(given).toBe(0);
    answer.emit(event);
    answer.emit('close');
    socket.emit('close');
    expect(given).toBe(1);
  });

  it('is given back when the connection goes, of every answer that waits there, and says nothing itself', () => {
    const { socket, response } = connection();
    const held = new HeldFor();
    const given: number[] = [];
    for (let n = 0; n < 20; n++) held.add({ socket }, response(), () => given.push(n));
    expect(socket.listenerCount('close')).toBe(1);
    socket.emit('close');
    expect(given).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it.each(['connection', 'answer'])('is given back at once where the %s was gone before', (which) => {
    const { socket, response } = connection();
    const answer = response();
    Object.assign(which === 'answer' ? answer : socket, { destroyed: true });
    let given = 0;
    new HeldFor().add({ socket }, answer, () => given++);
    expect(given).toBe(1);
  });
});
