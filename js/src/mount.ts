import type { Bars } from "./bars/bars.ts";
import { borderOf } from "./derive/story/border.ts";
import { causesOf, keyOf, leadOf, metricOf } from "./derive/story/lead.ts";
import { outcomeOf, whatCameOf } from "./derive/story/outcome.ts";
import { Findings } from "./panels/finding/findings.ts";
import { LayerDetail } from "./panels/layer-detail.ts";
import { Problems } from "./panels/problems.ts";
import { Processes } from "./panels/processes.ts";
import { Strip } from "./panels/strip/strip.ts";
import { Picture } from "./picture/picture.ts";
import type { FindingInfo } from "./protocol/messages.gen.ts";
import type { Inspector } from "./state/inspector.ts";
import type { LoopControl } from "./state/loop-control.ts";
import type { Store } from "./state/store.ts";
import { ViewOptions } from "./state/view-options.ts";
import { element, setAttribute } from "./util/dom.ts";
import { onTheme } from "./util/on-theme.ts";
import { keepOwnKeys } from "./util/own-keys.ts";
import { redraw } from "./util/redraw.ts";
import { Sizes } from "./util/sizes.ts";

/**
 * Draws a run into any element; the returned function removes it again. Without `loop` there is
 * none to control, without `inspector` no layer can be inspected.
 */
export function mount(
  el: HTMLElement,
  store: Store,
  bars: Bars,
  loop: LoopControl | null = null,
  inspector: Inspector | null = null,
): () => void {
  const options = new ViewOptions();
  const strip = new Strip(options, loop, (change) => whatCameOf(change, store));
  // Sizes are known once the page has laid out a frame: what depends on them is drawn in the next.
  const sizes = new Sizes(() => drawing.later());
  const picture = new Picture(store, options, bars, sizes);
  const detail = new LayerDetail(options, inspector);
  const point = (finding: FindingInfo): void => {
    const metric = metricOf(finding, store);
    if (metric !== null) options.choose(metric);
    options.change({ pointed: keyOf(finding) });
  };
  const findings = new Findings({
    onShow: (finding, layer) => {
      // A second click on what is shown shows everything alike again.
      if (layer === null && options.choices.pointed === keyOf(finding)) {
        options.change({ pointed: null });
        return;
      }
      point(finding);
      const first = layer ?? finding.layers[0];
      if (first !== undefined) picture.reveal(first);
    },
    toBorder: (finding) => {
      const border = borderOf(finding, store, null);
      if (border === null) return null;
      return () => {
        point(finding);
        picture.revealBorder(border);
      };
    },
    onTravel: (step) => options.change({ cursor: step }),
    loop,
    outcome: (finding, change) => outcomeOf(finding, change, store),
  });
  const processes = new Processes();
  const problems = new Problems();
  const side = element("div", { class: "gw-side" }, detail.node, findings.node);
  const main = element("div", { class: "gw-main" }, picture.node, side);
  const parts = [...strip.nodes, main, processes.node, problems.node];
  const root = element("div", { class: "gw", role: "region" }, ...parts);
  strip.listenToKeys(root);
  picture.listenToKeys(root);

  const draw = (): void => {
    const lead = leadOf(store);
    if (lead !== null && lead.metric !== null)
      options.follow(`${lead.cause.symptom} ${lead.metric}`, lead.metric);
    setAttribute(root, "aria-label", `gradwidget: ${store.model}`);
    strip.update(store);
    picture.timeline.changes = loop?.state.changes ?? [];
    picture.update();
    // One card fits below a low picture; several would make it too high for one screen.
    const isBelow = picture.isLow && causesOf(store).length < 2;
    setAttribute(main, "data-side", isBelow ? "below" : "beside");
    setAttribute(main, "data-sick", String(lead !== null));
    detail.update(store, options, picture.timeline.axis);
    findings.update(store);
    processes.update(store.processes);
    problems.update(store.problems);
  };
  const drawing = redraw(draw);
  el.classList.add("gw-host");
  el.append(root);
  draw();
  picture.attach();

  // What the reader does shows at once; what a run brings, as often as there is time for.
  const leave = [options, loop, inspector].map((each) => each?.subscribe(drawing.soon));
  leave.push(store.subscribe(drawing.inTurn));
  leave.push(keepOwnKeys(root));
  leave.push(
    onTheme(() => {
      picture.invalidateColors();
      drawing.soon();
    }),
  );
  return () => {
    for (const end of leave) end?.();
    sizes.disconnect();
    drawing.cancel();
    bars.remove();
    root.remove();
  };
}
