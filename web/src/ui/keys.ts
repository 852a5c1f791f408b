// SSH keys as people tell them apart, and which there are: those that open a VPS.
import type { Schema } from "../api/client";

// "ssh-ed25519 AAAA…wxyz you@laptop": the whole of a key is not to be read.
export function brief(key: string): { kind: string; comment: string } {
    const [kind = "", body = "", ...comment] = key.split(" ");
    return { kind: `${kind} …${body.slice(-12)}`, comment: comment.join(" ") };
}

export interface KnownKey {
    id: string; // without the comment, which is nothing of the key
    text: string;
    opens: Schema["Vps"][];
}

export function keysOf(vps: Schema["Vps"][]): KnownKey[] {
    const known = new Map<string, KnownKey>();
    for (const one of vps) {
        for (const text of one.ssh_keys) {
            const id = text.split(" ", 2).join(" ");
            const key = known.get(id) ?? { id, text, opens: [] };
            key.opens.push(one);
            known.set(id, key);
        }
    }
    return [...known.values()];
}
