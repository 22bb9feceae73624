import type { Bars } from "./bars.ts";
import { Picture } from "./picture.ts";
import type { Store } from "./store.ts";
import { element, setAttribute } from "./util/dom.ts";
import { onFrame } from "./util/on-frame.ts";
import { Findings } from "./views/findings.ts";
import { Problems } from "./views/problems.ts";
import { Strip } from "./views/strip.ts";

/** Draws a run into an element, wherever that is; the returned function takes it away again. */
export function mount(el: HTMLElement, source: Store, bars: Bars): () => void {
  const strip = new Strip();
  const picture = new Picture(source, bars);
  const findings = new Findings();
  const problems = new Problems();
  const main = element("div", { class: "gw-main" }, picture.node, findings.node);
  const root = element("div", { class: "gw", role: "region" }, strip.node, main, problems.node);
  const draw = (): void => {
    setAttribute(root, "aria-label", `gradwidget: ${source.model}`);
    strip.update(source);
    picture.update();
    findings.update(source.findings, source.status.step !== null);
    problems.update(source.problems);
  };
  const frame = onFrame(draw);
  const resized = new ResizeObserver(frame.request);
  el.append(root);
  draw();
  picture.attach().catch((error: unknown) => {
    root.append(element("p", { class: "gw-failure", text: `The bars could not be drawn: ${String(error)}` }));
  });
  resized.observe(root);
  const unsubscribe = source.subscribe(frame.request);
  return () => {
    unsubscribe();
    resized.disconnect();
    frame.cancel();
    bars.remove();
    root.remove();
  };
}
