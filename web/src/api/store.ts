// A value that components and plain code share.
import { useSyncExternalStore } from "react";

export interface Store<T> {
    get(): T;
    set(next: T): void;
    watch(listener: () => void): () => void;
}

export function store<T>(value: T): Store<T> {
    const listeners = new Set<() => void>();
    return {
        get: () => value,
        set(next) {
            if (next !== value) {
                value = next;
                listeners.forEach((one) => one());
            }
        },
        watch(listener) {
            listeners.add(listener);
            return () => listeners.delete(listener);
        },
    };
}

export const useStore = <T>(from: Store<T>): T => useSyncExternalStore(from.watch, from.get);

// Browsers that keep nothing (private windows, policies) are no reason to fail.
export function remembered(key: string): string | null {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

export function remember(key: string, value: string | null): void {
    try {
        if (value === null) {
            localStorage.removeItem(key);
        } else {
            localStorage.setItem(key, value);
        }
    } catch {
        // It holds as long as the page does.
    }
}

const drafts = "croft.draft.";

export function draftOut(name: string): string | null {
    try {
        return sessionStorage.getItem(drafts + name);
    } catch {
        return null;
    }
}

export function draftIn(name: string, text: string | null): void {
    try {
        text === null ? sessionStorage.removeItem(drafts + name) : sessionStorage.setItem(drafts + name, text);
    } catch {
        // As above.
    }
}

// Of everybody but one, whose names begin so.
export function dropDrafts(but?: string): void {
    try {
        const names = Object.keys(sessionStorage).filter((one) => one.startsWith(drafts));
        names.filter((one) => but === undefined || !one.startsWith(drafts + but)).forEach((one) => sessionStorage.removeItem(one));
    } catch {
        // As above.
    }
}
