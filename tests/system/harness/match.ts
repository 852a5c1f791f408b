// What lies on the node beside what the database says: the answer to "was anything left behind".
import { execFileSync, spawnSync } from "node:child_process";
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

const first = (text: string, pattern: RegExp): Set<string> => new Set([...text.matchAll(pattern)].map((match) => match[1]!));

// What the node's nftables table has of guests: slots with a chain, a rate or an element, and addresses that elements are of or lead to.
async function filtered(world: World): Promise<{ slots: Set<string>; addresses: Set<string> }> {
    const text = await world.netns!.output("sh", "-c", "nft list table inet croft 2>/dev/null || true");
    const slots = new Set([...first(text, /^\s*(?:chain (?:in|out)|limit (?:up|down))(\d+) /gm), ...first(text, /"crv(\d+)"/g)]);
    const elements = (name: string) =>
        (text.match(new RegExp(`(?:set|map) ${name} \\{[^}]*?elements = \\{([^}]*)\\}`))?.[1] ?? "").split(",").map((one) => one.trim()).filter(Boolean);
    const own = ["private4", "private6", "member4", "member6"].flatMap(elements);
    const led = elements("forwards").map((one) => one.split(" : ")[1]!.split(" . ")[0]!);
    return { slots, addresses: new Set([...own, ...led]) };
}

// Quota groups of subvolumes that are gone and that the kernel has cleaned up.
function quotas(world: World): string[] {
    const btrfs = (...args: string[]) => execFileSync("btrfs", [...args, `${world.agent.state}/pool`], { encoding: "utf8" });
    const groups = first(btrfs("qgroup", "show"), /^0\/(\d+)\s/gm);
    const there = new Set([...first(btrfs("subvolume", "list"), /^ID (\d+) /gm), ...first(btrfs("subvolume", "list", "-d"), /^ID (\d+) /gm), "5"]);
    return [...groups].filter((id) => !there.has(id));
}

// What only the agent's look of each minute takes away, or tells of.
async function lasting(world: World): Promise<string[]> {
    const drift = await world.cluster.sql(`SELECT kind || ' ' || name FROM node_drift WHERE node_id = '${world.node}'`);
    return [
        ...drift.split("\n").filter(Boolean).map((one) => `drift: ${one}`),
        ...quotas(world).map((id) => `quota group of a subvolume that is gone: ${id}`),
    ];
}

// Of the node's vps, by pools and by private networks.
const givenAddresses = (world: World) =>
    `SELECT a->>'address' FROM vps v, jsonb_array_elements(croft_addresses_spec(v)) a WHERE v.deleted_at IS NULL AND v.node_id = '${world.node}'`;

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
    const filters = await filtered(world);
    found.push(...[...filters.slots].filter((slot) => !slots.has(slot)).map((slot) => `nftables of a slot without a row: ${slot}`));
    const addresses = new Set((await world.cluster.sql(givenAddresses(world))).split("\n"));
    found.push(...[...filters.addresses].filter((one) => !addresses.has(one)).map((one) => `nftables of an address without a row: ${one}`));
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
    await until("nothing lies about", async () => {
        found = await lasting(world);
        return found.length === 0;
    }, 150_000, 500).catch((error) => {
        throw new Error(`${error.message}\n${found.join("\n")}\n${world.agent.tail(40)}`);
    });
    const verified = await world.server.verifyQuotas();
    if (verified) {
        throw new Error(`verify quotas:\n${verified}`);
    }
    const billing = await world.server.verifyBilling();
    if (billing) {
        throw new Error(`verify billing:\n${billing}`);
    }
}
