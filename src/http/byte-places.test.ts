import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { limits } from '../base/limits.ts';
import { answerLimits, bodyBytesOf, bodyLimits, BytePlaces, type ByteLimits } from './byte-places.ts';

const overloaded = expect.objectContaining({ code: 'overloaded', detail: 'full' }) as Error;
const placesOf = (of: ByteLimits): BytePlaces => new BytePlaces(of, 'full');

describe.each([
  ['bodies', bodyLimits, limits.requestBodiesBytesMax, limits.requestBodiesPerCallerBytesMax],
  ['answers', answerLimits, limits.answersBytesMax, limits.answersPerCallerBytesMax],
])('places of %s', (_what, of, allMax, perCallerMax) => {
  it('are as many bytes as one caller may have, and not one more', () => {
    const places = placesOf(of);
    const give = places.take('a', perCallerMax);
    expect(() => places.take('a', 1)).toThrow(overloaded);
    places.take('b', 1)();
    give();
    places.take('a', perCallerMax);
  });

  it('are as many bytes as all may have, and not one more', () => {
    const places = placesOf(of);
    for (let i = 0; i < allMax / perCallerMax; i++) places.take(`caller ${i}`, perCallerMax);
    expect(() => places.take('another', 1)).toThrow(overloaded);
    places.take('another', 0);
  });
});

describe('a place', () => {
  it('is counted also for who cannot be refused, and then others are', () => {
    const places = placesOf({ allMax: 100, perCallerMax: 100 });
    const give = places.hold('a', 150);
    expect(() => places.take('b', 1)).toThrow(overloaded);
    give();
    places.take('b', 100);
  });

  it('is given back once', () => {
    const places = placesOf({ allMax: 100, perCallerMax: 100 });
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
  ])('for a request with %j has %d bytes', (headers, bytes) =>
    expect(bodyBytesOf({ headers } as IncomingMessage, 1_000)).toBe(bytes),
  );
});
