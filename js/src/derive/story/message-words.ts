import { formatCount } from "../../util/format.ts";
import { type Named, titleOf, titlesOf } from "./layer-title.ts";

/** A name that is a number, or several with dots between them. */
const NUMBER = "\\d+(?:\\.\\d+)*";
/** Where a message has the name of a layer rather than a step or a count. */
const PLACES = new RegExp(
  [
    `^${NUMBER}(?= gets )`,
    `(?<=gradient than )${NUMBER}`,
    `(?<=there is some at )${NUMBER}`,
    `(?<=on its way from )${NUMBER}(?= back to )`,
    `(?<= back to )${NUMBER}`,
    `(?<=between )${NUMBER}(?= and ${NUMBER} \\()`,
    `(?<=between ${NUMBER} and )${NUMBER}(?= \\()`,
    `(?<= than those of )${NUMBER}`,
  ].join("|"),
  "g",
);
/** Layers that are listed: "layers 0, 2 and 4", "layers 0, 2, 4 and 3 more". */
const LIST = new RegExp(
  `\\blayers? (${NUMBER}(?:, ${NUMBER})*(?: and ${NUMBER}\\b(?! more))?)`,
  "g",
);
/** A name with a word in it that ends in a number, or in several with dots between them. */
const DOTTED = /(?<![\w.])[\w.]*[A-Za-z_]\w*(?:\.\d+)+(?![\w.]*\w)/g;

/** Names that Python writes out before it counts the others. */
const WRITTEN = 3;

/**
 * A message in which layers that only have a number are called by their kind and number.
 *
 * `all` are the layers of the network in their order. Where the message lists them, or `layers`,
 * those that follow each other become a range.
 */
export function withTitles(
  message: string,
  all: readonly Named[],
  layers: readonly string[] = [],
): string {
  const network = all.map(({ name }) => name);
  return titled(withRange(withRange(message, layers, all), network, all), all);
}

/** "layers 0, 2, 4 and 14 more" as "Linear 0–32", or as "all 17 layers". */
function withRange(message: string, layers: readonly string[], all: readonly Named[]): string {
  const others = layers.length - WRITTEN;
  if (others <= 0) return message;
  const written = layers.slice(0, WRITTEN);
  const kind = written.every((name) => /^\d+$/.test(name)) ? "layers " : "";
  const listed = `${kind}${written.join(", ")} and ${others} more`;
  if (!message.includes(listed)) return message;
  if (layers.length === all.length)
    return message.replace(listed, `all ${formatCount(all.length)} layers`);
  const ranges = titlesOf(layers, all).map(({ text }) => text);
  if (ranges.length > WRITTEN) return message;
  const last = ranges.pop() ?? "";
  return message.replace(listed, () => [ranges.join(", "), last].filter(Boolean).join(" and "));
}

function titled(message: string, all: readonly Named[]): string {
  const kinds = new Map(
    all.filter((layer) => titleOf(layer) !== layer.name).map(({ name, kind }) => [name, kind]),
  );
  if (kinds.size === 0) return message;
  const called = (name: string): string => {
    const kind = kinds.get(name);
    return kind === undefined ? name : titleOf({ name, kind });
  };
  const listed = (whole: string, names: string): string => {
    const list = names.match(new RegExp(NUMBER, "g")) ?? [];
    const kind = kinds.get(list[0] ?? "");
    if (kind === undefined || list.some((name) => kinds.get(name) !== kind)) return whole;
    return list.some((name) => name.includes("."))
      ? names.replace(new RegExp(NUMBER, "g"), called)
      : `${kind} ${names}`;
  };
  return message.replace(LIST, listed).replace(PLACES, called).replace(DOTTED, called);
}
