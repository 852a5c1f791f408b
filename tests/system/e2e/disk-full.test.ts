// The disk with the agent's state (journal, records, spool, downloads, its log) is full; the guests' own has room.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Task } from "../harness/client.js";
import { until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { agentProgram } from "../harness/paths.js";
import { MiB, World } from "../harness/world.js";

const steps = execFileSync(agentProgram, ["steps"], { encoding: "utf8", env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" } })
    .split("\n")
    .filter((step) => /^vps_(create|start|stop|delete)\./.test(step) && !step.includes(".undo_"));

describe("a node whose state disk is full", () => {
    let world: World;
    before(async () => {
        world = await World.create({ drivers: "real", agent: { stateBytes: 12 * MiB } });
    });
    after(() => world?.close());

    const file = () => `${world.agent.state}/fill`;
    const free = () => rmSync(file(), { force: true });

    function fill(): void {
        execFileSync("sh", ["-c", `dd if=/dev/zero bs=4k 2>/dev/null >>${file()}; true`]);
        assert.equal(statfsSync(world.agent.state).bfree, 0);
    }

    function isClear(task: Task): void {
        assert.equal(task.error!.code, "disk_full", JSON.stringify(task.error));
        assert.match(task.error!.detail, /^the node's state disk is full: .*No space left on device/);
    }

    async function act(kind: string, vps?: string): Promise<{ task: Task; vps: { id: string } }> {
        const { api } = world.customer;
        if (kind === "create") {
            return api.expect(202, "POST", "/v1/vps", { body: world.order() });
        }
        return kind === "delete" ? api.expect(202, "DELETE", `/v1/vps/${vps}`) : api.expect(202, "POST", `/v1/vps/${vps}/${kind}`);
    }

    async function remove(id: string): Promise<void> {
        const left = await world.customer.api.raw("GET", `/v1/vps/${id}`);
        if (left.status === 200 && left.json.desired !== "deleted") {
            await world.deleteVps(id);
        }
        await agree(world, 90_000);
        assert.deepEqual(world.agent.vpsFolders(), []);
    }

    test("a create whose image has no room to arrive", { timeout: 180_000 }, async () => {
        fill();
        const { task, vps } = await act("create");
        isClear(await world.customer.api.settled(task.id));
        free();
        await remove(vps.id);
        await world.deleteVps((await world.createVps()).id); // the image is there from now on
        await agree(world);
    });

    for (const kind of ["create", "start", "stop", "delete"]) {
        test(`it is full before a ${kind}`, { timeout: 180_000 }, async () => {
            const before = kind === "create" ? undefined : (await world.createVps({ start: kind !== "start" })).id;
            fill();
            const { task, vps } = await act(kind, before);
            const settled = await world.customer.api.settled(task.id);
            if (kind !== "delete" || settled.status === "failed") {
                isClear(settled); // a delete makes no files, so that it may succeed
                assert.deepEqual(world.agent.vpsFolders(), before ? [before] : []);
            }
            free();
            await remove(vps.id);
        });
    }

    for (const step of steps) {
        test(`it fills up at ${step}`, { timeout: 180_000 }, async () => {
            const kind = step.slice("vps_".length, step.indexOf("."));
            const before = kind === "create" ? undefined : (await world.createVps({ start: kind !== "start" })).id;
            writeFileSync(`${world.agent.state}/fault`, `fill ${step}\n`);
            const { task, vps } = await act(kind, before);
            const settled = await world.customer.api.settled(task.id);
            assert.equal(world.agent.faultPending(), false, "the step was never reached");
            if (settled.status === "failed") {
                isClear(settled);
            }
            free();
            await remove(vps.id);
        });
    }

    test("what was given up while it was full is done by itself when there is room", { timeout: 240_000 }, async () => {
        const vps = await world.createVps();
        fill();
        const { task } = await act("stop", vps.id);
        isClear(await world.customer.api.settled(task.id));
        // All five tries of the server, without the pauses between them.
        await until("the server rests", async () => {
            await world.cluster.sql(`UPDATE vps SET retry_at = now() WHERE id = '${vps.id}' AND retry_at > now()`);
            const rest = await world.cluster.sql(`SELECT attempts = 5 AND retry_at IS NULL AND task_id IS NULL FROM vps WHERE id = '${vps.id}'`);
            return rest === "t";
        }, 150_000, 500);
        assert.equal((await world.customer.api.vps(vps.id)).error?.code, "disk_full");
        free();
        await until("it is stopped after all", async () => {
            const now = await world.customer.api.vps(vps.id);
            return now.observed === "stopped" && now.error === null && now.observed_generation === now.generation;
        }, 30_000);
        await remove(vps.id);
    });

    test("guests run on, their usage is all there afterwards, and the agent starts on a full disk", { timeout: 240_000 }, async () => {
        const vps = await world.createVps();
        const address = vps.addresses.find((one) => one.family === 4)!.address;
        const usage = () => world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}/usage`);
        const ping = (count: number) => world.netns!.run("ping", `-c${count}`, "-i0.05", "-W1", "-s1000", address);
        await until("it answers", () => ping(1), 20_000);
        const before = await until("usage arrives", async () => {
            const now = await usage();
            return now.last && now.net_rx_bytes > 0 && now;
        }, 30_000);
        fill();
        await ping(40);
        await world.agent.stop("SIGKILL");
        const epoch = await world.cluster.sql("SELECT epoch FROM node_status");
        fill();
        world.agent.launch();
        await until("its link is back", async () => Number(await world.cluster.sql("SELECT epoch FROM node_status WHERE online")) > Number(epoch));
        fill(); // a stale pid file has gone
        await ping(40);
        assert.equal((await world.customer.api.vps(vps.id)).observed, "running");
        free();
        const after = await until("usage goes on", async () => {
            const now = await usage();
            return now.net_rx_bytes >= before.net_rx_bytes + 80 * 1000 && now;
        }, 60_000);
        assert.equal(after.last.boot, before.last.boot);
        assert.match(readFileSync(world.agent.log, "utf8"), /event=state_disk state=room_again/);
        await remove(vps.id);
    });
});
