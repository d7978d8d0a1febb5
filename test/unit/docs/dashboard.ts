/**
 * The Grafana dashboard, docs/monitoring/dashboard.json, which `npm run docs` makes of this. Its rows are the questions
 * of whoever opens it, in their order.
 */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  TableCellDisplayMode,
  TableSortByFieldStateBuilder,
  VizLegendOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DatasourceVariableBuilder,
  type DynamicConfigValue,
  MappingType,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

const datasource = { type: "prometheus", uid: "${datasource}" };

/** What the variables at the top choose: of metrics of hosts, and of those of sites. */
const onHosts = 'environment=~"$environment",instance=~"$host"';
const ofSites = `${onHosts},site=~"$site"`;

const day = 86_400;

/** The dashboard's JSON, in Grafana's classic model. */
export function dashboard(): string {
  // Grafana 11 knows no other model than the classic one.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const builder = new DashboardBuilder("Protected Sites")
    .uid("protected-sites")
    .description("Made by Protected Sites: docs/monitoring.md")
    .tags(["protected-sites"])
    .time({ from: "now-24h", to: "now" })
    .timezone("browser")
    .refresh("1m")
    .variables(variables())
    .annotation(pushes());
  for (const [question, panels] of rows()) {
    builder.withRow(new RowBuilder(question));
    for (const panel of panels) builder.withPanel(panel);
  }
  const { panels = [], ...rest } = builder.build();
  // The version of Grafana 11.0; newer ones migrate it.
  const complete = {
    ...rest,
    schemaVersion: 39,
    panels: panels.map((it, index) => ({ ...it, id: index + 1 })),
  };
  return `${JSON.stringify(complete, null, 2)}\n`;
}

function rows(): [question: string, panels: Builder<Panel>[]][] {
  return [
    ["Is anything open or broken?", [...troubles(), sitesAndHosts()]],
    ["Who is refused?", refusals()],
    ["How slow is it?", delays()],
    ["What ends soon?", [ends()]],
  ];
}

function troubles(): Builder<Panel>[] {
  const up = `sum(protected_sites_up{${ofSites}})`;
  const zeros = (metric: string) => `sum(protected_sites_${metric}{${ofSites}} == bool 0)`;
  return [
    stat("Open", zeros("closed"), "Requests without a session get in.", "red"),
    stat("Down", zeros("up"), "oauth2-proxy does not answer: nobody can sign in.", "red"),
    stat(
      "Session store down",
      `${zeros("session_store_up")} or ${up} * 0`,
      "The Redis of `sessionStore: redis`. Without such sites this is 0.",
      "red",
    ),
    stat("Drift", zeros("as_pushed"), "Not as pushed, not closed, or Nginx could not restart.", "orange"),
    stat("Failed pushes", zeros("last_push_ok"), "The last push failed; what was live still is.", "orange"),
    stat(
      "Backend without address",
      zeros("backend_resolved"),
      "A backend's name does not resolve.",
      "orange",
    ),
    stat(
      "Certificate not served",
      zeros("certificate_is_new"),
      "Nginx does not serve the certificate in its file.",
      "orange",
    ),
    stat(
      "Oldest metrics",
      `max(time() - protected_sites_written_seconds{${onHosts}})`,
      "How long ago a host wrote what this row shows. It does so every five minutes.",
      "orange",
      900,
    ).unit("s"),
  ];
}

/** The number of sites on hosts that have a trouble; coloured from `limit` on. */
function stat(title: string, expr: string, description: string, color: string, limit = 1): StatBuilder {
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .span(3)
    .height(4)
    .withTarget(new DataqueryBuilder().refId("A").expr(expr).instant())
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .thresholds(steps({ value: null, color: "green" }, { value: limit, color }));
}

function steps(...of: Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(of);
}

function sitesAndHosts(): Builder<Panel> {
  const minimum = (metric: string) =>
    `min by (environment, instance, site) (protected_sites_${metric}{${ofSites}})`;
  const columns: [name: string, expr: string][] = [
    ["Closed", minimum("closed")],
    ["Up", minimum("up")],
    ["As pushed", minimum("as_pushed")],
    ["Backend resolved", minimum("backend_resolved")],
    ["Session store up", minimum("session_store_up")],
    ["Certificate served", minimum("certificate_is_new")],
    ["Last push ok", minimum("last_push_ok")],
    ["Last push", `${minimum("last_push_seconds")} * 1000`],
  ];
  const yesOrNo = {
    type: MappingType.ValueToText,
    options: { 0: { text: "no", color: "red" }, 1: { text: "yes", color: "green" } },
  };
  return table("Sites and hosts", columns)
    .description("A column that is empty does not apply, or cannot be determined.")
    .height(10)
    .sortBy([new TableSortByFieldStateBuilder().displayName("As pushed").desc(false)])
    .overrideByRegexp(
      "/^(Closed|Up|As pushed|Backend resolved|Session store up|Certificate served|Last push ok)$/",
      [{ id: "mappings", value: [yesOrNo] }, colored],
    )
    .overrideByName("Last push", [{ id: "unit", value: "dateTimeFromNow" }]);
}

const colored: DynamicConfigValue = {
  id: "custom.cellOptions",
  value: { type: TableCellDisplayMode.ColorBackground },
};

