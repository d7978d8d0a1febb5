/**
 * How many resources at once, unless the caller says otherwise: nearly all of an update is waiting for Entra and hosts, and
 * a host puts live together what waits there. The engine's own default is four for each processor.
 */
export const parallel = 32;

/** Whether a state in an object store or a file is compressed, and how; the second of each is the engine's older name. */
const compression = [
  ...["PULUMI_DIY_BACKEND_ZSTD", "PULUMI_SELF_MANAGED_STATE_ZSTD"],
  ...["PULUMI_DIY_BACKEND_GZIP", "PULUMI_SELF_MANAGED_STATE_GZIP"],
];

/** Variables of the engine for which its own default does not fit, where the caller has not set them. docs/state.md */
export function engineVariables(given: NodeJS.ProcessEnv): Record<string, string> {
  return {
    PULUMI_PARALLEL: given["PULUMI_PARALLEL"] || String(parallel),
    ...(compression.some((name) => given[name]) ? {} : { PULUMI_DIY_BACKEND_ZSTD: "true" }),
  };
}
