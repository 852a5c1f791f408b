import { describe, expect, test } from "vitest";
import { SseParser } from "./sse";
import { staleRoots } from "./stream";

function read(...pieces: string[]) {
    const taken: [string | undefined, string | undefined][] = [];
    const parser = new SseParser((id, event) => taken.push([id, event?.action]));
    pieces.forEach((one) => parser.push(one));
    return taken;
}

describe("server-sent events", () => {
    test("an event is its id and its data", () => {
        expect(read('id: 7\ndata: {"action":"vps.created"}\n\n')).toEqual([["7", "vps.created"]]);
    });

    test("however the text is cut", () => {
        const text = ': hello\nretry: 500\nid: 7\r\ndata: {"action":\ndata: "vps.created"}\r\n\r\nid: 8\ndata: {"action":"task.done"}\n\n';
        const whole = read(text);
        expect(whole).toEqual([["7", "vps.created"], ["8", "task.done"]]);
        for (let at = 1; at < text.length; at++) {
            expect(read(text.slice(0, at), text.slice(at))).toEqual(whole);
        }
        expect(read(...text)).toEqual(whole);
    });

    test("comments, and what is not JSON, take nothing down", () => {
        expect(read(":\n\n", "data: {\n\n", "data: 5\n\n", 'id: 9\ndata: {"action":"vps.x"}\n\n')).toEqual([[undefined, undefined], [undefined, undefined], ["9", "vps.x"]]);
    });

    test("an event says what is old; one of a kind that is new makes nothing old", () => {
        expect(staleRoots({ action: "task.done" })).toContain("vps");
        expect(staleRoots({ action: "firewall.updated" })).toEqual(["firewall"]);
        expect(staleRoots({ action: "moon.risen" })).toEqual([]);
        expect(staleRoots({ action: "constructor" })).toEqual([]);
    });
});
