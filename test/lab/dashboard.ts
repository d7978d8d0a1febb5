/** What a Grafana dashboard asks Prometheus, with all of its variables at "All". */
import { readFile } from "node:fs/promises";

/** A query. */
export interface DashboardQuery {
  /** Of its panel, annotation or variable; for a table with the column. */
  readonly title: string;
  readonly expr: string;
}

interface Model {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  }[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

/** The queries of a dashboard in Grafana's classic model; those of variables as the metric whose labels they list. */
export async function queriesOf(file: string): Promise<DashboardQuery[]> {
  const { panels, annotations, templating } = JSON.parse(await readFile(file, "utf8")) as Model;
  const variables = templating.list.map(({ name }) => name);
  const all = (expr: string) => variables.reduce((text, name) => text.replaceAll(`"$${name}"`, '".*"'), expr);
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({
        title: targets.length > 1 ? `${title} ${refId}` : title,
        expr: all(expr),
      })),
    ),
    ...annotations.list.map(({ name, expr }) => ({ title: name, expr: all(expr) })),
    ...templating.list.flatMap(({ name, query }) => {
      const [, metric] = /^label_values\((.*), \w+\)$/.exec(query) ?? [];
      return metric === undefined ? [] : [{ title: `$${name}`, expr: all(metric) }];
    }),
  ];
}
