import { expect, test } from "vitest";

import { withoutHost } from "../../../infra/commands/forget-host.ts";

const stack = "urn:pulumi:prod::protected-sites::";
const command = "command:local:Command";
const host = (name: string) => `${stack}protected-sites:index:ProxyHost::${name}`;
const ofHost = (name: string, part: string) =>
  `${stack}protected-sites:index:ProxyHost$${command}::${name}-${part}`;
const site = `${stack}protected-sites:index:ProtectedSite::wiki`;
const ofSite = (name: string) => `${stack}protected-sites:index:ProtectedSite$${command}::wiki-${name}`;

const state = {
  version: 3,
  deployment: {
    resources: [
      { urn: host("edge-1") },
      { urn: ofHost("edge-1", "setup"), parent: host("edge-1") },
      { urn: host("edge-2") },
      { urn: ofHost("edge-2", "setup"), parent: host("edge-2") },
      { urn: site, dependencies: [host("edge-1"), host("edge-2")] },
      { urn: ofSite("sessions"), parent: site },
      { urn: ofSite("edge-1-credentials"), parent: site },
      {
        urn: ofSite("edge-1"),
        parent: site,
        dependencies: [ofSite("sessions"), ofSite("edge-1-credentials")],
      },
      { urn: ofSite("edge-2-credentials"), parent: site },
      {
        urn: ofSite("edge-2"),
        parent: site,
        dependencies: [ofSite("sessions"), ofSite("edge-2-credentials")],
        propertyDependencies: { stdin: [ofSite("edge-2-credentials")] },
      },
    ],
  },
};

test("a host's own resources, every site's on it, and sessions that it may have to forget leave the state, and nothing waits for them", () => {
  const { state: after, gone } = withoutHost(state, "edge-2");
  expect(gone).toEqual([
    host("edge-2"),
    ofHost("edge-2", "setup"),
    ofSite("sessions"),
    ofSite("edge-2-credentials"),
    ofSite("edge-2"),
  ]);
  const { resources } = after.deployment;
  expect(after.version).toBe(3);
  expect(resources.map(({ urn }) => urn)).toEqual(
    state.deployment.resources.map(({ urn }) => urn).filter((urn) => !gone.includes(urn)),
  );
  expect(JSON.stringify(resources)).not.toMatch(/edge-2|sessions/);
});

test("a host that is not in the state is refused", () => {
  expect(() => withoutHost(state, "edge-9")).toThrow(
    'the state has no host "edge-9"; expected one of edge-1, edge-2',
  );
});
