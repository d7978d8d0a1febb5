/**
 * What a stand-in provider is: its resource types and functions as data and a few calls. How they are served to the
 * engine is server.ts; the rules that all of them share (defaults, what changed, what is unknown in a preview) are
 * here.
 */

/** Properties as they travel between engine and provider, without secret markers. */
export type Properties = Readonly<Record<string, unknown>>;

/** The engine's marker of a value that is not known yet, in a preview. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What a provider has at hand while it works on one resource. */
export interface Call {
  /** Shows a line while the resource is at work; gone afterwards. */
  readonly status: (message: string) => void;
  /** Keeps a line in the run's diagnostics. */
  readonly log: (severity: "info" | "warning" | "error", message: string) => void;
  /** Aborts when the run is cancelled, or the resource's own time-out is over. */
  readonly signal: AbortSignal;
}

/** One input of a resource type. */
export interface Input {
  readonly required?: true;
  /** A change makes a new resource instead of changing this one. */
  readonly replaces?: true;
  /** What the resource has where the input is not given. */
  readonly default?: unknown;
  /** The default counts as given: previews show it. So do real providers that are made with Terraform's older SDK. */
  readonly shown?: true;
}

/** One resource type, for example `random:index/randomPassword:RandomPassword`. */
export interface ResourceType {
  /** Inputs that the stand-in knows; any other one is refused rather than ignored. */
  readonly inputs: Readonly<Record<string, Input>>;
  /** Outputs that only a created resource has. */
  readonly computed: readonly string[];
  /** Those of `computed` that may come out different from an update. */
  readonly recomputed?: readonly string[];
  /** Outputs that the engine must encrypt in its state. */
  readonly secret?: readonly string[];
  /** Whether a state with other properties is refused, as by providers that are made with Pulumi's own Go library. */
  readonly strict?: true;
  /** Whether the order of list elements means nothing, as in Terraform's sets. */
  readonly listsAreSets?: true;
  readonly create: (inputs: Properties, call: Call, name: string) => Promise<Resource>;
  /** Without it, a refresh leaves the state as it is. `undefined` says that the resource is gone. */
  readonly read?: (id: string, state: Properties, call: Call) => Promise<Properties | undefined>;
  /** Without it, every input must replace. @returns the new outputs. */
  readonly update?: (id: string, inputs: Properties, state: Properties, call: Call) => Promise<Properties>;
  /** Gets the last state, not the inputs of the run. Without it, the state is just forgotten. */
  readonly delete?: (id: string, state: Properties, call: Call) => Promise<void>;
}

/** A created resource: its ID and its outputs, without those inputs that it takes over as they are. */
export interface Resource {
  readonly id: string;
  readonly outputs: Properties;
}

/** A provider plug-in. */
export interface Provider {
  /** Called before any resource or function, in previews as well. @param config - For example azuread's `tenantId`. */
  readonly configure?: (config: Properties) => Promise<void>;
  /** By their tokens. */
  readonly resources: Readonly<Record<string, ResourceType>>;
  /** By their tokens, for example `azuread:index/getGroup:getGroup`. */
  readonly functions?: Readonly<Record<string, (args: Properties) => Promise<Properties>>>;
}

/** Thrown by `create` where the resource exists but is not finished: the engine must remember it. */
export class Unfinished extends Error {
  readonly resource: Resource;

  constructor(resource: Resource, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.resource = resource;
  }
}

/** The inputs as the engine gets them back: with the defaults that count as given. */
export function checked(type: ResourceType, inputs: Properties): Properties {
  const shown = Object.entries(type.inputs).filter(([, input]) => input.shown);
  return { ...Object.fromEntries(shown.map(([property, input]) => [property, input.default])), ...inputs };
}

/** What is wrong with the inputs of a resource, by property; empty if nothing is. */
export function check(type: ResourceType, inputs: Properties): { property: string; reason: string }[] {
  const missing = Object.entries(type.inputs)
    .filter(([property, input]) => input.required && inputs[property] === undefined)
    .map(([property]) => ({ property, reason: `${property} is required` }));
  const unsupported = Object.keys(inputs)
    .filter((property) => !(property in type.inputs))
    .map((property) => ({
      property,
      reason: `the lab's stand-in does not know ${property}; it knows ${Object.keys(type.inputs).join(", ")}`,
    }));
  return [...missing, ...unsupported];
}

