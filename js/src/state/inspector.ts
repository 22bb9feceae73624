import type { LayerInspection } from "../protocol/messages.gen.ts";
import type { Remote } from "./loop-control.ts";

/** Milliseconds between two requests for a layer that stays open; Python looks into it for longer than that. */
const AGAIN = 2000;

/** What is known of one layer. */
interface Known {
  seen: LayerInspection | null;
  refusal: string;
  isAsked: boolean;
  askedAt: number;
  /** What was true when it was asked for: a loop that is held after another step has something new to show. */
  held: number | null;
}

/** Asks for a close look at layers as long as somebody has them open, and keeps what was seen last. */
export class Inspector {
  readonly #remote: Remote;
  readonly #layers = new Map<string, Known>();
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();

  constructor(remote: Remote, now: () => number = () => performance.now()) {
    this.#remote = remote;
    this.#now = now;
  }

  /** Why there is nothing to be seen of a layer yet. */
  excuse(layer: string): string {
    const { refusal, isAsked } = this.#known(layer);
    if (refusal !== "") return refusal;
    if (this.#remote.state.mode === "closed") return "Nothing is watched any more.";
    if (this.#remote.waits) return "No subshell here: comes when the running cell ends.";
    return isAsked ? "Waiting for the kernel." : "Comes with the next step.";
  }

  take(message: LayerInspection): void {
    this.#known(message.layer).seen = message;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` whenever something was seen until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What was seen of a layer last, which is open: asks for news where it is time to. */
  look(layer: string): LayerInspection | null {
    const known = this.#known(layer);
    const { mode, step } = this.#remote.state;
    const held = mode === "paused" ? step : null;
    const isDue = held === null ? this.#now() - known.askedAt >= AGAIN : held !== known.held;
    // One at a time: without a subshell requests pile up until the cell ends.
    if (isDue && !known.isAsked && mode !== "closed") {
      Object.assign(known, { isAsked: true, askedAt: this.#now(), held });
      this.#remote.inspect(layer, ({ ok, text }) => {
        known.isAsked = false;
        known.refusal = ok ? "" : text;
      });
    }
    return known.seen;
  }

  #known(layer: string): Known {
    let known = this.#layers.get(layer);
    if (known === undefined) {
      known = {
        seen: null,
        refusal: "",
        isAsked: false,
        askedAt: Number.NEGATIVE_INFINITY,
        held: null,
      };
      this.#layers.set(layer, known);
    }
    return known;
  }
}
