// Orders that hang, die or fail each time: cut, tried again with growing pauses, ended with their reason, and nothing else waits.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Task, Vps } from "../harness/client.js";
import { until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

const DEADLINE_S = 3;

describe("an order that never ends well", () => {
    let world: World;
    let vps: Vps;
    let other: Vps;
    before(async () => {
        world = await World.create({ drivers: "real" });
        [vps, other] = [await world.createVps(), await world.createVps()];
        // Five minutes are what an order has; nobody waits that long for a test.
        await world.cluster.sql(`CREATE FUNCTION soon() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.deadline_s := ${DEADLINE_S}; RETURN NEW; END $$;
            CREATE TRIGGER soon BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION soon()`);
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const faults = (...lines: string[]) => writeFileSync(`${world.agent.state}/fault`, `${lines.join("\n")}\n`);
    const order = async (one: Vps, verb: string, body: object = {}): Promise<string> => {
        const answer = await api().post(`/v1/vps/${one.id}/${verb}`, body);
        assert.equal(answer.status, 202, answer.text);
        return answer.json.task.id;
    };
    const settled = (task: string): Promise<Task> => api().settled(task, 60_000);
    // Seconds between the log's lines of this event about the task.
    const pauses = (event: string, task: string): number[] => {
        const lines = readFileSync(world.agent.log, "utf8").split("\n").filter((line) => line.includes(`event=${event} `) && line.includes(`task=${task}`));
        const times = lines.map((line) => Date.parse(line.match(/\d{4}-\d\d-\d\dT[\d:.]+Z/)![0]) / 1000);
        return times.slice(1).map((time, i) => time - times[i]!);
    };
    const growing = (gaps: number[]) => gaps.every((gap, i) => gap > [0.4, 0.8, 1.6, 3.2, 6.4][i]! * 0.9 && (i === 0 || gap > gaps[i - 1]!));
    // What failed waits, with its reason, for whoever ordered it; nothing is under way.
    const itself = async (reached = true) => {
        await agree(world);
        vps = await api().vps(vps.id);
        assert.deepEqual([vps.observed, vps.task_id, vps.observed_generation === vps.generation], ["running", null, reached]);
    };

    test("one that hangs once is cut and done by its second run", { timeout: 60_000 }, async () => {
        faults("hang vps_reboot.define");
        assert.equal((await settled(await order(vps, "reboot", { force: true }))).status, "done");
        await itself();
    });

    test("one that hangs again is given up; meanwhile others are served, then what came behind it", { timeout: 60_000 }, async () => {
        faults("hang vps_reboot.define", "hang vps_reboot.define");
        const from = Date.now();
        const hung = await order(vps, "reboot", { force: true });
        await until("it hangs", () => readFileSync(`${world.agent.state}/fault`, "utf8").split("\n").length === 2, 10_000);
        assert.equal((await settled(await order(other, "hostname", { hostname: "served" }))).status, "done");
        assert.ok(Date.now() - from < DEADLINE_S * 1000, "another vps waited for it");
        const ended = await settled(hung);
        assert.deepEqual([ended.status, ended.error?.code], ["failed", "timeout"]);
        assert.match(ended.error!.detail, /did not end in time/);
        assert.ok(Date.now() - from > 2 * DEADLINE_S * 1000, "it was not given its time");
        assert.equal((await settled(await order(vps, "hostname", { hostname: "behind" }))).status, "done");
        await itself();
    });

    test("one whose worker dies each time is tried five times again, after longer and longer", { timeout: 90_000 }, async () => {
        faults(...Array<string>(6).fill("worker vps_update.define"));
        const doomed = await order(vps, "hostname", { hostname: "doomed" });
        assert.equal((await settled(await order(other, "reboot", { force: true }))).status, "done");
        const ended = await settled(doomed);
        assert.deepEqual([ended.status, ended.error?.code], ["failed", "internal"]);
        assert.match(ended.error!.detail, /its worker died again and again/);
        const gaps = pauses("worker_died", doomed);
        assert.ok(gaps.length === 5 && growing(gaps), gaps.join(" "));
        await itself(false);
    });

    test("one that fails is ended at once, with its reason", { timeout: 60_000 }, async () => {
        faults("fail vps_update.define");
        const ended = await settled(await order(vps, "hostname", { hostname: "failing" }));
        assert.match(ended.error!.detail, /^define: failed at vps_update.define on purpose/);
        await itself(false);
        assert.equal((await settled(await order(vps, "hostname", { hostname: "later" }))).status, "done");
        await itself();
    });

    test("one that cannot be taken back keeps the own disk aside until a later order brings it back", { timeout: 90_000 }, async () => {
        const word = `${world.agent.state}/pool/guests/${vps.id}/rootfs/word`;
        writeFileSync(word, "then");
        const { task, snapshot } = await api().expect(202, "POST", `/v1/vps/${vps.id}/snapshots`);
        assert.equal((await settled(task.id)).status, "done");
        writeFileSync(word, "now");
        faults("fail vps_restore.settle", ...Array<string>(6).fill("fail vps_restore.undo_swap"));
        const restore = await api().expect(202, "POST", `/v1/snapshots/${snapshot.id}/restore`);
        const ended = await settled(restore.task.id);
        assert.equal(ended.status, "failed");
        assert.match(ended.error!.detail, /^settle: .*; then undo_swap: /);
        assert.equal(world.agent.faultPending(), false, "it was not tried again");
        const gaps = pauses("undo", restore.task.id);
        assert.ok(gaps.length === 5 && growing(gaps), gaps.join(" "));
        await until("it is brought back", () => readFileSync(word, "utf8") === "now", 30_000);
        await itself();
        assert.equal(readFileSync(word, "utf8"), "now");
    });
});
