/** A user error: where it is and what is wrong, in terms of the configuration. */
export interface Problem {
  /** For example `site "wiki"` or `hosts, edge-1`; empty for the file as a whole. */
  readonly where: string;
  /** For example `port must be a whole number from 1024 to 65535, got 80`. */
  readonly what: string;
}

/** Everything that is wrong with a configuration. Anything else that is thrown is a bug. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  /** @param source the file that the user edits, for example `stacks/Pulumi.prod.yaml`. */
  constructor(source: string, problems: readonly Problem[]) {
    super(
      problems.map(({ where, what }) => `${[source, where].filter(Boolean).join(", ")}: ${what}`).join("\n"),
    );
    this.problems = problems;
  }
}
