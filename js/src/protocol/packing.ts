// The twin of gradwidget/view/export/packing.py: the messages that a page gets on opening, with
// their buffer, small enough for a file.
import { decode } from "./codec.ts";
import type { Block, ControlState, Snapshot } from "./messages.gen.ts";

/** Added to every difference, so that small ones of either sign share their highest byte. */
const BIAS = 0x80_0000;
const WORD = 4;

/** All that a page is told on opening. */
export interface Opening {
  snapshot: Snapshot;
  data: DataView;
  control: ControlState;
}

/** Reads what was packed, in base64. */
export async function unpacked(text: string): Promise<Opening> {
  const bytes = await inflated(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const json = new TextDecoder().decode(bytes.subarray(WORD, WORD + length));
  const [snapshot, control] = JSON.parse(json) as [Snapshot, ControlState];
  const data = new DataView(joined(bytes.subarray(WORD + length)).buffer);
  addBack(data, snapshot.blocks);
  return { snapshot, control, data };
}

async function inflated(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Words from their bytes, of which first the highest of all are there, then the next. */
function joined(planes: Uint8Array): Uint32Array<ArrayBuffer> {
  const count = planes.length / WORD;
  const words = new Uint32Array(count);
  planes.forEach((byte, i) => {
    words[i % count] = ((words[i % count] as number) << 8) | byte;
  });
  return words;
}

/** Adds to each word what it is the difference from: the mean of its metric, or the step before. */
function addBack(data: DataView, blocks: Block[]): void {
  const means = new Map<string, Uint32Array>();
  for (const { block, values } of decode(blocks, data)) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / WORD);
    const row = words.length / Math.max(1, block.shape[0] ?? 1);
    const isExtreme = block.part === "low" || block.part === "high";
    const mean = isExtreme ? means.get(block.name) : undefined;
    words.forEach((word, i) => {
      words[i] = word + ((mean === undefined ? words[i - row] : mean[i]) ?? 0) - BIAS;
    });
    if (block.part === "value") means.set(block.name, words);
  }
}
