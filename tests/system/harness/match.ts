// What lies on the node beside what the database says: the answer to "was anything left behind".
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { until } from "./command.js";
import type { World } from "./world.js";

interface Row {
    id: string;
    desired: string;
    observed: string;
    slot: string;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

async function rows(world: World): Promise<Row[]> {
    const text = await world.cluster.sql(`SELECT id, desired, observed, slot FROM vps WHERE deleted_at IS NULL AND node_id = '${world.node}'`);
    return text.split("\n").filter(Boolean).map((line) => {
        const [id, desired, observed, slot] = line.split("|") as [string, string, string, string];
        return { id, desired, observed, slot };
    });
}

// What find says, though cgroups of others go away while it looks.
function find(...args: string[]): string {
    return spawnSync("find", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).stdout.trim();
}

// Guests that have cgroups, and whether their payload's holds a process.
function cgroups(ids: Set<string>): Map<string, boolean> {
    const found = new Map<string, boolean>();
    for (const folder of find("/sys/fs/cgroup", "-type", "d", "-name", "lxc.*").split("\n")) {
        const id = folder.match(uuid)?.[0];
        if (id && ids.has(id)) {
            const populated = folder.includes("lxc.payload") && find(folder, "-name", "cgroup.procs", "-exec", "cat", "{}", "+") !== "";
            found.set(id, found.get(id) || populated);
        }
    }
    return found;
}

function listed(folder: string): Set<string> {
    return new Set(existsSync(folder) ? readdirSync(folder).filter((name) => uuid.test(name)) : []);
}

async function links(world: World): Promise<Set<string>> {
    const text = await world.netns!.output("ip", "-o", "link", "show");
    return new Set([...text.matchAll(/^\d+: (crv\d+)/gm)].map((match) => match[1]!));
}

// Slots of guests that the node's nftables table has a chain, a rate or an element of.
async function filtered(world: World): Promise<Set<string>> {
    const text = await world.netns!.output("sh", "-c", "nft list table inet croft 2>/dev/null || true");
    const named = [...text.matchAll(/^\s*(?:chain|limit) (?:in|out)(\d+) /gm), ...text.matchAll(/"crv(\d+)"/g)];
    return new Set(named.map((match) => match[1]!));
}

// Loop devices of files below the state folder that are gone.
function loops(world: World): string[] {
    const files = spawnSync("losetup", ["--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"], { encoding: "utf8" }).stdout.split("\n");
    return files.filter((line) => line.includes(`${world.agent.state}/`) && line.includes("(deleted)"));
}

// One line for each difference. Only for real drivers.
export async function differences(world: World): Promise<string[]> {
    const found: string[] = [];
    const open = await world.cluster.sql("SELECT string_agg(kind || ' ' || status, ', ') FROM tasks WHERE ended_at IS NULL");
    if (open) {
        found.push(`open tasks: ${open}`);
    }
    const known = await rows(world);
    const [folders, guests, devices] = [listed(`${world.agent.state}/vps`), listed(`${world.agent.state}/pool/guests`), await links(world)];
    const ever = (await world.cluster.sql("SELECT id FROM vps")).split("\n");
    const groups = cgroups(new Set([...ever, ...folders, ...guests]));
    for (const row of known) {
        const parts = { folder: folders.delete(row.id), subvolume: guests.delete(row.id), link: devices.delete(`crv${row.slot}`), running: groups.get(row.id) ?? false };
        const there = row.observed !== "absent";
        const wanted = { folder: there, subvolume: there, link: row.observed === "running", running: row.observed === "running" };
        for (const part of Object.keys(wanted) as (keyof typeof wanted)[]) {
            if (parts[part] !== wanted[part]) {
                found.push(`${row.id} (${row.desired}, ${row.observed}): ${part} is ${parts[part] ? "there" : "missing"}`);
            }
        }
        if (row.observed !== "error" && row.desired !== row.observed && !(row.desired === "deleted" && row.observed === "absent")) {
            found.push(`${row.id}: desired ${row.desired}, observed ${row.observed}`);
        }
        groups.delete(row.id);
    }
    found.push(...[...folders].map((id) => `folder without a row: ${id}`));
    found.push(...[...guests].map((id) => `subvolume without a row: ${id}`));
    const snapshots = new Set((await world.cluster.sql("SELECT id FROM snapshots")).split("\n").filter(Boolean));
    for (const owner of listed(`${world.agent.state}/pool/snapshots`)) {
        const there = [...listed(`${world.agent.state}/pool/snapshots/${owner}`)];
        found.push(...there.filter((id) => !snapshots.delete(id)).map((id) => `snapshot without a row: ${id} of ${owner}`));
    }
    found.push(...[...snapshots].map((id) => `snapshot that is missing: ${id}`));
    found.push(...[...devices].map((name) => `link without a row: ${name}`));
    found.push(...[...groups.keys()].map((id) => `cgroup without a row: ${id}`));
    const slots = new Set(known.map(({ slot }) => slot));
    found.push(...[...(await filtered(world))].filter((slot) => !slots.has(slot)).map((slot) => `nftables of a slot without a row: ${slot}`));
    found.push(...loops(world).map((line) => `loop device of a file that is gone: ${line}`));
    const leftover = world.agent.state + "/vps/";
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n").filter((line) => line.includes(leftover));
    found.push(...mounts.map((line) => `mount: ${line}`));
    return found;
}

// Within a minute the node, the database and the counters agree.
export async function agree(world: World, timeoutMs = 60_000): Promise<void> {
    let found: string[] = [];
    await until("node and database agree", async () => {
        found = await differences(world);
        return found.length === 0;
    }, timeoutMs, 200).catch((error) => {
        throw new Error(`${error.message}\n${found.join("\n")}\n${world.agent.tail(40)}`);
    });
    const verified = await world.server.verifyQuotas();
    if (verified) {
        throw new Error(`verify quotas:\n${verified}`);
    }
}
