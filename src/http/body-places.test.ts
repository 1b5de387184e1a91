import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { bodyBytesOf, BodyPlaces } from './body-places.ts';

describe('places of bodies', () => {
  const overloaded = expect.objectContaining({ code: 'overloaded' }) as Error;

  it('are as many bytes as one caller may have, and not one more', () => {
    const places = new BodyPlaces();
    const give = places.take('a', limits.requestBodiesPerCallerBytesMax);
    expect(() => places.take('a', 1)).toThrow(overloaded);
    places.take('b', 1)();
    give();
    places.take('a', limits.requestBodiesPerCallerBytesMax);
  });

  it('are as many bytes as all may have, and not one more', () => {
    const places = new BodyPlaces({ allMax: 100, perCallerMax: 60 });
    places.take('a', 60);
    places.take('b', 40);
    expect(() => places.take('c', 1)).toThrow(overloaded);
    const all = new BodyPlaces();
    const callers = limits.requestBodiesBytesMax / limits.requestBodiesPerCallerBytesMax;
    for (let i = 0; i < callers; i++) all.take(`caller ${i}`, limits.requestBodiesPerCallerBytesMax);
    expect(() => all.take('another', 1)).toThrow(overloaded);
  });

  it('are given back once', () => {
    const places = new BodyPlaces({ allMax: 100, perCallerMax: 100 });
    const give = places.take('a', 50);
    places.take('a', 50);
    give();
    give();
    places.take('a', 50);
    expect(() => places.take('a', 1)).toThrow(overloaded);
  });

  it.each([
    [{}, 0],
    [{ 'content-length': '17' }, 17],
    [{ 'content-length': '5000' }, 1_000],
    [{ 'transfer-encoding': 'chunked' }, 1_000],
  ])('a request with %j needs %d bytes', (headers, bytes) =>
    expect(bodyBytesOf({ headers } as IncomingMessage, 1_000)).toBe(bytes),
  );
});
