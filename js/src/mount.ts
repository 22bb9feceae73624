import type { Bars } from "./bars/bars.ts";
import { Controls } from "./panels/controls.ts";
import { Findings } from "./panels/findings.ts";
import { Strip } from "./panels/headline.ts";
import { Detail } from "./panels/layer-detail.ts";
import { Problems } from "./panels/problems.ts";
import { Picture } from "./picture/picture.ts";
import type { Inspector } from "./state/inspector.ts";
import type { Remote } from "./state/loop-control.ts";
import type { Store } from "./state/store.ts";
import { Lens } from "./state/view-options.ts";
import { element, setAttribute } from "./util/dom.ts";
import { onTheme } from "./util/on-theme.ts";
import { keepOwnKeys } from "./util/own-keys.ts";
import { redraw } from "./util/redraw.ts";
import { Sizes } from "./util/sizes.ts";

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
  // The page tells of sizes once it has laid out a frame: what they change is drawn in the next.
  const sizes = new Sizes(() => drawing.later());
  const picture = new Picture(source, lens, bars, sizes);
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
    setAttribute(main, "data-side", picture.isLow ? "below" : "beside");
    detail.update(source, lens, picture.timeline.span);
    findings.update(source.findings, source.status.step !== null);
    problems.update(source.problems);
  };
  if (controls !== null) {
    strip.node.after(controls.node);
    controls.listenToKeys(root);
  }
  const drawing = redraw(draw);
  el.append(root);
  draw();
  picture.attach().catch((error: unknown) => {
    root.append(
      element("p", { class: "gw-failure", text: `The bars could not be drawn: ${String(error)}` }),
    );
  });
  lens.subscribe(drawing.soon);
  const unsubscribe = source.subscribe(drawing.soon);
  const leaveRemote = remote?.subscribe(drawing.soon);
  const leaveInspector = inspector?.subscribe(drawing.soon);
  const leaveKeys = keepOwnKeys(root);
  const leaveTheme = onTheme(() => {
    picture.recolour();
    drawing.later();
  });
  return () => {
    unsubscribe();
    leaveRemote?.();
    leaveInspector?.();
    leaveTheme();
    leaveKeys();
    sizes.end();
    drawing.cancel();
    bars.remove();
    root.remove();
  };
}
