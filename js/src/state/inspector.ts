import type { LayerInspection } from "../protocol/messages.gen.ts";
import { Emitter } from "../util/emitter.ts";
import type { LoopControl } from "./loop-control.ts";

/** Milliseconds between two requests for an open layer; Python inspects it for longer than that. */
const RENEWED = 2000;

/** What is known of one layer. */
interface Known {
  newest: LayerInspection | null;
  refusal: string;
  /** Whether a request is on its way. */
  isPending: boolean;
  requestedAt: number;
  /** The step after which the loop was paused then: after another step there is something new. */
  pausedAt: number | null;
}

/** Requests inspections of layers as long as they are open, and keeps the newest of each. */
export class Inspector extends Emitter {
  readonly #loop: LoopControl;
  readonly #layers = new Map<string, Known>();
  readonly #now: () => number;

  constructor(loop: LoopControl, now: () => number = () => performance.now()) {
    super();
    this.#loop = loop;
    this.#now = now;
  }

  /** Why there is no inspection of a layer yet. */
  whyNone(layer: string): string {
    const { refusal, isPending } = this.#known(layer);
    if (refusal !== "") return refusal;
    if (this.#loop.state.mode === "closed") return "Nothing is watched any more.";
    if (this.#loop.isDelayed) return "In this notebook it comes when the running cell ends.";
    return isPending ? "Waiting for the kernel." : "Comes with the next step.";
  }

  receive(message: LayerInspection): void {
    this.#known(message.layer).newest = message;
    this.emit();
  }

  /** The newest inspection of a layer that is open; requests another one when it is due. */
  inspect(layer: string): LayerInspection | null {
    const known = this.#known(layer);
    const { mode, step } = this.#loop.state;
    const pausedAt = mode === "paused" ? step : null;
    const isDue =
      pausedAt === null ? this.#now() - known.requestedAt >= RENEWED : pausedAt !== known.pausedAt;
    // One at a time: without a subshell requests pile up until the cell ends.
    if (isDue && !known.isPending && mode !== "closed") {
      Object.assign(known, { isPending: true, requestedAt: this.#now(), pausedAt });
      this.#loop.inspect(layer, ({ ok, text }) => {
        known.isPending = false;
        known.refusal = ok ? "" : text;
      });
    }
    return known.newest;
  }

  #known(layer: string): Known {
    let known = this.#layers.get(layer);
    if (known === undefined) {
      known = {
        newest: null,
        refusal: "",
        isPending: false,
        requestedAt: Number.NEGATIVE_INFINITY,
        pausedAt: null,
      };
      this.#layers.set(layer, known);
    }
    return known;
  }
}
