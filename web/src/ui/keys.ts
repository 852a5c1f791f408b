// SSH keys as people tell them apart, and which there are: those that are kept, and those that open a VPS.
import type { Schema } from "../api/client";

// "ssh-ed25519 AAAA…wxyz you@laptop": the whole of a key is not to be read.
export function brief(key: string): { kind: string; comment: string } {
    const [kind = "", body = "", ...comment] = key.split(" ");
    return { kind: `${kind} …${body.slice(-12)}`, comment: comment.join(" ") };
}

// What of it is the key: the comment is not.
export const keyOf = (text: string) => text.split(" ", 2).join(" ");

export interface KnownKey {
    id: string;
    text: string;
    kept?: Schema["SshKey"];
    opens: Schema["Vps"][];
}

export function keysOf(vps: Schema["Vps"][], kept: Schema["SshKey"][]): KnownKey[] {
    const known = new Map<string, KnownKey>(kept.map((one) => [keyOf(one.public_key), { id: keyOf(one.public_key), text: one.public_key, kept: one, opens: [] }]));
    for (const one of vps) {
        for (const text of one.ssh_keys) {
            const id = keyOf(text);
            const key = known.get(id) ?? { id, text, opens: [] };
            key.opens.push(one);
            known.set(id, key);
        }
    }
    return [...known.values()];
}

// What one calls it: as it is kept, else by its comment.
export const nameOfKey = ({ kept, text }: KnownKey) => kept?.name ?? (brief(text).comment || brief(text).kind);
