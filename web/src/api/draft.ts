// What is half typed in a form outlives a reload: for this tab alone, never a secret, and gone once it is ordered or one signs out.
import { useEffect, useState } from "react";
import { session } from "./session";
import { draftIn, draftOut, useStore } from "./store";

interface Kept<T> {
    fields: Partial<T>;
    left: boolean; // something was not kept
}

const alike = (value: unknown, like: unknown) =>
    like === undefined ? typeof value === "string" : Array.isArray(like) ? Array.isArray(value) && value.every((one) => typeof one === "string") : typeof value === typeof like;

// What of a draft is kept; undefined: nothing was typed. names: of the fields that may be, texts where `empty` has none.
export function keptOf<T extends object>(draft: T, empty: T, names: (keyof T)[]): Kept<T> | undefined {
    const changed = (name: keyof T) => JSON.stringify(draft[name]) !== JSON.stringify(empty[name]);
    const fields = Object.fromEntries(names.filter(changed).map((name) => [name, draft[name]])) as Partial<T>;
    const left = (Object.keys(draft) as (keyof T)[]).some((name) => !names.includes(name) && changed(name));
    return left || Object.keys(fields).length > 0 ? { fields, left } : undefined;
}

// The same from what the storage says, which another version of the panel may have written.
export function keptFrom<T extends object>(text: string | null, empty: T, names: (keyof T)[]): Kept<T> | undefined {
    try {
        const { fields, left } = JSON.parse(text ?? "") as Kept<T>;
        const fit = names.filter((name) => name in fields && alike(fields[name], empty[name]));
        return fit.length === 0 && left !== true ? undefined : { fields: Object.fromEntries(fit.map((name) => [name, fields[name]])) as Partial<T>, left: left === true };
    } catch {
        return undefined;
    }
}

// back: what came back, if anything did. `drop` forgets it; who acts for somebody else leaves nothing behind.
export function useDraft<T extends object>(form: string, empty: T, names: (keyof T)[]) {
    const { session: mine, tenant, acting } = useStore(session);
    const at = mine && !acting ? `${mine.user.id}.${tenant}.${form}` : undefined;
    const [back, setBack] = useState(() => (at === undefined ? undefined : keptFrom(draftOut(at), empty, names)));
    const [draft, setDraft] = useState<T>({ ...empty, ...back?.fields });
    const kept = JSON.stringify(keptOf(draft, empty, names));
    useEffect(() => {
        if (at !== undefined) {
            draftIn(at, kept ?? null);
        }
    }, [at, kept]);
    return {
        draft,
        set: (part: Partial<T>) => setDraft((before) => ({ ...before, ...part })),
        back,
        drop: () => at !== undefined && draftIn(at, null),
        anew: () => {
            setBack(undefined);
            setDraft(empty);
        },
    };
}
