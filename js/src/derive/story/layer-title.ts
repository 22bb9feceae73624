/** What of a layer its title is made of. */
export interface Named {
  name: string;
  kind: string;
}

/** A title of one layer, or of several that follow each other. */
export interface Titled {
  text: string;
  names: string[];
}

/** Layers that follow each other are one range from this number on. */
const LEAST_RANGE = 3;

/** The kind of a layer that is no module; `frame.py` names it. */
const PARAMETER = "Parameter";

/** A layer's name as a reader says it: a mere number in a sequence has the kind before it. */
export function titleOf({ name, kind }: Named): string {
  // A weight in a list is called as the code calls it: W.3.
  if (kind === PARAMETER) return name;
  return name.replace(/(^|\.)(\d+)$/, `$1${kind} $2`);
}

/** Titles of layers in the order of the network, those that follow each other as ranges: "0–10". */
export function titlesOf(names: readonly string[], all: readonly Named[]): Titled[] {
  const wanted = new Set(names);
  const titles: Titled[] = [];
  let run: Named[] = [];
  const finish = (): void => {
    if (run.length >= LEAST_RANGE) titles.push(rangeOf(run));
    else titles.push(...run.map((layer) => ({ text: titleOf(layer), names: [layer.name] })));
    run = [];
  };
  for (const layer of all) {
    if (wanted.delete(layer.name)) run.push(layer);
    else finish();
  }
  finish();
  // Names that no row has, such as those of a layer that is no longer watched.
  return [...titles, ...[...wanted].map((name) => ({ text: name, names: [name] }))];
}

function rangeOf(run: Named[]): Titled {
  const names = run.map(({ name }) => name);
  const titles = run.map(titleOf);
  const [first, last] = [titles[0] as string, titles.at(-1) as string];
  const start = stemOf(first);
  const counts = start !== first && titles.every((title) => stemOf(title) === start);
  return { text: counts ? `${first}–${last.slice(start.length)}` : `${first} – ${last}`, names };
}

/** What stands before the number at the end. */
function stemOf(title: string): string {
  return title.replace(/\d+$/, "");
}
