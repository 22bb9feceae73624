import type { Comm } from "../protocol/comm.ts";
import type {
  Answer,
  ChangeInfo,
  ControlState,
  FindingInfo,
  Request,
  ResponseInfo,
} from "../protocol/messages.gen.ts";
import { Emitter } from "../util/emitter.ts";

type WithoutId<T> = T extends Request ? Omit<T, "request"> : never;

/** What a reader sees until a change has been made, which a loop that is over never does. */
export const REQUESTED = "Requested: done after the next step. If the loop is over, run it again.";

/** The state of the loop before Python has sent any. */
export const UNCONTROLLED: ControlState = {
  kind: "control",
  mode: "running",
  left: 0,
  step: null,
  reason: "",
  changes: [],
  responses: [],
};

/** Controls the loop from the page: sends requests and keeps the state that Python reports. */
export class LoopControl extends Emitter {
  state: ControlState = UNCONTROLLED;
  /** True once it is known that requests wait until the running cell ends. */
  isDelayed = false;
  /** What became of the latest request for each change, by what it changes. */
  readonly notes = new Map<string, string>();
  /** The last refusal that belongs to no change. */
  refusal = "";
  readonly #comm: Comm;
  readonly #unanswered = new Map<string, (answer: Answer) => void>();
  /** Responses that the reader has chosen and Python has not answered yet. */
  readonly #chosen = new Set<ResponseInfo>();
  #sent = 0;

  constructor(comm: Comm) {
    super();
    this.#comm = comm;
    comm.immediate.then((immediate) => {
      this.isDelayed = !immediate;
      this.emit();
    });
  }

  get isPaused(): boolean {
    return this.state.mode === "paused";
  }

  /** Nothing more comes, and nothing can be asked for; `why` is a sentence for the reader. */
  end(why: string): void {
    this.state = { ...this.state, mode: "closed" };
    this.refusal = why;
    this.emit();
  }

  receive(message: ControlState | Answer): void {
    if (message.kind === "control") {
      this.state = message;
      // It may have been on its way already when the reader chose.
      for (const response of this.#chosen) this.#assume(response);
    } else {
      // Answers go to every page of the widget; this one may not have asked.
      this.#unanswered.get(message.request)?.(message);
      this.#unanswered.delete(message.request);
    }
    this.emit();
  }

  /** Pauses a running loop; resumes a paused or stepping one. */
  toggle(): void {
    this.#send({ kind: this.state.mode === "running" ? "pause" : "resume" });
  }

  step(count: number): void {
    this.#send({ kind: "step", count });
  }

  pauseOn(severity: "warning" | "critical", pause: boolean): void {
    const before = this.state.responses.find((known) => known.severity === severity);
    const after: ResponseInfo = { severity, response: pause ? "pause" : null };
    // At once, else the next drawing would undo the reader's choice until Python has confirmed it.
    this.#chosen.add(after);
    this.#assume(after);
    this.#send({ kind: "pause_on", severity, pause }, (answer) => {
      this.#chosen.delete(after);
      this.refusal = answer.ok ? "" : answer.text;
      if (!answer.ok && before !== undefined) this.#assume(before);
    });
  }

  apply({ symptom, reported_step }: FindingInfo, change: string): void {
    this.#sendChange(change, { kind: "apply", symptom, reported_step, change });
  }

  undo({ number, text }: ChangeInfo): void {
    this.#sendChange(text, { kind: "undo", number });
  }

  /** Requests the inspection of a layer; its results come in messages of their own. */
  inspect(layer: string, answered: (answer: Answer) => void): void {
    this.#send({ kind: "inspect", layer }, answered);
  }

  /** The change in force that a remedy has made, if any. */
  inForce(change: string): ChangeInfo | undefined {
    return this.state.changes.findLast(
      ({ text, undone_step }) => text === change && undone_step === null,
    );
  }

  #assume(response: ResponseInfo): void {
    const responses = this.state.responses.map((known) =>
      known.severity === response.severity ? response : known,
    );
    this.state = { ...this.state, responses };
  }

  #sendChange(change: string, request: WithoutId<Request>): void {
    this.notes.set(change, this.isPaused ? "" : REQUESTED);
    this.#send(request, (answer) =>
      this.notes.set(change, answer.ok ? "" : `Not done: ${answer.text}`),
    );
    this.emit();
  }

  #send(request: WithoutId<Request>, answered?: (answer: Answer) => void): void {
    const id = `${Math.random().toString(36).slice(2)}-${this.#sent++}`;
    this.#unanswered.set(id, (answer) => {
      if (answered !== undefined) answered(answer);
      else this.refusal = answer.ok ? "" : answer.text;
    });
    this.#comm.send({ ...request, request: id } as Request);
  }
}
