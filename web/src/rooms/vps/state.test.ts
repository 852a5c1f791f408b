import { describe, expect, test } from "vitest";
import type { Vps } from "../../api/nouns";
import { powerOf } from "./power";
import { stateOf } from "./state";

const vps = (part: Partial<Vps>) =>
    ({ desired: "running", observed: "running", generation: 1, observed_generation: 1, frozen: false, suspended: null, rescue_image_id: null, delete_after: null, lost_at: null, error: null, task_id: null, ...part }) as Vps;

describe("what a vps is doing", () => {
    test.each([
        [{}, "state.running"],
        [{ observed: "absent", observed_generation: 0 }, "state.creating"],
        [{ observed: "stopped", task_id: "t" }, "state.starting"],
        [{ desired: "stopped", observed: "running", task_id: "t" }, "state.stopping"],
        [{ desired: "stopped", observed: "stopped" }, "state.stopped"],
        [{ desired: "deleted" }, "state.deleting"],
        [{ desired: "deleted", delete_after: "2030-01-01T00:00:00Z" }, "state.held"],
        [{ frozen: true }, "state.frozen"],
        [{ rescue_image_id: "i" }, "state.rescue"],
        [{ suspended: "stop", observed: "stopped" }, "state.suspended"],
        [{ observed: "error" }, "state.failed"],
        [{ observed: "stopped", observed_generation: 0, error: { code: "disk_full", detail: "" } }, "state.failed"],
        [{ lost_at: "2030-01-01T00:00:00Z" }, "state.lost"],
    ] as [Partial<Vps>, string][])("%o is %s", (part, key) => {
        expect(stateOf(vps(part)).key).toBe(key);
    });

    test("orders are those that can be carried out", () => {
        expect(powerOf(vps({}))).toContain("stop");
        expect(powerOf(vps({ desired: "stopped", observed: "stopped" }))).toEqual(["start"]);
        expect(powerOf(vps({ suspended: "stop" }))).toEqual([]);
        expect(powerOf(vps({ lost_at: "x" }))).toEqual([]);
        expect(powerOf(vps({ desired: "deleted", delete_after: "x" }))).toEqual(["undelete"]);
    });
});
