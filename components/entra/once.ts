/** What all sites of a program ask Entra alike. */
import * as pulumi from "@pulumi/pulumi";

/** By what stands for a program and its provider, the answers by their names. */
const answers = new WeakMap<pulumi.Resource, Map<string, pulumi.Output<unknown>>>();

/**
 * Asks once for each program and provider: with a hundred sites, Entra would get a hundred of the same requests in each
 * preview.
 * @param parent the resource whose provider asks
 * @param name of the question, one for all sites
 */
export function once<T>(
  parent: pulumi.Resource,
  name: string,
  ask: (opts: pulumi.InvokeOptions) => pulumi.Output<T>,
): pulumi.Output<T> {
  const scope = parent.getProvider("azuread:index:") ?? pulumi.runtime.getStackResource();
  // In a component that a program in another language uses.
  if (scope === undefined) return ask({ parent });
  const known = answers.get(scope) ?? new Map<string, pulumi.Output<unknown>>();
  answers.set(scope, known);
  const answer = (known.get(name) as pulumi.Output<T> | undefined) ?? ask({ parent });
  known.set(name, answer);
  return answer;
}
