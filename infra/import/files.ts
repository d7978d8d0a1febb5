/** The files that are given to an import: what is in each. */
import { basename } from "node:path";

import { type Document, isCollection, isMap, parseAllDocuments, visit } from "yaml";

import { type ReadDirective, readNginx } from "../../components/nginx/read.ts";
import { ConfigError } from "../../components/site/errors.ts";
import {
  addAlpha,
  addFlags,
  addToml,
  addVariable,
  GatheredOptions,
  isTable,
  type Oauth2ProxyOptions,
  type Table,
  textOf,
  wordsOf,
} from "./oauth2-proxy-options.ts";

/** A file as it was given. */
export interface GivenFile {
  readonly name: string;
  readonly text: string;
}

/** A Kubernetes object, and where it is. */
export interface Manifest {
  readonly where: string;
  readonly object: Table;
}

/** Everything that the files say. */
export interface Inputs {
  /** One for each oauth2-proxy that they describe. */
  readonly proxies: readonly Oauth2ProxyOptions[];
  readonly nginx: readonly ReadDirective[];
  readonly ingresses: readonly Manifest[];
  readonly services: readonly Manifest[];
}

/** Reads the files. @throws ConfigError if one is none of what an import knows */
export function inputsOf(files: readonly GivenFile[]): Inputs {
  const reader = new Reader();
  for (const file of files) reader.read(file);
  return reader.inputs();
}

/** An oauth2-proxy as a unit or a container starts it. */
interface Found {
  readonly where: string;
  readonly options: GatheredOptions;
  readonly version?: string | undefined;
}

const oauth2Proxy = /\boauth2[-_]proxy\b/;

class Reader {
  readonly nginx: ReadDirective[] = [];
  readonly #ingresses: Manifest[] = [];
  readonly #services: Manifest[] = [];
  readonly #proxies: Found[] = [];
  /** TOML files, alpha config and lists of variables, whose oauth2-proxy may be described by another file as well. */
  readonly #parts: { readonly where: string; readonly add: (options: GatheredOptions) => void }[] = [];

