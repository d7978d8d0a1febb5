/** What `npm run bench:scale` finds, as it writes it with `--out`, and as tables of Markdown. */

import { markdown } from "./table.ts";

/** Who brings the sites: `pulumi up` of this checkout or of the one beside it, this push program alone, or Ansible. */
const ways = [
  "pulumi",
  "pulumi beside",
  "push alone",
  "Ansible one archive",
  "Ansible file by file",
] as const;
export type Way = (typeof ways)[number];

export const steps = ["first", "one site changed", "nothing changed"] as const;
export type Step = (typeof steps)[number];

/** What one step took. */
export interface Cost {
  /** Of the clock. */
  readonly seconds: number;
  /** Seconds of processor: of this program with all that `pulumi` runs in it, or that pushes. */
  readonly program: number;
  /** Of the processes that it started: the engine with its plugins, `ssh`, Ansible. */
  readonly engine: number;
  /** Of all hosts together. */
  readonly hosts: number;
  /** Megabytes of the largest process, the program's own included. */
  readonly memory: number;
}

/** One step of one size. */
export interface Figure {
  /** How many sites, beside the lab's own two. */
  readonly sites: number;
  /** How many hosts get each of them. */
  readonly hosts: number;
  readonly way: Way;
  /** With `pulumi`, nothing is changed by a preview; else by doing the same again. */
  readonly step: Step;
  readonly cost: Cost;
}

/** What is there after the steps of `pulumi`. */
export interface Stock {
  readonly sites: number;
  readonly hosts: number;
  readonly way: Way;
  /** Megabytes of the state. */
  readonly state: number;
  /** Megabytes of memory that one host's processes have, with all instances running. */
  readonly host: number;
}

/** The file. */
export interface Figures {
  /** For example 2026-11-30. */
  readonly date: string;
  /** For example "2 × AMD EPYC". */
  readonly processors: string;
  /** The machine's load over 15 minutes, at the end. */
  readonly load: number;
  /** The versions compared, as Git describes them. */
  readonly versions: Partial<Record<Way, string>>;
  readonly figures: readonly Figure[];
  readonly stocks: readonly Stock[];
}

/** What was measured for a step, if it was. */
export function costOf(
  { figures }: Figures,
  size: Pick<Figure, "sites" | "hosts">,
  way: Way,
  step: Step,
): Cost | undefined {
  const found = figures.find(
    (it) => it.sites === size.sites && it.hosts === size.hosts && it.way === way && it.step === step,
  );
  return found?.cost;
}

/** The seconds of every step, and what an environment of each size takes; with the conditions below. */
export function scaleTables(measured: Figures): string {
  const present = ways.filter((way) => measured.figures.some((it) => it.way === way));
  const sizes = [
    ...new Map(measured.figures.map((it) => [`${it.sites} to ${it.hosts}`, it] as const)).entries(),
  ];
  const seconds = sizes.flatMap(([title, size]) =>
    steps.map((step) => [
      title,
      step,
      ...present.map((way) => rounded(costOf(measured, size, way, step)?.seconds)),
    ]),
  );
  const resources = measured.stocks.map(({ sites, hosts, way, state, host }) => {
    const of = (step: Step) => costOf(measured, { sites, hosts }, way, step);
    const cpu = (cost: Cost | undefined) =>
      [cost?.program, cost?.engine, cost?.hosts].map(rounded).join(" / ");
    const memory = Math.max(...steps.map((step) => of(step)?.memory ?? 0));
    return [
      `${sites} to ${hosts}`,
      titleOf(measured, way),
      ...steps.map((step) => cpu(of(step))),
      memory.toFixed(0),
      host.toFixed(0),
      state.toFixed(2),
    ];
  });
  return [
    markdown(["Sites to hosts", "", ...present.map((way) => titleOf(measured, way))], seconds),
    markdown(
      [
        "Sites to hosts",
        "",
        "CPU s, first",
        "CPU s, one site changed",
        "CPU s, nothing changed",
        "largest process, MB",
        "one host, MB",
        "state, MB",
      ],
      resources,
    ),
    `${measured.date}, ${measured.processors}, load ${measured.load.toFixed(1)} over the last 15 minutes.`,
  ].join("\n\n");
}

function titleOf({ versions }: Figures, way: Way): string {
  const version = versions[way];
  return version === undefined ? way : `${way.replace(" beside", "")}, ${version}`;
}

function rounded(value: number | undefined): string {
  return value === undefined ? "" : value.toFixed(1);
}
