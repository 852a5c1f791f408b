// An order fails at its last step, and while it is taken back a process dies, or the step back fails as well: all on
// one vps, whose disk must be its own one when the order has failed. After a death the task is run again from its beginning,
// and may then be done. Undo steps of create, start and stop: faults.ts.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";
import { stepNames } from "./faults.js";

type Answer = { task: { id: string }; vps?: { id: string }; snapshot?: { id: string } };

describe("a death while an order is taken back", () => {
    let world: World;
    let vps: Vps;
    let snapshot: string;
    before(async () => {
        world = await World.create({ drivers: "real" });
        vps = await world.createVps();
        write("then");
        snapshot = (await carryOut("POST", `/v1/vps/${vps.id}/snapshots`)).snapshot!.id;
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const guest = () => `${world.agent.state}/pool/guests/${vps.id}`;
    const write = (word: string) => writeFileSync(`${guest()}/rootfs/word`, word);
    const word = () => (existsSync(`${guest()}/rootfs/word`) ? readFileSync(`${guest()}/rootfs/word`, "utf8") : "");
    const give = async (method: string, path: string, body?: object): Promise<Answer> => {
        const answer = await api().raw(method, path, { body });
        assert.equal(answer.status, 202, answer.text);
        return answer.json;
    };
    const carryOut = async (method: string, path: string, body?: object) => {
        const answer = await give(method, path, body);
        assert.equal((await api().settled(answer.task.id, 60_000)).status, "done");
        return answer;
    };

    // What is ordered, the word on the disk once it was done, and what is to be tidied up then.
    const orders: Record<string, { order: () => Promise<Answer>; word: string; tidy?: (answer: Answer, done: boolean) => Promise<unknown> }> = {
        vps_snapshot: { order: () => give("POST", `/v1/vps/${vps.id}/snapshots`), word: "now", tidy: ({ snapshot: made }) => carryOut("DELETE", `/v1/snapshots/${made!.id}`) },
        vps_restore: { order: () => give("POST", `/v1/snapshots/${snapshot}/restore`), word: "then" },
        vps_reinstall: { order: () => give("POST", `/v1/vps/${vps.id}/reinstall`, { image_id: vps.image_id }), word: "" },
        vps_rescue: {
            order: () => give("POST", `/v1/vps/${vps.id}/rescue`),
            word: "now",
            tidy: (_, done) => (done ? carryOut("POST", `/v1/vps/${vps.id}/unrescue`) : Promise.resolve()),
        },
        vps_clone: {
            order: () => give("POST", `/v1/vps/${vps.id}/clone`, { name: "clone", snapshot_id: snapshot }),
            word: "now",
            tidy: async ({ vps: made }) => {
                const gone = await api().raw("DELETE", `/v1/vps/${made!.id}`); // one that failed goes by itself
                assert.ok(gone.status === 404 || (await api().settled(gone.json.task.id, 60_000)).status === "done", gone.text);
            },
        },
        vps_update: { order: () => give("POST", `/v1/vps/${vps.id}/hostname`, { hostname: `h${Date.now()}` }), word: "now" },
    };

    // What a clone takes back it shares with a create; a link that dies has no part in it.
    const isOwn = (step: string) => !step.startsWith("vps_clone.") || /undo_(volume|state)$/.test(step);
    const undos = stepNames.filter((step) => step.includes(".undo_") && orders[step.split(".")[0]!] && isOwn(step));

    for (const step of undos) {
        const kind = step.split(".")[0]!;
        const last = stepNames.filter((name) => name.startsWith(`${kind}.`) && !name.includes(".undo_")).at(-1);
        for (const who of ["worker", "broker", "fail"]) {
            test(`${who} at ${step}`, { timeout: 180_000 }, async () => {
                write("now");
                writeFileSync(`${world.agent.state}/fault`, `fail ${last}\n${who} ${step}\n`);
                const answer = await orders[kind]!.order();
                const { status, error } = await api().settled(answer.task.id, 60_000);
                assert.equal(world.agent.faultPending(), false, "the step was never reached");
                assert.ok(status === "failed" ? error?.detail.includes("on purpose") : who !== "fail" && status === "done", `${status}: ${error?.detail}`);
                assert.equal(word(), status === "done" ? orders[kind]!.word : "now", "the wrong disk");
                await orders[kind]!.tidy?.(answer, status === "done");
                assert.deepEqual(readdirSync(guest()), ["rootfs"]);
                vps = await api().vps(vps.id);
                assert.equal(vps.observed, "running");
            });
        }
        test(`nothing is left of ${kind}`, { timeout: 120_000 }, () => agree(world));
    }
});
