// The twin of gradwidget/view/protocol/codec.py: blocks follow each other in one little-endian
// buffer, each at a multiple of 8 bytes.
import type { Block } from "./messages.gen.ts";

const ALIGNMENT = 8;

export type Numbers = Float32Array | Float64Array;

/** A block with its numbers. */
export interface Decoded {
  block: Block;
  values: Numbers;
}

/** The arrays of a message as views of its buffer; it is copied only where it is not aligned. */
export function decode(blocks: Block[], data: DataView): Decoded[] {
  const aligned = data.byteOffset % ALIGNMENT === 0;
  const end = data.byteOffset + data.byteLength;
  const buffer = aligned ? data.buffer : data.buffer.slice(data.byteOffset, end);
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
