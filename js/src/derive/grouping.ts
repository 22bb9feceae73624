/** One row of the picture: a layer, or a group of layers whose names begin alike. */
export interface RowSpec {
  /** The layer's name, or the group's common beginning. */
  key: string;
  label: string;
  depth: number;
  /** Indices of the layers that the row stands for. */
  layers: number[];
  /** Undefined for a layer; for a group, whether its members are shown below it. */
  open?: boolean;
}

interface Branch {
  key: string;
  label: string;
  layers: number[];
  children: Map<string, Branch>;
}

/** Layers up to this number are rows of their own, unless the reader groups them. */
const UNGROUPED = 64;
/** Fewer rows than this do not show how the gradient flows. */
const FEWEST = 12;
/** Rows at most when groups with something wrong in them are opened. */
const MOST_OPENED = 160;
/** A group with more members than this has them in ranges, of which there are not more than that. */
const MOST_MEMBERS = 100;
const MOST_RANGES = 32;

/**
 * The rows for layers with these names, in their order. Many layers are grouped by module path. A
 * group is open if a layer in it is `wrong`, or where that makes too many rows, if others in it are
 * not: it has the place where that changes. The reader's own choice in `chosen` comes first.
 */
export function rowsFor(
  names: string[],
  wrong: (layer: number) => boolean,
  chosen: ReadonlyMap<string, boolean>,
): RowSpec[] {
  if (names.length <= UNGROUPED) return names.map((name, i) => leaf(name, name, 0, i));
  const branches = treeOf(names);
  const fitting = openedToFit(branches);
  const hasWrong = ({ layers }: Branch): boolean => layers.some(wrong);
  const isMixed = (branch: Branch): boolean => hasWrong(branch) && !branch.layers.every(wrong);
  const opened = [hasWrong, isMixed].map((isOpen) =>
    flatten(
      branches,
      (branch) => chosen.get(branch.key) ?? (fitting.has(branch.key) || isOpen(branch)),
    ),
  );
  return (
    opened.find((rows) => rows.length <= MOST_OPENED) ??
    flatten(branches, (branch) => chosen.get(branch.key) ?? fitting.has(branch.key))
  );
}

/** The keys of all groups that a layer is in, which have to be open for it to have its own row. */
export function groupsAround(names: string[], layer: number): string[] {
  const keys: string[] = [];
  let level = names.length <= UNGROUPED ? [] : treeOf(names);
  while (level.length > 0) {
    const branch = level.find(({ layers }) => layers.includes(layer));
    if (branch === undefined || branch.layers.length === 1) break;
    keys.push(branch.key);
    level = [...branch.children.values()].map(withoutChains);
  }
  return keys;
}

/**
 * Groups to open so that about `UNGROUPED` rows are shown: level by level, from the top. If that
 * gives only a few rows, which do not show how the gradient flows, one level more is opened.
 */
function openedToFit(branches: Branch[]): Set<string> {
  const open = new Set<string>();
  let level = branches;
  let rows = branches.length;
  while (level.length > 0) {
    const groups = level.filter((branch) => branch.layers.length > 1);
    const children = groups.map(
      (branch) => [branch, [...branch.children.values()].map(withoutChains)] as const,
    );
    const rowsBefore = rows;
    rows += children.reduce((sum, [, inside]) => sum + inside.length, 0);
    if (rows > (rowsBefore < FEWEST ? MOST_OPENED : UNGROUPED)) break;
    for (const [branch] of children) open.add(branch.key);
    level = children.flatMap(([, inside]) => inside);
  }
  return open;
}

function leaf(key: string, label: string, depth: number, layer: number): RowSpec {
  return { key, label, depth, layers: [layer] };
}

function treeOf(names: string[]): Branch[] {
  const root: Branch = { key: "", label: "", layers: [], children: new Map() };
  names.forEach((name, i) => {
    let branch = root;
    let key = "";
    for (const part of name.split(".")) {
      key = key === "" ? part : `${key}.${part}`;
      let child = branch.children.get(part);
      if (child === undefined) {
        child = { key, label: part, layers: [], children: new Map() };
        branch.children.set(part, child);
      }
      child.layers.push(i);
      branch = child;
    }
  });
  const top = [...inRanges(root).children.values()].map(withoutChains);
  // A model that is one big container would otherwise be a single row.
  return top.length === 1 && top[0] !== undefined && top[0].children.size > 0
    ? childrenOf(top[0])
    : top;
}

/** The same branch with its members in ranges where they are very many, and so all the way down. */
function inRanges(branch: Branch): Branch {
  const members = [...branch.children.values()].map(inRanges);
  const size = members.length <= MOST_MEMBERS ? 1 : sizeOfRanges(members.length);
  const children = new Map<string, Branch>();
  for (let start = 0; start < members.length; start += size) {
    const child = rangeOf(members.slice(start, start + size));
    children.set(child.label, child);
  }
  return { ...branch, children };
}

function rangeOf(members: Branch[]): Branch {
  const [first, last] = [members[0] as Branch, members.at(-1) as Branch];
  if (members.length === 1) return first;
  return {
    key: `${first.key}–${last.label}`,
    label: `${first.label}–${last.label}`,
    layers: members.flatMap(({ layers }) => layers),
    children: new Map(members.map((member) => [member.label, member])),
  };
}

/** Members of a range: a round number. */
function sizeOfRanges(count: number): number {
  for (let power = 1; ; power *= 10)
    for (const digit of [1, 2, 5]) if (count <= MOST_RANGES * digit * power) return digit * power;
}

/** Joins a branch with its only child, repeatedly: `encoder` and `layers` become one. */
function withoutChains(branch: Branch): Branch {
  const [only] = branch.children.values();
  if (
    branch.children.size === 1 &&
    only !== undefined &&
    only.layers.length === branch.layers.length
  ) {
    return withoutChains({ ...only, label: `${branch.label}.${only.label}` });
  }
  return branch;
}

function childrenOf(branch: Branch): Branch[] {
  return [...branch.children.values()].map((child) =>
    withoutChains({ ...child, label: `${branch.label}.${child.label}` }),
  );
}

function flatten(branches: Branch[], isOpen: (branch: Branch) => boolean, depth = 0): RowSpec[] {
  return branches.flatMap((branch) => {
    const [only] = branch.layers;
    if (branch.layers.length === 1 && only !== undefined)
      return [leaf(branch.key, branch.label, depth, only)];
    const open = isOpen(branch);
    const row: RowSpec = {
      key: branch.key,
      label: branch.label,
      depth,
      layers: branch.layers,
      open,
    };
    if (!open) return [row];
    // A layer that owns parameters and has layers inside is a member of its own group.
    const inside = new Set([...branch.children.values()].flatMap((child) => child.layers));
    const own = branch.layers
      .filter((layer) => !inside.has(layer))
      .map((layer) => leaf(branch.key, "(itself)", depth + 1, layer));
    return [
      row,
      ...own,
      ...flatten([...branch.children.values()].map(withoutChains), isOpen, depth + 1),
    ];
  });
}