  read({ name, text }: GivenFile): void {
    if (/\.ya?ml$/i.test(name) || /^(?:---|apiVersion:|kind:|services:)/m.test(text)) this.#yaml(name, text);
    else if (/^\s*\[Service\]/m.test(text)) this.#unit(name, text);
    else if (/^\s*(?:export\s+)?OAUTH2_PROXY_\w+=/m.test(text)) this.#variables(name, text);
    else if (/\.(?:cfg|toml)$/i.test(name) || isToml(text)) this.#toml(name, text);
    else if (/[{;]/.test(text)) this.nginx.push(...readConfiguration(text, basename(name)));
    else
      throw new ConfigError(name, [
        {
          where: "",
          what: "is none of what an import reads: oauth2-proxy's TOML file, alpha config, systemd unit, environment file, docker-compose file or Kubernetes manifests; a server block of Nginx; Ingress manifests",
        },
      ]);
  }

  inputs(): Inputs {
    const one = this.#proxies.length === 1 ? this.#proxies[0] : undefined;
    // A file and variables are those of the one oauth2-proxy; flags and variables win over the file, as there.
    const gathered = new GatheredOptions();
    const own = new GatheredOptions();
    for (const { add } of this.#parts) add(one === undefined ? own : gathered);
    const proxies = [
      ...(own.isEmpty ? [] : [{ where: this.#parts.map(({ where }) => where).join(", "), options: own }]),
      ...this.#proxies,
    ].map(asOptions);
    return {
      proxies: one === undefined || gathered.isEmpty ? proxies : [merged(gathered, one, this.#parts)],
      nginx: this.nginx,
      ingresses: this.#ingresses,
      services: this.#services,
    };
  }

  #toml(where: string, text: string): void {
    // Read at once, so that an error is that of this file.
    addToml(new GatheredOptions(), text, where);
    this.#parts.unshift({
      where: basename(where),
      add: (options) => {
        addToml(options, text, where);
      },
    });
  }

  #variables(where: string, text: string): void {
    const lines = text.split(/\r?\n/).map((it) => /^\s*(?:export\s+)?(\w+)=(.*)$/.exec(it));
    const add = (options: GatheredOptions) => {
      for (const [, name = "", value = ""] of lines.filter((it) => it !== null))
        addVariable(options, name, value.trim());
    };
    this.#parts.push({ where: basename(where), add });
  }

  #unit(where: string, text: string): void {
    const options = new GatheredOptions();
    const whole = text.replaceAll(/\\\r?\n/g, " ");
    for (const [, words = ""] of whole.matchAll(/^\s*Environment=(.*)$/gm))
      for (const word of wordsOf(words)) {
        const [name = "", ...value] = word.split("=");
        addVariable(options, name, value.join("="));
      }
    for (const [, line = ""] of whole.matchAll(/^\s*ExecStart=(.*)$/gm)) addFlags(options, wordsOf(line));
    if (!oauth2Proxy.test(whole))
      throw new ConfigError(where, [
        { where: "", what: "is a systemd unit that does not start oauth2-proxy" },
      ]);
    this.#proxies.push({ where: basename(where), options });
  }

  #yaml(where: string, text: string): void {
    for (const document of parseAllDocuments(text, { merge: true })) {
      const [error] = document.errors;
      if (error !== undefined)
        throw new ConfigError(where, [
          {
            where: `line ${error.linePos?.[0].line ?? 1}`,
            what: `is not valid YAML, or a template of it: ${error.message.split(/ at line |\n/)[0] ?? ""}`,
          },
        ]);
      if (hasTemplates(document))
        throw new ConfigError(where, [
          { where: "", what: "is a template of YAML; give what it becomes, as of helm template" },
        ]);
      if (isMap(document.contents)) this.#object(basename(where), document.toJS() as Table);
    }
  }

  #object(file: string, object: Table): void {
    const { kind, items, services, providers, metadata, data } = object;
    const name = isTable(metadata) ? textOf(metadata["name"]) : "";
    const where = [file, typeof kind === "string" ? `${kind} ${name}`.trim() : ""].filter(Boolean).join(", ");
    if (Array.isArray(items)) for (const it of items.filter(isTable)) this.#object(file, it);
    else if (kind === "Ingress") this.#ingresses.push({ where, object });
    else if (kind === "Service") this.#services.push({ where, object });
    else if (kind === "ConfigMap" && isTable(data)) this.#configMap(where, data);
    else if (Array.isArray(providers))
      this.#parts.push({
        where,
        add: (options) => {
          addAlpha(options, object);
        },
      });
    else if (kind === undefined && isTable(services))
      for (const [service, it] of Object.entries(services))
        if (isTable(it)) this.#container(`${file}, service ${service}`, it);
    if (kind !== undefined) for (const it of containersOf(object)) this.#container(where, it);
    // Values of oauth2-proxy's Helm chart.
    const { config, extraArgs } = object;
    if (kind === undefined && isTable(config) && typeof config["configFile"] === "string")
      this.#toml(file, config["configFile"]);
    if (kind === undefined && (isTable(extraArgs) || Array.isArray(extraArgs)))
      this.#arguments(file, extraArgs);
  }

  #configMap(where: string, data: Table): void {
    for (const [name, value] of Object.entries(data)) {
      if (typeof value !== "string") continue;
      if (/\.(?:cfg|toml)$/.test(name)) this.#toml(`${where}, ${name}`, value);
      else if (/^\s*(?:server|location)\b[^;]*\{/m.test(value))
        this.nginx.push(...readConfiguration(value, `${where}, ${name}`));
    }
    const add = (options: GatheredOptions) => {
      for (const [name, value] of Object.entries(data)) addVariable(options, name, textOf(value));
    };
    if (Object.keys(data).some((it) => it.startsWith("OAUTH2_PROXY_"))) this.#parts.push({ where, add });
  }

  #arguments(where: string, given: Table | readonly unknown[]): void {
    const add = (options: GatheredOptions) => {
      if (Array.isArray(given)) addFlags(options, given.map(textOf));
      else
        for (const [name, value] of Object.entries(given))
          options.set(name, Array.isArray(value) ? value.map(textOf) : [textOf(value)]);
    };
    this.#parts.push({ where, add });
  }

  /** A container of Kubernetes or docker-compose. */
  #container(where: string, { image, command, args, env, environment }: Table): void {
    const words = [command, args].flatMap((it) =>
      typeof it === "string" ? wordsOf(it) : Array.isArray(it) ? it.map(textOf) : [],
    );
    const variables = [...variablesOf(env), ...variablesOf(environment)];
    const isOne =
      oauth2Proxy.test(typeof image === "string" ? image : "") ||
      words.some((it) => /(?:^|\/)oauth2[-_]proxy$/.test(it)) ||
      variables.some(([name]) => name.startsWith("OAUTH2_PROXY_"));
    if (!isOne) return;
    const options = new GatheredOptions();
    // `$$` is how docker-compose and Kubernetes write a dollar sign.
    for (const [name, value] of variables) addVariable(options, name, value?.replaceAll("$$", "$"));
    addFlags(
      options,
      words.map((it) => it.replaceAll("$$", "$")),
    );
    const [, version] = /:v?(\d+\.\d+\.\d+)/.exec(typeof image === "string" ? image : "") ?? [];
    this.#proxies.push({ where, options, version });
  }
}

