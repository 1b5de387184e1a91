/**
 * Frames to bytes and back: one MessagePack map each. What comes in is checked whole before anybody believes it; the
 * shapes are in protocol/link.
 */
import { Packr } from 'msgpackr';
import { DroverError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';
import { scanFrame, type ScanLimits } from '../protocol/link/msgpack-scan.ts';
import { ShapeFault, type FrameShape, type FrameShapes } from '../protocol/link/shape.ts';

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });
const SCAN: ScanLimits = { depthMax: limits.frameDepthMax, valuesMax: limits.frameValuesMax };

export function encodeFrame(frame: object): Buffer {
  return packr.pack(frame);
}

/**
 * Undefined for a type that is not known here: a newer peer may say more. Nothing of it is unpacked. Fields that are
 * not known here are left out. Throws `frame-invalid` for anything else; the detail names the field, never the value.
 */
export function decodeFrame(bytes: Uint8Array, shapes: FrameShapes): { t: string } | undefined {
  const { fault, t } = scanFrame(bytes, SCAN, (type) => shapeOf(shapes, type)?.valuesMax);
  if (fault !== undefined) throw new DroverError('frame-invalid', { detail: `A frame ${fault}.` });
  if (t === undefined) throw new DroverError('frame-invalid', { detail: 'A frame has no type.' });
  const shape = shapeOf(shapes, t);
  if (!shape) return undefined;
  let frame: unknown;
  try {
    frame = packr.unpack(bytes);
  } catch (error) {
    throw new DroverError('frame-invalid', { detail: 'A frame is not MessagePack.', cause: error });
  }
  try {
    const read = shape.read(frame, t) as { t: string };
    read.t = t;
    return read;
  } catch (error) {
    if (error instanceof ShapeFault)
      throw new DroverError('frame-invalid', { detail: `In a ${t} frame ${error.message}.` });
    throw error;
  }
}

function shapeOf(shapes: FrameShapes, t: string): FrameShape | undefined {
  return Object.hasOwn(shapes, t) ? shapes[t] : undefined;
}
