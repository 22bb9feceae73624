import type { Bars } from "./bars.ts";
import type { Inspector } from "./inspector.ts";
import { Lens } from "./lens.ts";
import { Picture } from "./picture.ts";
import type { Remote } from "./remote.ts";
import type { Store } from "./store.ts";
import { element, setAttribute } from "./util/dom.ts";
import { onFrame } from "./util/on-frame.ts";
import { onTheme } from "./util/on-theme.ts";
import { keepOwnKeys } from "./util/own-keys.ts";
import { Controls } from "./views/controls.ts";
import { Detail } from "./views/detail.ts";
import { Findings } from "./views/findings.ts";
import { Problems } from "./views/problems.ts";
import { Strip } from "./views/strip.ts";

/**
 * Draws a run into an element, wherever that is; the returned function takes it away again. Without a `remote` there
 * is no loop to control, without an `inspector` none to look into.
 */
export function mount(
  el: HTMLElement,
  source: Store,
  bars: Bars,
  remote: Remote | null = null,
  inspector: Inspector | null = null,
): () => void {
  const lens = new Lens();
  const strip = new Strip(lens);
  const picture = new Picture(source, lens, bars);
  const detail = new Detail(lens, inspector);
  const findings = new Findings({
    onShow: (layers, first) => {
      lens.change({ highlighted: new Set(layers) });
      picture.reveal(first);
    },
    onTravel: (step) => lens.change({ cursor: step }),
    remote,
  });
  const controls = remote === null ? null : new Controls(remote);
  const problems = new Problems();
  const side = element("div", { class: "gw-side" }, detail.node, findings.node);
  const main = element("div", { class: "gw-main" }, picture.node, side);
  const root = element("div", { class: "gw", role: "region" }, strip.node, main, problems.node);
  const draw = (): void => {
    setAttribute(root, "aria-label", `gradwidget: ${source.model}`);
    strip.update(source);
    controls?.update();
    picture.timeline.changes = remote?.state.changes ?? [];
    picture.update();
    detail.update(source, lens, picture.timeline.span);
    findings.update(source.findings, source.status.step !== null);
    problems.update(source.problems);
    // Out of sight nothing is drawn. Observed anew, it is drawn once it has a size, even where that is the one it had:
    // JupyterLab hides it for a moment while it changes its theme.
    if (root.clientWidth === 0) {
      resized.unobserve(root);
      resized.observe(root);
    }
  };
  if (controls !== null) {
    strip.node.after(controls.node);
    controls.listenToKeys(root);
  }
  const frame = onFrame(draw);
  const resized = new ResizeObserver(frame.request);
  el.append(root);
  draw();
  picture.attach().catch((error: unknown) => {
    root.append(element("p", { class: "gw-failure", text: `The bars could not be drawn: ${String(error)}` }));
  });
  resized.observe(root);
  lens.subscribe(frame.request);
  const unsubscribe = source.subscribe(frame.request);
  const leaveRemote = remote?.subscribe(frame.request);
  const leaveInspector = inspector?.subscribe(frame.request);
  const leaveKeys = keepOwnKeys(root);
  const leaveTheme = onTheme(() => {
    picture.recolour();
    frame.request();
  });
  return () => {
    unsubscribe();
    leaveRemote?.();
    leaveInspector?.();
    leaveTheme();
    leaveKeys();
    resized.disconnect();
    frame.cancel();
    bars.remove();
    root.remove();
  };
}
