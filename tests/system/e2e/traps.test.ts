// A guest makes links, pipes, loops and folders of what the agent writes into, removes or mounts on, and every order
// that touches its disk is given: nothing outside is read, written or removed, and nothing is waited for.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { MiB, World } from "../harness/world.js";

// What an outside folder must not lose, by the names that the agent looks for.
const bait = ["authorized_keys", "hostname", "hosts", "shadow", "machine-id", "random-seed", "ssh_host_rsa_key", "dropbear_rsa_host_key", "resolv.conf", "console", "init"];
const content = (name: string) => `${name}, bait of the host`;

const traps: Record<string, string> = {
    "/etc is a link outside": "rm -rf etc; ln -s $OUT etc",
    "/etc leads to itself": "rm -rf etc; ln -s etc etc",
    "/etc is a pipe": "rm -rf etc; mkfifo etc",
    "files of /etc are pipes, links and folders": "rm -rf etc/hostname etc/hosts etc/shadow; mkfifo etc/hosts; mkdir etc/hostname; ln -s $OUT/shadow etc/shadow; rm -rf etc/ssh etc/dropbear; ln -s $OUT etc/ssh; ln -s $OUT etc/dropbear",
    "/root is a link outside": "rm -rf root; ln -s $OUT root",
    "/root/.ssh is a link, its file a pipe": "rm -rf root/.ssh; ln -s ../keys root/.ssh; mkdir -p keys; mkfifo keys/authorized_keys",
    "/var/lib is full of links": "rm -rf var/lib; mkdir -p var/lib; for d in systemd dbus urandom misc seedrng cloud; do ln -s $OUT var/lib/$d; done",
    "/dev is a link outside": "rm -rf dev; ln -s $OUT dev",
    "/dev/console is a pipe": "rm -rf dev; mkdir dev; mkfifo dev/console dev/null dev/tty",
    "/proc and /sys are links outside": "rm -rf proc sys; ln -s $OUT proc; ln -s $OUT sys",
    "/sbin is a link outside": "rm -rf sbin; ln -s $OUT sbin",
    "/sbin/init is a pipe": "rm -rf sbin/init; mkfifo sbin/init",
};

