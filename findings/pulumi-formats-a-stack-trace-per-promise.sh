#!/bin/sh
# Pulumi's Node SDK formats more than twenty stack traces for each resource that a program registers, and shows none.
#
# @pulumi/pulumi 3.259.0, Node 20 or newer, a custom resource with three plain properties.
# Expected: stack traces for finding leaked promises are made where somebody debugs, as PULUMI_DEBUG_PROMISE_LEAKS suggests,
# or at least formatted only if one is printed: V8 formats a trace when `stack` is first read.
#
# Observed: 22 traces are formatted for each resource, in a run without an error, a leak or that variable. With
# Error.stackTraceLimit = 0 the same thousand resources need a quarter to two fifths less of the processor.
# Cause: debuggablePromise (runtime/debuggable.js) reads `new Error().stack` for each promise that it wraps, at once.
# Consequence: in an environment of fifty sites, a fifth of the program's processor time. Lowering the limit in a program
# helps, at the price of traces for real errors.
#
# Needs Node with npm. Fails if any of this is no longer true; the processor times are printed and not judged.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
cd "$tmp"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @pulumi/pulumi@3.259.0

cat >program.cjs <<'PROGRAM'
const pulumi = require("@pulumi/pulumi");
let formatted = 0;
if (process.argv[2] === "count")
  Error.prepareStackTrace = (error) => {
    formatted++;
    return String(error);
  };
if (process.argv[2] === "none") Error.stackTraceLimit = 0;
class Thing extends pulumi.CustomResource {
  constructor(name) {
    super("package:index:Thing", name, { one: "a", two: "b", three: "c" });
  }
}
const number = 1000;
async function main() {
  const newResource = ({ name, inputs }) => ({ id: name, state: inputs });
  await pulumi.runtime.setMocks({ newResource, call: () => ({}) }, "project", "stack", false);
  const before = formatted;
  const begin = process.cpuUsage();
  const urns = Array.from({ length: number }, (_, index) => new Thing(`thing-${index}`).urn);
  await new Promise((resolve) => pulumi.all(urns).apply(resolve));
  const { user, system } = process.cpuUsage(begin);
  console.log(process.argv[2] === "count" ? (formatted - before) / number : Math.round((user + system) / 1000));
}
main();
PROGRAM

node --version
per_resource=$(node program.cjs count)
echo "Stack traces formatted for each resource: $per_resource"
echo "Processor, ms for 1000 resources: $(node program.cjs usual) as usual, $(node program.cjs none) without traces"
node -e "process.exit($per_resource >= 20 ? 0 : 1)" || { echo "expected 20 or more; this is no longer true" >&2; exit 1; }
