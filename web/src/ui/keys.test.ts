import { expect, test } from "vitest";
import type { Schema } from "../api/client";
import { brief, keysOf, nameOfKey } from "./keys";

const vps = (name: string, ...ssh_keys: string[]) => ({ name, ssh_keys }) as Schema["Vps"];

test("a key is the same whatever its comment says", () => {
    const kept = [{ name: "laptop", public_key: "ssh-rsa BBBB2 kept" }, { name: "spare", public_key: "ssh-rsa CCCC3" }] as Schema["SshKey"][];
    const known = keysOf([vps("a", "ssh-ed25519 AAAA1 ada@desk"), vps("b", "ssh-ed25519 AAAA1 ada", "ssh-rsa BBBB2"), vps("c")], kept);
    expect(known.map((one) => [nameOfKey(one), one.opens.map(({ name }) => name)])).toEqual([
        ["laptop", ["b"]],
        ["spare", []],
        ["ada@desk", ["a", "b"]],
    ]);
});

test("of a key one reads its kind, its end and its comment", () => {
    expect(brief("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBm ada at home")).toEqual({ kind: "ssh-ed25519 …AAAAIGdvpjBm", comment: "ada at home" });
    expect(brief("junk")).toEqual({ kind: "junk …", comment: "" });
});
