// Strings and forms of the language one has chosen. `en` says which strings there are.
import { remember, remembered, store, useStore } from "../api/store";
import { de } from "./de";
import { en } from "./en";

export type Key = keyof typeof en;
export type Language = "en" | "de";
export const languages: { value: Language; label: string }[] = [
    { value: "en", label: "English" },
    { value: "de", label: "Deutsch" },
];

const catalogues: Record<Language, Record<Key, string>> = { en, de };
const key = "croft.language";

function preferred(): Language {
    const wanted = [remembered(key), ...navigator.languages].map((one) => one?.slice(0, 2));
    return (wanted.find((one) => one === "en" || one === "de") as Language | undefined) ?? "en";
}

export const language = store<Language>(preferred());

export function setLanguage(next: Language): void {
    remember(key, next);
    document.documentElement.lang = next;
    language.set(next);
}

export type Values = Record<string, string | number>;

// `{name}` in a string is what `values` has of that name. A string may have a form for one: `x.one` beside `x`.
export function translate(of: Language, name: Key, values: Values = {}): string {
    const one = `${name}.one` as Key;
    const catalogue = catalogues[of];
    const text = values.count === 1 && one in catalogue ? catalogue[one] : catalogue[name];
    return text.replace(/\{(\w+)\}/g, (all, word: string) => (word in values ? String(values[word]) : all));
}

export type T = (name: Key, values?: Values) => string;

export function useT(): T {
    const of = useStore(language);
    return (name, values) => translate(of, name, values);
}

// For a name that came from the API: its string if there is one, else the name itself, made legible.
export function useWord(): (group: string, word: string) => string {
    const t = useT();
    return (group, word) => (`${group}.${word}` in en ? t(`${group}.${word}` as Key) : word.replaceAll("_", " "));
}
