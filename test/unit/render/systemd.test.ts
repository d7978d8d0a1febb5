/** What an instance may do on its host. The goldens hold the text, `systemd-analyze verify` its form. */
import { expect, test } from "vitest";

import { serviceUnit, socketUnit } from "../../../components/render/systemd.ts";
import { site } from "../../sites.ts";

/** The values of a unit's settings, by their names; of one that stands several times, all of them. */
function settingsOf(unit: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [, key = "", value = ""] of unit.matchAll(/^(\w+)=(.*)$/gm)) (found[key] ??= []).push(value);
  return found;
}

const service = settingsOf(serviceUnit(site()));

test("an instance sees only its own site's credentials", () => {
  expect(service["TemporaryFileSystem"]).toEqual(["/etc/protected-sites/credentials:ro"]);
  expect(service["BindReadOnlyPaths"]).toEqual(["/etc/protected-sites/credentials/wiki.example.com"]);
  expect(service["BindPaths"]).toBeUndefined();
  expect(service["EnvironmentFile"]).toEqual([
    "/etc/protected-sites/credentials/wiki.example.com/current/client.env",
  ]);
});

test("a unit, which everybody on the host can read, contains no secret", () => {
  const variables = settingsOf(serviceUnit(site(), "http://proxy.example.com:3128"))["Environment"];
  expect(variables).toEqual(["GOGC=400", "HTTPS_PROXY=http://proxy.example.com:3128"]);
});

test("with a memory limit, an instance collects garbage only when it has reached it", () => {
  const { Environment } = settingsOf(serviceUnit(site({ goMemLimit: "128MiB" })));
  expect(Environment).toEqual(["GOGC=off", "GOMEMLIMIT=128MiB"]);
});

test("only the host itself reaches an instance", () => {
  expect(settingsOf(socketUnit(site()))["ListenStream"]).toEqual(["127.0.0.1:4181"]);
});

test("an instance has no privileges on its host, and cannot gain any", () => {
  expect(service).toMatchObject({
    User: ["oauth2-proxy"],
    Group: ["oauth2-proxy"],
    NoNewPrivileges: ["yes"],
    CapabilityBoundingSet: [""],
    AmbientCapabilities: [""],
    RestrictSUIDSGID: ["yes"],
    PrivateUsers: ["yes"],
    RestrictNamespaces: ["yes"],
  });
});

test("an instance writes nothing, and none of its memory is written to disk", () => {
  expect(service).toMatchObject({
    ProtectSystem: ["strict"],
    ProtectHome: ["yes"],
    PrivateTmp: ["yes"],
    UMask: ["0077"],
    LimitCORE: ["0"],
  });
  for (const key of ["ReadWritePaths", "StateDirectory", "LogsDirectory", "CacheDirectory"])
    expect(service[key], key).toBeUndefined();
});

test("an instance sees no other processes, devices and IPC, and cannot change the kernel", () => {
  expect(service).toMatchObject({
    ProtectProc: ["invisible"],
    ProcSubset: ["pid"],
    PrivateDevices: ["yes"],
    DevicePolicy: ["closed"],
    PrivateIPC: ["yes"],
    RemoveIPC: ["yes"],
    KeyringMode: ["private"],
    ProtectClock: ["yes"],
    ProtectControlGroups: ["yes"],
    ProtectHostname: ["yes"],
    ProtectKernelLogs: ["yes"],
    ProtectKernelModules: ["yes"],
    ProtectKernelTunables: ["yes"],
  });
});

test("an instance can make only a network service's system calls, and executes no memory that it has written", () => {
  expect(service).toMatchObject({
    MemoryDenyWriteExecute: ["yes"],
    LockPersonality: ["yes"],
    RestrictRealtime: ["yes"],
    RestrictAddressFamilies: ["AF_INET AF_INET6 AF_UNIX"],
    SystemCallArchitectures: ["native"],
    SystemCallFilter: ["@system-service", "~@privileged @resources"],
    SystemCallErrorNumber: ["EPERM"],
  });
});

test("an instance that stops is restarted, however often, and its socket stays open", () => {
  expect(service).toMatchObject({ Restart: ["always"], StartLimitIntervalSec: ["0"] });
  expect(settingsOf(socketUnit(site()))["TriggerLimitIntervalSec"]).toEqual(["0"]);
});