/** The inputs whose values differ, and those among them that make a new resource. */
export function diff(
  type: ResourceType,
  before: Properties,
  after: Properties,
): { changed: string[]; replaces: string[] } {
  const strange = Object.keys(before).find((it) => !(it in type.inputs) && !type.computed.includes(it));
  if (type.strict && strange !== undefined)
    throw new Error(`1 failures decoding:\n\t${strange}: Unrecognized field '${strange}'`);
  const changed = Object.keys(type.inputs).filter(
    (property) => form(before[property], type.listsAreSets) !== form(after[property], type.listsAreSets),
  );
  const replaces = changed.filter((property) => type.inputs[property]?.replaces);
  return { changed, replaces };
}

/** The outputs of a resource that is created with these inputs; in a preview, `outputs` is left out. */
export function created(type: ResourceType, inputs: Properties, outputs?: Properties): Properties {
  const rest = outputs ?? Object.fromEntries(type.computed.map((property) => [property, unknown]));
  // A computed output whose input is given takes the input's value.
  return outputs === undefined
    ? { ...rest, ...withDefaults(type, inputs) }
    : { ...withDefaults(type, inputs), ...rest };
}

/** The outputs of a resource that is changed to these inputs; in a preview, `outputs` is left out. */
export function updated(
  type: ResourceType,
  inputs: Properties,
  state: Properties,
  outputs?: Properties,
): Properties {
  const kept = Object.fromEntries(
    type.computed.filter((property) => property in state).map((property) => [property, state[property]]),
  );
  const fresh = Object.fromEntries((type.recomputed ?? []).map((property) => [property, unknown]));
  return { ...kept, ...withDefaults(type, inputs), ...(outputs ?? fresh) };
}

/** The inputs with the defaults of those that are not given. */
function withDefaults(type: ResourceType, inputs: Properties): Properties {
  const defaults = Object.entries(type.inputs)
    .filter(([property, input]) => input.default !== undefined && inputs[property] === undefined)
    .map(([property, input]): [string, unknown] => [property, input.default]);
  return { ...inputs, ...Object.fromEntries(defaults) };
}

/**
 * The inputs as they would have to be to give what was found, for a refresh; those that still fit stay as they were. An
 * import has none yet, and gets all that say something.
 */
export function refreshed(type: ResourceType, inputs: Properties, found: Properties): Properties {
  if (Object.keys(inputs).length === 0)
    return Object.fromEntries(
      Object.entries(found).filter(
        ([property, value]) => property in type.inputs && value !== undefined && value !== "",
      ),
    );
  const now = Object.entries(inputs).map(([property, before]): [string, unknown] => {
    const after = found[property] === undefined ? before : only(before, found[property]);
    const same = form(before, type.listsAreSets) === form(after, type.listsAreSets);
    return [property, same ? before : after];
  });
  return Object.fromEntries(now);
}

/** What was found, without the fields that the input does not speak of. */
function only(before: unknown, found: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(found)) {
    const [example] = before as unknown[];
    return found.map((element) => only(example, element));
  }
  if (typeof before !== "object" || before === null || typeof found !== "object" || found === null)
    return found;
  const fields = Object.keys(before).map((key): [string, unknown] => [
    key,
    only((before as Properties)[key], (found as Properties)[key]),
  ]);
  return Object.fromEntries(fields);
}

/** Whether two lists hold the same, in any order; one that is not given is an empty one. */
export function sameSet(one: readonly unknown[] = [], other: readonly unknown[] = []): boolean {
  return form(one, true) === form(other, true);
}

/** A text that two values share exactly if they are the same. An unknown value is a change. */
function form(value: unknown, listsAreSets: true | undefined): string {
  if (Array.isArray(value)) {
    const elements = value.map((element) => form(element, listsAreSets));
    return `[${(listsAreSets ? elements.sort() : elements).join(",")}]`;
  }
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${form(field, listsAreSets)}`)
      .join(",")}}`;
  return value === undefined ? "nothing" : JSON.stringify(value);
}
