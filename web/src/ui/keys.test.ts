import { expect, test } from "vitest";
import type { Schema } from "../api/client";
import { brief, keysOf } from "./keys";

const vps = (name: string, ...ssh_keys: string[]) => ({ name, ssh_keys }) as Schema["Vps"];

test("a key is the same whatever its comment says", () => {
    const known = keysOf([vps("a", "ssh-ed25519 AAAA1 ada@desk"), vps("b", "ssh-ed25519 AAAA1 ada", "ssh-rsa BBBB2"), vps("c")]);
    expect(known.map((one) => [one.text, one.opens.map(({ name }) => name)])).toEqual([
        ["ssh-ed25519 AAAA1 ada@desk", ["a", "b"]],
        ["ssh-rsa BBBB2", ["b"]],
    ]);
});

test("of a key one reads its kind, its end and its comment", () => {
    expect(brief("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBm ada at home")).toEqual({ kind: "ssh-ed25519 …AAAAIGdvpjBm", comment: "ada at home" });
    expect(brief("junk")).toEqual({ kind: "junk …", comment: "" });
});
