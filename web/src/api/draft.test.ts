import { beforeEach, describe, expect, test } from "vitest";
import { keptFrom, keptOf } from "./draft";
import { draftIn, draftOut, dropDrafts } from "./store";

interface Form {
    name: string;
    place?: string;
    labels: string[];
    start: boolean;
    secret: string;
}
const empty: Form = { name: "", labels: [], start: true, secret: "" };
const names: (keyof Form)[] = ["name", "place", "labels", "start"];

describe("what is kept of a form", () => {
    test("what was typed, never a secret, of which only is known that there was one", () => {
        const kept = keptOf({ ...empty, name: "web1", place: "a", secret: "hunter2" }, empty, names);
        expect(kept).toEqual({ fields: { name: "web1", place: "a" }, left: true });
        expect(JSON.stringify(kept)).not.toContain("hunter2");
        expect(keptFrom(JSON.stringify(kept), empty, names)).toEqual(kept);
    });

    test("nothing of what nobody has touched", () => {
        expect(keptOf({ ...empty }, empty, names)).toBeUndefined();
    });

    test("what does not fit is left out: another version may have written it", () => {
        const text = JSON.stringify({ fields: { name: 7, labels: "a", start: "yes", place: "a", secret: "hunter2", more: 1 }, left: false });
        expect(keptFrom(text, empty, names)).toEqual({ fields: { place: "a" }, left: false });
        for (const other of [null, "", "{", "null", "[]", "7"]) {
            expect(keptFrom(other, empty, names)).toBeUndefined();
        }
    });
});

describe("the storage", () => {
    beforeEach(() => sessionStorage.clear());

    test("of another person nothing stays, and of nobody after a sign-out", () => {
        sessionStorage.setItem("other", "1");
        draftIn("ada.t1.vps", "1");
        draftIn("bob.t1.vps", "2");
        dropDrafts("ada");
        expect([draftOut("ada.t1.vps"), draftOut("bob.t1.vps")]).toEqual(["1", null]);
        dropDrafts();
        expect([draftOut("ada.t1.vps"), sessionStorage.getItem("other")]).toEqual([null, "1"]);
    });

    test("what is null is taken away", () => {
        draftIn("ada", "1");
        draftIn("ada", null);
        expect(draftOut("ada")).toBeNull();
    });
});
