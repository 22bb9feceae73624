// The twin of gradwidget/view/protocol/codec.py: blocks follow each other in one little-endian buffer, 8-byte aligned.
import type { Block } from "./messages.gen.ts";

const ALIGNMENT = 8;

export type Numbers = Float32Array | Float64Array;

/** A block with its numbers. */
export interface Decoded {
  block: Block;
  values: Numbers;
}

/** Looks at the arrays of a message in its buffer, without copying where the buffer is aligned. */
export function decode(blocks: Block[], data: DataView): Decoded[] {
  const aligned = data.byteOffset % ALIGNMENT === 0;
  const buffer = aligned
    ? data.buffer
    : data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  let offset = aligned ? data.byteOffset : 0;
  return blocks.map((block) => {
    const size = block.shape.reduce((product, length) => product * length, 1);
    const values =
      block.dtype === "float64"
        ? new Float64Array(buffer, offset, size)
        : new Float32Array(buffer, offset, size);
    offset += Math.ceil(values.byteLength / ALIGNMENT) * ALIGNMENT;
    return { block, values };
  });
}
