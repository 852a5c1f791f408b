import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { de } from "./de";
import { en } from "./en";
import { ago, bytes, measure, money } from "./format";
import { translate, type Key } from "./index";

const keys = Object.keys(en) as Key[];
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe("the catalogues", () => {
    test("German has each string, with the same holes", () => {
        expect(Object.keys(de).sort()).toEqual([...keys].sort());
        expect(keys.filter((key) => JSON.stringify(holes(en[key])) !== JSON.stringify(holes(de[key])))).toEqual([]);
    });

    test("each string is used somewhere", () => {
        const root = join(process.cwd(), "src");
        const text = readdirSync(root, { recursive: true, encoding: "utf8" })
            .filter((name) => /\.tsx?$/.test(name) && !name.startsWith("i18n/") && !name.startsWith("api/schema"))
            .map((name) => readFileSync(join(root, name), "utf8"))
            .join("\n");
        // Those whose last word comes from the API or a list: `role.${one}`.
        const groups = [...text.matchAll(/[`"]([a-z.]+)\.\$\{/g)].map(([, name]) => `${name}.`);
        const words = [...text.matchAll(/word\("([a-z.]+)"/g)].map(([, name]) => `${name}.`);
        const known = [...groups, ...words, "problem."];
        const used = (key: string) => text.includes(`"${key}"`) || known.some((one) => key.startsWith(one)) || (key.endsWith(".one") && text.includes(`"${key.slice(0, -4)}"`));
        expect(keys.filter((key) => !used(key))).toEqual([]);
    });

    test("a hole is filled; one that nobody fills shows itself", () => {
        expect(translate("en", "confirm.type", { name: "web1" })).toBe("Type web1 to confirm");
        expect(translate("en", "confirm.type")).toBe("Type {name} to confirm");
        expect(translate("en", "confirm.type", { name: "{name} <b>" })).toBe("Type {name} <b> to confirm");
    });

    test("one is not many", () => {
        expect(translate("en", "limit.hits", { count: 1 })).toBe("met once since the start");
        expect(translate("de", "limit.hits", { count: 3 })).toBe("3-mal erreicht seit dem Start");
    });
});

describe("forms", () => {
    test("bytes", () => {
        expect(bytes("en", 0)).toBe("0 B");
        expect(bytes("en", 1536)).toBe("1.5 KiB");
        expect(bytes("de", 1536)).toBe("1,5 KiB");
        expect(bytes("en", 64 * 2 ** 20)).toBe("64 MiB");
        expect(bytes("en", 2 ** 60)).toBe("1,024 PiB");
    });

    test("money keeps each digit that it has, and an unknown currency its name", () => {
        expect(money("en", "5.00", "EUR")).toBe("€5.00");
        expect(money("en", "0.006944", "EUR")).toBe("€0.006944");
        expect(money("en", "1", "nope")).toBe("1 nope");
    });

    test("times", () => {
        const now = Date.parse("2030-01-01T12:00:00Z");
        expect(ago("en", "2030-01-01T11:59:58Z", now)).toBe("now");
        expect(ago("en", "2030-01-01T11:57:00Z", now)).toBe("3 minutes ago");
        expect(ago("de", "2030-01-03T12:00:00Z", now)).toBe("übermorgen");
    });

    test("what limits are measured in", () => {
        expect(measure("en", 1500, "millicores")).toBe("1.5 vCPU");
        expect(measure("en", 100e6, "bits_per_second")).toBe("100 Mbit/s");
        expect(measure("en", 12, "count")).toBe("12");
    });
});
