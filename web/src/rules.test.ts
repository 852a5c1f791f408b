// The rules of web/README.md that a machine can keep.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(process.cwd(), "src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|tsx|css)$/.test(name) && !name.endsWith("schema.d.ts"))
    .map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));
const sources = files.filter(({ name }) => !name.includes(".test"));

const breaking = (wrong: (file: { name: string; text: string }) => boolean) => sources.filter(wrong).map(({ name }) => name);

describe("the source", () => {
    test("a file has at most 300 lines", () => {
        expect(breaking(({ text }) => text.split("\n").length > 301)).toEqual([]);
    });

    test("only ui knows the component kit", () => {
        expect(breaking(({ name, text }) => !name.startsWith("ui/") && text.includes('"@mantine/'))).toEqual([]);
    });

    test("text never becomes HTML", () => {
        expect(breaking(({ text }) => /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write/.test(text))).toEqual([]);
    });

    test("only api talks to the server", () => {
        expect(breaking(({ name, text }) => !name.startsWith("api/") && /\bfetch\(|XMLHttpRequest|EventSource/.test(text))).toEqual([]);
    });

    test("a room does not reach into another", () => {
        const room = (name: string) => /^rooms\/([^/]+)\//.exec(name)?.[1];
        const allowed = new Set(["../vps/state"]); // what a vps's state looks like is the same everywhere
        const wrong = sources.flatMap(({ name, text }) =>
            [...text.matchAll(/from "((?:\.\.\/)+(\w+)\/[^"]+)"/g)]
                .filter(([, path, target]) => room(name) && ["auth", "home", "vps", "account", "billing", "selling", "reseller", "operator"].includes(target!) && target !== room(name) && !allowed.has(path!))
                .map(([, path]) => `${name}: ${path}`),
        );
        expect(wrong).toEqual([]);
    });

    test("what has no way back is never one click: a dialog asks first", () => {
        const final = /api\.DELETE\(|\bdrop[A-Z]\w*\(|\/(cancel|void|revoke|retire|close|approve|finalise|rotate-secret|reinstall|clean|refund)"/;
        const wrong = sources.flatMap(({ name, text }) =>
            [...text.matchAll(/const (\w+) = useAction\([^\n]*(?:\n(?!    (?:const|return|if|async) )[^\n]*)*/g)]
                .filter(([action, called]) => final.test(action) && new RegExp(`onClick={(\\(\\) => (void )?)?${called}\\.run`).test(text))
                .map(([, called]) => `${name}: ${called}`),
        );
        expect(wrong).toEqual([]);
    });

    test("nothing names another host", () => {
        expect(breaking(({ text }) => /https?:\/\/(?!")/.test(text.replace(/^\s*\/\/.*$/gm, "")) && /https?:\/\/[a-z0-9]/.test(text))).toEqual([]);
    });
});
