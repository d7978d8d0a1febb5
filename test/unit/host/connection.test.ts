import { expect, test } from "vitest";

import { environmentOf } from "../../../components/host/connection.ts";

const host = { name: "edge-1", address: "192.0.2.11", hostKey: "ssh-ed25519 AAAA root@edge-1" };
const jumpHost = { address: "192.0.2.99", user: "jump", hostKey: "ssh-ed25519 BBBB" };

test("a connection has the host's port and pinned key, without the key's comment", () => {
  expect(environmentOf({ host: { ...host, port: 2222 }, user: "admin" })).toMatchObject({
    HOST_ADDRESS: "192.0.2.11",
    HOST_PORT: "2222",
    HOST_USER: "admin",
    HOST_KEY: "ssh-ed25519 AAAA",
  });
});

test("a host behind a jump host is reached through it, and both keys are pinned", () => {
  expect(environmentOf({ host: { ...host, jumpHost }, user: "admin" })).toMatchObject({
    HOST_KEY: "ssh-ed25519 AAAA",
    JUMP_ADDRESS: "192.0.2.99",
    JUMP_PORT: "22",
    JUMP_USER: "jump",
    JUMP_KEY: "ssh-ed25519 BBBB",
  });
});

test("only the same user with the same key on the same host shares a connection", () => {
  const login = { host, user: "admin", privateKey: "one" };
  const others = [
    login,
    { ...login, user: "deployer" },
    { ...login, privateKey: "two" },
    { ...login, identityFile: "one" },
    { ...login, host: { ...host, address: "192.0.2.12" } },
    { ...login, host: { ...host, hostKey: "ssh-ed25519 CCCC" } },
    { ...login, host: { ...host, port: 2222 } },
    { ...login, host: { ...host, jumpHost } },
    { ...login, host: { ...host, jumpHost }, jumpPrivateKey: "three" },
  ].map((it) => environmentOf(it)["CONNECTION"]);
  expect(new Set(others).size).toBe(others.length);
  expect(environmentOf({ ...login })["CONNECTION"]).toBe(others[0]);
});
