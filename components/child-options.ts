import * as pulumi from "@pulumi/pulumi";

/** A component's `dependsOn` does not reach its children by itself. */
export function childOptions(
  parent: pulumi.Resource,
  { dependsOn }: pulumi.ComponentResourceOptions = {},
  after: pulumi.Resource[] = [],
): pulumi.ComponentResourceOptions {
  return pulumi.mergeOptions(dependsOn === undefined ? {} : { dependsOn }, { parent, dependsOn: after });
}