function asOptions({ where, options, version }: Found): Oauth2ProxyOptions {
  return { ...options.options(where), ...(version === undefined ? {} : { version }) };
}

/** The one oauth2-proxy with what its file and lists of variables say: what it says itself wins. */
function merged(
  gathered: GatheredOptions,
  found: Found,
  parts: readonly { readonly where: string }[],
): Oauth2ProxyOptions {
  const [file, own] = [gathered.options(""), asOptions(found)];
  const said = new Set([...own.values.keys(), ...own.elsewhere]);
  return {
    ...own,
    where: [...parts.map((it) => it.where), found.where].join(", "),
    values: new Map([...[...file.values].filter(([name]) => !said.has(name)), ...own.values]),
    elsewhere: [...file.elsewhere.filter((it) => !said.has(it)), ...own.elsewhere],
  };
}

/** Variables of a container, as Kubernetes and docker-compose write them. */
function variablesOf(given: unknown): [name: string, value: string | undefined][] {
  if (isTable(given))
    return Object.entries(given).map(([name, value]) => [name, value === null ? undefined : textOf(value)]);
  if (!Array.isArray(given)) return [];
  return given.map((it: unknown): [string, string | undefined] => {
    if (isTable(it)) return [textOf(it["name"]), it["value"] === undefined ? undefined : textOf(it["value"])];
    const [name = "", ...value] = textOf(it).split("=");
    return [name, value.length === 0 ? undefined : value.join("=")];
  });
}

/** The containers of a Kubernetes object, wherever its pod is described. */
function containersOf(object: unknown): Table[] {
  if (!isTable(object)) return [];
  return Object.entries(object).flatMap(([key, value]) =>
    key === "containers" && Array.isArray(value) ? value.filter(isTable) : containersOf(value),
  );
}

/** Whether `{{ … }}` stands where a value should be: to YAML a table whose key is a table. */
function hasTemplates(document: Document): boolean {
  let found = false;
  visit(document, {
    Pair: (_, { key }) => {
      found ||= isCollection(key);
    },
  });
  return found;
}

function isToml(text: string): boolean {
  return /^\s*(?:provider|email_domains|upstreams|http_address|client_id|cookie_secret)\s*=/m.test(text);
}

/** @throws ConfigError if Nginx would refuse the text */
export function readConfiguration(text: string, file: string): ReadDirective[] {
  try {
    return readNginx(text, file);
  } catch (error) {
    throw new ConfigError(file, [
      { where: "", what: `is not a configuration of Nginx: ${(error as Error).message}` },
    ]);
  }
}
