import type { AnyModel, InitializeProps, RenderProps } from "@anywidget/types";
import { BqplotBars } from "./bars/bqplot-bars.ts";
import { mount } from "./mount.ts";
import { channelOf } from "./protocol/comm.ts";
import type { ToPage } from "./protocol/messages.gen.ts";
import { Inspector } from "./state/inspector.ts";
import { Remote } from "./state/loop-control.ts";
import { Store } from "./state/store.ts";

/** The traits that Python syncs; everything else comes in messages. */
interface Traits {
  _figure: string;
  _model_class: string;
  _comm_id: string;
  [key: string]: unknown;
}

/** anywidget's glue: one store a widget, filled from the first message on, however many views look at it. */
export default () => {
  let store: Store;
  let remote: Remote;
  let inspector: Inspector;
  return {
    initialize({ model }: InitializeProps<Traits>): void {
      store = new Store(model.get("_model_class"));
      const channel = channelOf(model as AnyModel, model.get("_comm_id"));
      remote = new Remote(channel);
      inspector = new Inspector(remote);
      model.on("msg:custom", (message: ToPage, [data]: DataView[]) => {
        if (message.kind === "control" || message.kind === "answer") remote.take(message);
        else if (message.kind === "inspection") inspector.take(message);
        else if (data !== undefined) {
          store.apply(message, data);
          // From now on the static forms of the saved notebook are not needed (style/theme.css).
          document.documentElement.setAttribute("data-gradwidget", "live");
        }
      });
      // A page that opens in the middle of a run has missed what came before.
      channel.send({ kind: "hello" });
    },
    render({ model, el }: RenderProps<Traits>): () => void {
      return mount(el, store, new BqplotBars(model as AnyModel, "_figure"), remote, inspector);
    },
  };
};
