/** The applications of the suite: every one has a section in docs/applications.md. */
import { alertmanagers } from "./alertmanager.ts";
import type { Application } from "./application.ts";
import { codeServer } from "./code-server.ts";
import { dockerRegistry } from "./docker-registry.ts";
import { dokuwiki } from "./dokuwiki.ts";
import { gitServer } from "./git.ts";
import { grpcService } from "./grpc.ts";
import { jupyterlab } from "./jupyterlab.ts";
import { nodeRed } from "./node-red.ts";
import { prometheus } from "./prometheus.ts";
import { rabbitmq } from "./rabbitmq.ts";
import { streamlit } from "./streamlit.ts";
import { tomcat } from "./tomcat.ts";
import { webHooks } from "./web-hooks.ts";
import { wsgidav } from "./wsgidav.ts";

export const applications: readonly Application[] = [
  jupyterlab,
  nodeRed,
  dockerRegistry,
  gitServer,
  wsgidav,
  streamlit,
  alertmanagers,
  grpcService,
  rabbitmq,
  dokuwiki,
  tomcat,
  webHooks,
  prometheus,
  codeServer,
];

/** Those of `npm test`: quick to install, and different in kind. */
export const sample = ["node-red", "docker-registry", "git"];

/** An application with its number, which its ports are made of. */
export interface Numbered {
  readonly application: Application;
  readonly index: number;
}

/** Those that the variable APPLICATIONS names, with commas between them; without it, all. @throws where it names another */
export function chosen(): readonly Numbered[] {
  const numbered = applications.map((application, index) => ({ application, index }));
  const { APPLICATIONS: names } = process.env;
  if (names === undefined) return numbered;
  return names.split(",").map((name) => {
    const found = numbered.find(({ application }) => application.name === name);
    if (found !== undefined) return found;
    const known = applications.map((application) => application.name).join(", ");
    throw new Error(`an application must be one of ${known}, got "${name}"`);
  });
}
