import type { Channel } from "../protocol/comm.ts";
import type {
  Answer,
  ChangeInfo,
  ControlState,
  FindingInfo,
  Request,
  ResponseInfo,
} from "../protocol/messages.gen.ts";

type Distributed<T> = T extends Request ? Omit<T, "request"> : never;

/** How things stand while nobody has said otherwise. */
export const FREE: ControlState = {
  kind: "control",
  mode: "running",
  left: 0,
  step: null,
  reason: "",
  changes: [],
  responses: [],
};

/** The page's hand on the loop: sends requests, and knows how things stand. */
export class Remote {
  state: ControlState = FREE;
  /** True once it is known that requests wait until the running cell ends. */
  waits = false;
  /** The last word on each change that was asked for, by what it changes. */
  readonly notes = new Map<string, string>();
  /** The last refusal that belongs to no change. */
  refusal = "";
  readonly #channel: Channel;
  readonly #listeners = new Set<() => void>();
  readonly #open = new Map<string, (answer: Answer) => void>();
  /** What the reader has ticked and Python not yet answered. */
  readonly #ticked = new Set<ResponseInfo>();
  #asked = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.immediate.then((immediate) => {
      this.waits = !immediate;
      this.#tell();
    });
  }

  get isHeld(): boolean {
    return this.state.mode === "paused";
  }

  /** Takes in what Python says. */
  take(message: ControlState | Answer): void {
    if (message.kind === "control") {
      this.state = message;
      // It may have been on its way already when the reader ticked.
      for (const response of this.#ticked) this.#expect(response);
    } else {
      // Answers go to every page of the widget; this one may not have asked.
      this.#open.get(message.request)?.(message);
      this.#open.delete(message.request);
    }
    this.#tell();
  }

  /** Lets a held or stepping loop run on; holds one that runs. */
  toggle(): void {
    this.#ask({ kind: this.state.mode === "running" ? "pause" : "resume" });
  }

  step(count: number): void {
    this.#ask({ kind: "step", count });
  }

  pauseOn(severity: "warning" | "critical", pause: boolean): void {
    const before = this.state.responses.find((known) => known.severity === severity);
    const after: ResponseInfo = { severity, response: pause ? "pause" : null };
    // At once, else the next drawing would take the reader's tick away before Python has confirmed it.
    this.#ticked.add(after);
    this.#expect(after);
    this.#ask({ kind: "pause_on", severity, pause }, (answer) => {
      this.#ticked.delete(after);
      this.refusal = answer.ok ? "" : answer.text;
      if (!answer.ok && before !== undefined) this.#expect(before);
    });
  }

  apply({ symptom, reported_step }: FindingInfo, change: string): void {
    this.#askAbout(change, { kind: "apply", symptom, reported_step, change });
  }

  undo({ number, text }: ChangeInfo): void {
    this.#askAbout(text, { kind: "undo", number });
  }

  /** Asks for a close look at a layer; what is seen comes in messages of its own. */
  inspect(layer: string, answered: (answer: Answer) => void): void {
    this.#ask({ kind: "inspect", layer }, answered);
  }

  /** The change in force that a remedy brought about, if any. */
  inForce(change: string): ChangeInfo | undefined {
    return this.state.changes.findLast(
      ({ text, undone_step }) => text === change && undone_step === null,
    );
  }

  /** Calls `listener` after each change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #expect(response: ResponseInfo): void {
    const responses = this.state.responses.map((known) =>
      known.severity === response.severity ? response : known,
    );
    this.state = { ...this.state, responses };
  }

  #askAbout(change: string, request: Distributed<Request>): void {
    this.notes.set(change, this.isHeld ? "" : "Asked for; done between two steps.");
    this.#ask(request, (answer) =>
      this.notes.set(change, answer.ok ? "" : `Not done: ${answer.text}`),
    );
    this.#tell();
  }

  #ask(request: Distributed<Request>, answered?: (answer: Answer) => void): void {
    const id = `${Math.random().toString(36).slice(2)}-${this.#asked++}`;
    this.#open.set(id, (answer) => {
      if (answered !== undefined) answered(answer);
      else this.refusal = answer.ok ? "" : answer.text;
    });
    this.#channel.send({ ...request, request: id } as Request);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
