/**
 * Why something of these layers is not measured, each different reason once; with several layers,
 * also how many it applies to.
 */
export function reasonsFor(layers: string[], reasons: ReadonlyMap<string, string>): string[] {
  const counts = new Map<string, number>();
  for (const layer of layers) {
    const reason = reasons.get(layer);
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  if (layers.length === 1) return [...counts.keys()];
  return [...counts].map(([reason, count]) => `${count} of ${layers.length}: ${reason}`);
}