/** A table of values now: one row for each set of labels, one column for each query. */
function table(title: string, columns: readonly (readonly [name: string, expr: string])[]): TableBuilder {
  const refId = (index: number) => String.fromCharCode("A".charCodeAt(0) + index);
  const names: [field: string, name: string][] = [
    ["environment", "Environment"],
    ["instance", "Host"],
    ["site", "Site"],
    ...columns.map(([name], index): [string, string] => [`Value #${refId(index)}`, name]),
  ];
  return new TableBuilder()
    .title(title)
    .datasource(datasource)
    .span(24)
    .targets(
      columns.map(([, expr], index) =>
        new DataqueryBuilder().refId(refId(index)).expr(expr).instant().format(PromQueryFormat.Table),
      ),
    )
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: { excludeByName: { Time: true }, renameByName: Object.fromEntries(names) },
    })
    .filterable(true);
}

function refusals(): Builder<Panel>[] {
  const perMinute = (what: string) =>
    `60 * sum by (environment, site) (instance_site:oauth2_proxy_requests_${what}:rate5m{${ofSites}})`;
  return [
    graph(
      "Not allowed (403)",
      perMinute("refused"),
      "Signed in, but not allowed; or a callback that belongs to no sign-in, as in the host's own check every five minutes. The site's access log has who.",
    ).unit("reqpm"),
    graph(
      "Failed sign-ins (5xx)",
      perMinute("failed"),
      "Entra or the session store is unreachable, or the client secret is refused. oauth2-proxy's journal has why.",
    ).unit("reqpm"),
    graph(
      "Sign-ins and sign-outs (302)",
      perMinute("redirected"),
      "A sign-in counts twice, when it begins and when it succeeds; a sign-out, and the host's own check every five minutes, count once.",
    ).unit("reqpm"),
    graph(
      "oauth2-proxy's answers",
      `sum by (code) (instance_site_code:oauth2_proxy_requests:rate5m{${ofSites}})`,
      "202 lets a request pass, 401 has no session. Answers from a site's authCache are not among them.",
      "{{code}}",
    ),
    stat(
      "Blocked people",
      `max(protected_sites_blocked_people{${onHosts}})`,
      "At every site of an environment. What they try is not among the refusals here, but in the access logs.",
      "blue",
    ).height(8),
  ].map((panel, index) => (index < 3 ? panel.span(8) : panel.span(index === 3 ? 18 : 6)));
}

function graph(title: string, expr: string, description: string, legend = "{{site}}"): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(8)
    .unit("reqps")
    .min(0)
    .withTarget(new DataqueryBuilder().refId("A").expr(expr).range().legendFormat(legend))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    );
}

function delays(): Builder<Panel>[] {
  const quantile = (of: number) =>
    `histogram_quantile(${of}, sum by (environment, site, le) (instance_site_le:oauth2_proxy_response_duration_seconds_bucket:rate5m{${ofSites}}))`;
  const what =
    "oauth2-proxy's time: session checks, and now and then a sign-in. What the backend takes is in the access log.";
  return [
    graph("Half of the answers within", quantile(0.5), what).unit("s").span(8),
    graph("95 % of the answers within", quantile(0.95), what).unit("s").span(8),
    graph(
      "Nginx's connections, of its limit",
      `max by (environment, instance) (protected_sites_nginx_connections{${onHosts}} / protected_sites_nginx_connections_limit{${onHosts}})`,
      "Of the worker that has most. At 100 % no site is reachable.",
      "{{instance}}",
    )
      .unit("percentunit")
      .span(8),
  ];
}

function ends(): Builder<Panel> {
  const soonest = (metric: string) =>
    `min by (environment, site) (protected_sites_${metric}_end_seconds{${ofSites}} - time())`;
  const certificate = `protected_sites_certificate_end_seconds{${ofSites}}`;
  const lifetime = `(${certificate} - protected_sites_certificate_start_seconds{${ofSites}})`;
  const limits = (red: number, orange: number): DynamicConfigValue[] => [
    colored,
    {
      id: "thresholds",
      value: steps(
        { value: null, color: "red" },
        { value: red, color: "orange" },
        { value: orange, color: "green" },
      ).build(),
    },
  ];
  return table("Certificates and client secrets", [
    ["Certificate expires in", soonest("certificate")],
    ["Of its lifetime", `min by (environment, site) ((${certificate} - time()) / ${lifetime})`],
    ["Client secret expires in", soonest("client_secret")],
  ])
    .description("The soonest of all hosts. Certbot renews when a third of the lifetime is left.")
    .height(10)
    .sortBy([new TableSortByFieldStateBuilder().displayName("Of its lifetime").desc(false)])
    .overrideByName("Certificate expires in", [{ id: "unit", value: "dtdurations" }])
    .overrideByName("Of its lifetime", [{ id: "unit", value: "percentunit" }, ...limits(0.1, 0.25)])
    .overrideByName("Client secret expires in", [
      { id: "unit", value: "dtdurations" },
      ...limits(3 * day, 30 * day),
    ]);
}

function variables(): (DatasourceVariableBuilder | QueryVariableBuilder)[] {
  const label = (name: string, title: string, of: string, where: string) =>
    new QueryVariableBuilder(name)
      .label(title)
      .datasource(datasource)
      .query(`label_values(${where}, ${of})`)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      // Also what has no such label.
      .allValue(".*")
      .current({ selected: true, text: ["All"], value: ["$__all"] });
  return [
    new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"),
    label("environment", "Environment", "environment", "protected_sites_written_seconds"),
    label("host", "Host", "instance", 'protected_sites_written_seconds{environment=~"$environment"}'),
    label("site", "Site", "site", `protected_sites_up{${onHosts}}`),
  ];
}

/** A line in each graph where something has been pushed. */
function pushes(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name("Pushes")
    .datasource(datasource)
    .enable(true)
    .iconColor("blue")
    .expr(`protected_sites_last_push_seconds{${ofSites}} * 1000`)
    .useValueForTime(true)
    .titleFormat("Push")
    .textFormat("{{site}} on {{instance}}");
}
