import { expect, test } from "vitest";

import { connectionTo } from "../../../components/host/connection.ts";

const host = { name: "edge-1", address: "192.0.2.11", hostKey: "ssh-ed25519 AAAA root@edge-1" };

test("a connection has the host's port and pinned key, without the key's comment", () => {
  expect(connectionTo({ host: { ...host, port: 2222 }, user: "admin" })).toMatchObject({
    host: "192.0.2.11",
    port: 2222,
    user: "admin",
    hostKey: "ssh-ed25519 AAAA",
  });
});

test("a host behind a jump host is reached through it, and both keys are pinned", () => {
  const jumpHost = { address: "192.0.2.99", user: "jump", hostKey: "ssh-ed25519 BBBB" };
  expect(connectionTo({ host: { ...host, jumpHost }, user: "admin" }).proxy).toEqual({
    host: "192.0.2.99",
    port: 22,
    user: "jump",
    hostKey: "ssh-ed25519 BBBB",
    dialErrorLimit: 12,
    perDialTimeout: 15,
  });
});