describe("a guest that lays traps", () => {
    let world: World;
    let vps: Vps;
    let outside: string;
    let key: string;
    before(async () => {
        world = await World.create({ drivers: "real" });
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.sandbox.path("key")]);
        key = readFileSync(`${world.sandbox.path("key")}.pub`, "utf8").trim();
        outside = world.sandbox.path("outside");
        mkdirSync(outside);
        bait.forEach((name) => writeFileSync(`${outside}/${name}`, content(name), { mode: 0o755 }));
        vps = await world.createVps();
    });
    after(() => world?.close());

    const said: string[] = [];
    const api = () => world.customer.api;
    const lay = (trap: string) => run(["sh", "-c", `cd ${world.agent.state}/pool/guests/${vps.id}/rootfs && OUT=${outside} && ${trap}`]);
    const untouched = () => {
        assert.deepEqual(readdirSync(outside).sort(), [...bait].sort());
        bait.forEach((name) => assert.equal(readFileSync(`${outside}/${name}`, "utf8"), content(name)));
        assert.doesNotMatch(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(outside));
    };

    // An order that may fail, but with a reason, and soon; what the API refuses in the state that the trap led to is no order.
    const give = async (method: string, path: string, body?: object): Promise<any> => {
        const answer = await api().raw(method, path, { body });
        if (answer.status === 409) {
            return answer.json;
        }
        assert.equal(answer.status, 202, `${path}: ${answer.text}`);
        const task = await api().settled(answer.json.task.id, 30_000);
        assert.ok(task.status === "done" || (task.error?.detail && task.error.code !== "timeout"), `${path}: ${JSON.stringify(task)}`);
        untouched();
        said.push(`${method} ${path.replace(/[0-9a-f-]{36}/g, "*")} ${task.status}${task.error ? `: ${task.error.detail}` : ""}`);
        return { ...answer.json, status: task.status, error: task.error };
    };

    // What was packed of the trap, if it was, is the guest's own: nothing of outside is in it. Then it goes again.
    const holds = async (id: string) => {
        const image = await api().expect(200, "GET", `/v1/images/${id}`);
        if (image.state === "ready") {
            const file = `${world.sandbox.path("server")}/images/${image.sha256}`;
            const { stdout } = await run(["sh", "-c", `zstd -dc ${file} | grep -ac 'bait of the host' || true`]);
            assert.equal(stdout.trim(), "0");
        } else {
            assert.deepEqual([image.state, typeof image.error?.detail], ["failed", "string"]);
        }
        await api().expect(204, "DELETE", `/v1/images/${id}`);
    };

    const every = async () => {
        const own = `/v1/vps/${vps.id}`;
        await give("POST", `${own}/hostname`, { hostname: `n${Date.now()}` });
        await give("POST", `${own}/ssh-keys`, { add: [key] });
        await give("POST", `${own}/password`, { password: "correct horse" });
        await give("POST", `${own}/ssh-keys`, { remove: [key] });
        const { snapshot } = await give("POST", `${own}/snapshots`);
        await give("POST", `${own}/reboot`, { force: true });
        await give("POST", `${own}/stop`, { force: true });
        await give("POST", `${own}/start`);
        await give("POST", `/v1/snapshots/${snapshot.id}/restore`);
        const clone = await give("POST", `${own}/clone`, { name: "clone", snapshot_id: snapshot.id });
        const gone = await api().raw("DELETE", `/v1/vps/${clone.vps.id}`); // one that failed goes by itself
        assert.ok(gone.status === 404 || (await api().settled(gone.json.task.id, 30_000)).status === "done", gone.text);
        untouched();
        const { image } = await give("POST", `${own}/publish`, { name: `trap${Date.now()}` });
        await holds(image.id);
        assert.equal((await give("POST", `${own}/rescue`)).status, "done");
        await give("POST", `${own}/hostname`, { hostname: `r${Date.now()}` });
        await give("POST", `${own}/unrescue`);
        await give("DELETE", `/v1/snapshots/${snapshot.id}`);
        assert.equal((await give("POST", `${own}/reinstall`, { image_id: vps.image_id })).status, "done");
    };

    for (const [title, trap] of Object.entries(traps)) {
        test(title, { timeout: 180_000 }, async () => {
            said.length = 0;
            await lay(trap);
            await every();
            assert.ok(said.length > 12, said.join("\n")); // the rest was refused: what a stopped guest cannot do
            await until("nothing is open", async () => (await world.cluster.sql("SELECT count(*) FROM tasks WHERE ended_at IS NULL")) === "0", 40_000);
        });
    }

    test("whatever it broke, it is suspended and its limits come down", { timeout: 60_000 }, async () => {
        await lay(traps["/etc leads to itself"]!);
        const answer = await api().post(`/v1/vps/${vps.id}/hostname`, { hostname: "unwritten" });
        assert.equal((await api().settled(answer.json.task.id, 30_000)).status, "failed");
        const small = await world.createPlan("small", { memory_bytes: 48 * MiB, pids: 77 });
        const tenant = async (verb: string, body: object | undefined, observed: string) => {
            assert.equal((await world.operator.post(`/v1/admin/tenants/${world.customer.id}/${verb}`, body)).status, 200);
            await until(`it is ${observed}`, async () => {
                const now = await api().vps(vps.id);
                return now.observed === observed && now.observed_generation === now.generation && now.task_id === null;
            }, 30_000);
        };
        const cgroup = async (file: string) => (await run(["sh", "-c", `cat $(find /sys/fs/cgroup -path '*lxc.payload.${vps.id}/${file}' | head -1)`])).stdout.trim();
        assert.equal((await give("POST", `/v1/vps/${vps.id}/resize`, { plan_id: small.id })).status, "done");
        assert.equal(await cgroup("pids.max"), "77");
        assert.equal((await give("POST", `/v1/vps/${vps.id}/freeze`)).status, "done");
        assert.equal((await give("POST", `/v1/vps/${vps.id}/thaw`)).status, "done");
        await tenant("suspend", { reason: "unpaid" }, "stopped");
        await tenant("resume", undefined, "running");
        await world.deleteVps(vps.id);
        await agree(world);
        untouched();
    });
});
