// What goes wrong while an image is made of a vps: nobody waits for it, nothing is left of it, and others keep their room.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Task } from "../harness/client.js";
import { until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { MiB, World } from "../harness/world.js";

type Made = { task: Task; image: { id: string } };

class Studio {
    private constructor(readonly world: World) {}

    static async create(agent: object): Promise<Studio> {
        return new Studio(await World.create({ drivers: "real", agent }));
    }

    get api() {
        return this.world.customer.api;
    }

    publish(vps: string, name: string): Promise<Made> {
        return this.api.expect(202, "POST", `/v1/vps/${vps}/publish`, { body: { name } });
    }

    // A large file of the guest's root that does not pack small. On disk ids are the guest's.
    write(vps: string, bytes: number): void {
        writeFileSync(`${this.world.agent.state}/pool/guests/${vps}/rootfs/root/big`, randomBytes(bytes));
    }

    faults(...lines: string[]): void {
        writeFileSync(`${this.world.agent.state}/fault`, lines.map((line) => `${line}\n`).join(""));
    }

    reached(): Promise<boolean> {
        return until("the step is reached", () => !this.world.agent.faultPending(), 60_000);
    }

    async order(method: string, path: string): Promise<Task> {
        const { task } = await this.api.expect(202, method as "POST", path as "/v1/vps/{id}/stop");
        return this.api.settled(task.id);
    }

    outgoing(): string[] {
        return readdirSync(`${this.world.agent.state}/outgoing`);
    }

    uploads(): string[] {
        return readdirSync(`${this.world.sandbox.path("server")}/images`).filter((name) => name.startsWith(".upload-"));
    }

    // It has failed for that reason, and holds nothing anywhere.
    async nothingLeft(made: Made, code: string): Promise<void> {
        const image = await this.api.expect(200, "GET", `/v1/images/${made.image.id}`);
        assert.deepEqual([image.state, image.error?.code], ["failed", code], JSON.stringify(image));
        await until("its node has taken it back", () => this.outgoing().every((name) => !name.includes(made.image.id)), 60_000);
        await this.api.expect(204, "DELETE", `/v1/images/${made.image.id}`);
    }
}

describe("publishes that take long", () => {
    let studio: Studio;
    let ids: string[];
    before(async () => {
        studio = await Studio.create({ config: { workers: 2 } });
        ids = [];
        for (let i = 0; i < 3; i++) {
            ids.push((await studio.world.createVps()).id);
        }
    });
    after(() => studio?.world.close());

    test("as many as the node has workers hold up neither their vps nor others, and are cancelled", { timeout: 240_000 }, async () => {
        studio.faults("hang vps_publish.pack", "hang vps_publish.pack");
        const [first, second] = [await studio.publish(ids[0]!, "one"), await studio.publish(ids[1]!, "two")];
        await studio.reached();
        const third = await studio.publish(ids[2]!, "three");
        assert.equal((await studio.order("POST", `/v1/vps/${ids[0]}/stop`)).status, "done");
        assert.equal((await studio.api.vps(ids[0]!)).observed, "stopped");
        const other = await studio.world.createVps();
        await studio.world.deleteVps(other.id);
        // It goes on being looked at, and what dies of it is revived.
        const start = await studio.order("POST", `/v1/vps/${ids[0]}/start`);
        assert.equal(start.status, "done");
        const waiting: Task = await studio.api.expect(200, "GET", `/v1/tasks/${third.task.id}`);
        assert.equal(waiting.status, "running", "two pack at once");

        for (const made of [first, second]) {
            const cancelled: Task = await studio.api.expect(200, "POST", `/v1/tasks/${made.task.id}/cancel`);
            assert.equal(cancelled.status, "cancelled");
            await studio.nothingLeft(made, "cancelled");
        }
        assert.equal((await studio.api.settled(third.task.id, 90_000)).status, "done");
        await studio.api.expect(204, "DELETE", `/v1/images/${third.image.id}`);
        await agree(studio.world);
    });

    test("a delete ends the one of its vps", { timeout: 180_000 }, async () => {
        const vps = await studio.world.createVps();
        studio.faults("hang vps_publish.pack");
        const made = await studio.publish(vps.id, "late");
        await studio.reached();
        await studio.world.deleteVps(vps.id);
        assert.equal((await studio.api.settled(made.task.id)).status, "cancelled");
        await studio.nothingLeft(made, "cancelled");
        await agree(studio.world);
    });

    test("servers that are killed while it is uploaded lose nothing and make nothing by halves", { timeout: 240_000 }, async () => {
        const { world } = studio;
        studio.write(ids[1]!, 40 * MiB);
        const images = `${world.sandbox.path("server")}/images`;
        const made = await studio.publish(ids[1]!, "pieces");
        const grown = (bytes: number) => {
            const file = `${images}/.upload-${made.image.id}`;
            return !existsSync(file) || statSync(file).size > bytes;
        };
        for (const bytes of [0, 12 * MiB, 30 * MiB]) {
            await until("the upload has begun", () => studio.uploads().length > 0 || studio.outgoing().length === 0, 60_000, 5);
            await until(`${bytes} bytes are there`, () => grown(bytes), 60_000, 5);
            world.server.workers().forEach((pid) => process.kill(pid, "SIGKILL"));
            await world.server.ready();
        }
        const settled = await studio.api.settled(made.task.id, 120_000);
        assert.equal(settled.status, "done", `${JSON.stringify(settled.error)}\n${world.agent.tail()}`);
        const image = await studio.api.expect(200, "GET", `/v1/images/${made.image.id}`);
        assert.equal(statSync(`${images}/${image.sha256}`).size, image.size);
        assert.ok(image.size! > 40 * MiB);
        assert.deepEqual([studio.uploads(), studio.outgoing()], [[], []]);
        assert.equal(await world.server.verifyQuotas(), "");
        await studio.api.expect(204, "DELETE", `/v1/images/${image.id}`);
        await agree(world);
    });

    // All of it is there, and what seals it waits for its row, which another transaction holds: the server dies then. What PostgreSQL was asked
    // by the dead is not done either the first time, and done after all the second.
    for (const outcome of ["not sealed", "sealed, and not named"]) {
        test(`servers that are killed behind the last piece, while it is ${outcome}`, { timeout: 240_000 }, async () => {
            const { world } = studio;
            const backends = (which: string, what: string) => world.cluster.sql(`SELECT ${what} FROM pg_stat_activity WHERE ${which} AND pid <> pg_backend_pid()`);
            const waiting = "query LIKE '%croft_image_seal(%' AND wait_event_type = 'Lock'";
            studio.write(ids[1]!, 8 * MiB);
            const made = await studio.publish(ids[1]!, outcome.slice(-5));
            const held = world.cluster.sql(`BEGIN; SELECT FROM images WHERE id = '${made.image.id}' FOR UPDATE; SELECT pg_sleep(200); ROLLBACK`).catch(() => "ended");
            await until("it is to be sealed", async () => (await backends(waiting, "count(*) > 0")) === "t", 120_000, 10);
            const [whole] = studio.outgoing();
            assert.equal(statSync(`${world.sandbox.path("server")}/images/.upload-${made.image.id}`).size, statSync(`${world.agent.state}/outgoing/${whole}`).size);
            world.server.workers().forEach((pid) => process.kill(pid, "SIGKILL"));
            await backends(outcome === "not sealed" ? waiting : "query LIKE '%pg_sleep(200)%'", "pg_terminate_backend(pid)");
            await backends("query LIKE '%pg_sleep(200)%'", "pg_terminate_backend(pid)");
            assert.equal(await held, "ended");
            await world.server.ready();
            const settled = await studio.api.settled(made.task.id, 120_000);
            assert.equal(settled.status, "done", `${JSON.stringify(settled.error)}\n${world.agent.tail()}`);
            const image = await studio.api.expect(200, "GET", `/v1/images/${made.image.id}`);
            assert.equal(statSync(`${world.sandbox.path("server")}/images/${image.sha256}`).size, image.size);
            assert.deepEqual([studio.uploads(), studio.outgoing()], [[], []]);
            assert.equal(await world.server.verifyQuotas(), "");
            await studio.api.expect(204, "DELETE", `/v1/images/${image.id}`);
            await agree(world);
        });
    }
});

describe("publishes on a state disk that has little room", () => {
    const reserve = 24 * MiB;
    let studio: Studio;
    let id: string;
    before(async () => {
        studio = await Studio.create({ stateBytes: 72 * MiB, config: { state_reserve_bytes: reserve } });
        id = (await studio.world.createVps()).id;
    });
    after(() => studio?.world.close());
    const free = () => {
        const disk = statfsSync(studio.world.agent.state);
        return disk.bavail * disk.bsize;
    };

    test("an image that others would have no room beside is not packed", { timeout: 180_000 }, async () => {
        studio.write(id, 50 * MiB);
        let least = free();
        const made = await studio.publish(id, "wide");
        const watch = setInterval(() => (least = Math.min(least, free())), 2);
        const settled = await studio.api.settled(made.task.id);
        clearInterval(watch);
        assert.deepEqual([settled.status, settled.error?.code], ["failed", "disk_full"], JSON.stringify(settled));
        assert.match(settled.error!.detail, /state disk/);
        assert.ok(least >= reserve - 2 * MiB, `${least} bytes were left`);
        await studio.nothingLeft(made, "disk_full");
        rmSync(`${studio.world.agent.state}/pool/guests/${id}/rootfs/root/big`);
        await agree(studio.world);
    });

    test("one whose disk fills up while it is packed fails, and the next is made when there is room", { timeout: 180_000 }, async () => {
        studio.faults("fill vps_publish.pack");
        const made = await studio.publish(id, "filled");
        const settled = await studio.api.settled(made.task.id);
        assert.deepEqual([settled.status, settled.error?.code], ["failed", "disk_full"], JSON.stringify(settled));
        rmSync(`${studio.world.agent.state}/fill`, { force: true });
        await studio.nothingLeft(made, "disk_full");
        await until("the node has room again", () => /event=state_disk state=room_again/.test(readFileSync(studio.world.agent.log, "utf8")), 60_000);
        const again = await studio.publish(id, "after");
        assert.equal((await studio.api.settled(again.task.id)).status, "done");
        await studio.api.expect(204, "DELETE", `/v1/images/${again.image.id}`);
        await agree(studio.world);
    });
});
