/** A kind of fault, and how it is tried. */
import type { Bench, Outcome } from "./bench.ts";

/** At which steps: all, every so manieth of them, or only where it hurts most. */
export type Which = "telling" | number;

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
