import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";
import { BqplotBars } from "./bars/bqplot-bars.ts";
import { LiveBars } from "./bars/live-bars.ts";
import { OwnBars } from "./bars/own-bars.ts";
import { mount } from "./mount.ts";
import { onKernelEnd, openComm } from "./protocol/comm.ts";
import type { ToPage } from "./protocol/messages.gen.ts";
import { Inspector } from "./state/inspector.ts";
import { LoopControl } from "./state/loop-control.ts";
import { Store } from "./state/store.ts";
import { hideSaved } from "./util/hide-saved.ts";

const KERNEL_ENDED = "The kernel has ended: this is the last picture.";

/** The traits that Python syncs; everything else comes in messages. */
interface Traits {
  _figure: string;
  _model_class: string;
  _comm_id: string;
  [key: string]: unknown;
}

/** The widget for anywidget: each has one store, however many views it has. */
export default () => {
  let store: Store;
  let loop: LoopControl;
  let inspector: Inspector;
  return {
    initialize({ model }: InitializeProps<Traits>): () => void {
      let showSaved: (() => void) | null = null;
      store = new Store(model.get("_model_class"));
      const comm = openComm(model as AnyModel, model.get("_comm_id"));
      loop = new LoopControl(comm);
      inspector = new Inspector(loop);
      model.on("msg:custom", (message: ToPage, [data]: DataView[]) => {
        if (message.kind === "control" || message.kind === "answer") loop.receive(message);
        else if (message.kind === "inspection") inspector.receive(message);
        else if (data !== undefined) {
          store.apply(message, data);
          showSaved ??= hideSaved(model.get("_comm_id"));
        }
      });
      // A page that opens in the middle of a run has missed what came before.
      comm.send({ kind: "hello" });
      const leave = onKernelEnd(model as AnyModel, () => loop.end(KERNEL_ENDED));
      return () => {
        leave();
        showSaved?.();
      };
    },
    render({ model, el }: RenderProps<Traits>): () => void {
      const bars = new LiveBars(new OwnBars(), new BqplotBars(model as AnyModel, "_figure"));
      const unmount = mount(el, store, bars, loop, inspector);
      // In a page without a kernel nothing ever comes, and what the notebook has saved says more.
      const show = (): void => {
        el.style.display = store.generation === 0 ? "none" : "";
      };
      show();
      const leave = store.subscribe(show);
      return () => {
        leave();
        unmount();
      };
    },
  };
};
