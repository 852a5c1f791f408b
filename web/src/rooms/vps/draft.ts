// What is being filled in, and the order that it makes.
import type { Schema } from "../../api/client";
import { brief } from "../../ui/keys";

export interface Draft {
    name: string;
    location?: string;
    image?: string;
    plan?: string;
    labels: string[]; // "env=prod"
    keys: string; // a line each
    userData: string;
    start: boolean;
    protection: boolean;
}

export const emptyDraft: Draft = { name: "", labels: [], keys: "", userData: "", start: true, protection: false };

// What outlives a reload. User data does not: passwords are written into it.
export const keptFields: (keyof Draft)[] = ["name", "location", "image", "plan", "labels", "keys", "start", "protection"];

const labelName = /^[A-Za-z0-9._/-]{1,63}$/;
const labelValue = /^[A-Za-z0-9._/:@+-]{0,63}$/;

// Undefined if one of them is no label.
export function labelsOf(texts: string[]): Record<string, string> | undefined {
    const pairs = texts.map((one) => {
        const at = one.indexOf("=");
        return at < 0 ? ([one, ""] as const) : ([one.slice(0, at), one.slice(at + 1)] as const);
    });
    return pairs.every(([name, value]) => labelName.test(name) && labelValue.test(value)) ? Object.fromEntries(pairs) : undefined;
}

export const linesOf = (text: string): string[] => text.split("\n").map((one) => one.trim()).filter(Boolean);

// What is sent to keep keys that were typed: each under its comment, or what else it is known by, and none under a name that is taken.
export function keysToKeep(texts: string[], taken: string[]): Schema["SshKeyCreate"][] {
    const names = new Set(taken);
    return texts.map((public_key) => {
        const { comment, kind } = brief(public_key);
        const first = (comment || kind).slice(0, 63);
        let name = first;
        for (let count = 2; names.has(name); count++) {
            name = `${first.slice(0, 63 - ` ${count}`.length)} ${count}`;
        }
        names.add(name);
        return { name, public_key };
    });
}

// Undefined while something that it cannot be without is not filled in.
export function bodyOf(draft: Draft): Schema["VpsCreate"] | undefined {
    const { name, location, image, plan } = draft;
    if (!name || !location || !image || !plan) {
        return undefined;
    }
    const keys = linesOf(draft.keys);
    const labels = labelsOf(draft.labels) ?? {};
    return {
        name,
        plan_id: plan,
        image_id: image,
        location_id: location,
        ...(keys.length > 0 && { ssh_keys: keys }),
        ...(draft.userData.trim() && { user_data: draft.userData }),
        ...(!draft.start && { start: false }),
        ...(Object.keys(labels).length > 0 && { labels }),
        ...(draft.protection && { protection: true }),
    };
}

// As one would type it into a shell; a quote in it does not end it.
export function curlOf(origin: string, body: object): string {
    const json = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`);
    return `curl -X POST '${origin}/v1/vps' \\\n  -H "Authorization: Bearer $TOKEN" \\\n  -H 'Content-Type: application/json' \\\n  -H "Idempotency-Key: $(uuidgen)" \\\n  -d '${json}'`;
}
