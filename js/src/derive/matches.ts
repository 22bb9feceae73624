import type { LayerInfo } from "../protocol/messages.gen.ts";
import { titleOf } from "./story/layer-title.ts";

/** The names of the layers whose name, or title, has a text in it; none for an empty text. */
export function matchesOf(layers: readonly LayerInfo[], text: string): string[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  return layers
    .filter((layer) => `${layer.name}\n${titleOf(layer)}`.toLowerCase().includes(wanted))
    .map(({ name }) => name);
}
