/** A kind of fault, and how it is tried. */
import type { Bench, Outcome } from "./bench.ts";

/** At which steps: all, every n-th of them, or only the most critical. */
export type Which = "critical" | number;

export interface Fault {
  /** Which kind of docs/faults.md it belongs to. */
  readonly kind: number;
  /** What happens. */
  readonly title: string;
  /** Takes longer than `npm test` can wait. */
  readonly slow?: boolean;
  /**
   * Tries it, step by step.
   */
  readonly tries: (bench: Bench, which: Which) => AsyncIterable<Outcome>;
}
