// One vps is made and deleted while a process dies at a step. Used by faults-*.test.ts, which share the work
// so that two of them run at once.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { agree } from "../harness/match.js";
import { agentProgram } from "../harness/paths.js";
import type { Task } from "../harness/client.js";
import { World } from "../harness/world.js";

export const stepNames = execFileSync(agentProgram, ["steps"], { encoding: "utf8", env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" } })
    .split("\n")
    .filter(Boolean);

export const processes = ["worker", "broker", "link"] as const;

export interface Case {
    kind: "vps_create" | "vps_delete" | "vps_start" | "vps_stop";
    who: (typeof processes)[number];
    step: string;
}

export function casesOf(kinds: Case["kind"][], select: (step: string) => boolean = () => true): Case[] {
    return stepNames
        .filter((step) => kinds.some((kind) => step.startsWith(`${kind}.`)) && select(step))
        .flatMap((step) => processes.map((who) => ({ kind: step.split(".")[0] as Case["kind"], who, step })));
}

function arm(world: World, { kind, who, step }: Case): void {
    const lines = [`${who} ${step}`];
    if (step.includes(".undo_")) {
        // What is made is taken back only if a later step fails.
        const last = stepNames.filter((name) => name.startsWith(`${kind}.`) && !name.includes(".undo_")).at(-1);
        lines.unshift(`fail ${last}`);
    }
    writeFileSync(`${world.agent.state}/fault`, `${lines.join("\n")}\n`);
}

async function order(world: World, kind: Case["kind"], vps: string | undefined): Promise<{ task: Task; vps: { id: string } }> {
    const { api } = world.customer;
    switch (kind) {
        case "vps_create":
            return api.expect(202, "POST", "/v1/vps", { body: world.order() });
        case "vps_delete":
            return api.expect(202, "DELETE", `/v1/vps/${vps}`);
        default:
            return api.expect(202, "POST", `/v1/vps/${vps}/${kind.slice("vps_".length)}`);
    }
}

async function check(world: World, one: Case, last: boolean): Promise<void> {
    const { api } = world.customer;
    const before = one.kind === "vps_create" ? undefined : (await world.createVps({ start: one.kind !== "vps_start" })).id;
    arm(world, one);
    const { task, vps } = await order(world, one.kind, before);
    const settled = await api.settled(task.id, 60_000);
    assert.ok(["done", "failed"].includes(settled.status), settled.status);
    assert.ok(settled.status === "done" || settled.error?.detail, "failed without a reason");
    assert.equal(world.agent.faultPending(), false, "the step was never reached");
    await agree(world);
    const left = await api.raw("GET", `/v1/vps/${vps.id}`);
    if (left.status === 200 && left.json.desired !== "deleted") {
        await world.deleteVps(vps.id);
    }
    if (last) {
        await agree(world); // takes longer than the rest
    }
    assert.deepEqual(world.agent.vpsFolders(), []);
}

export function faultTests(title: string, cases: Case[]): void {
    describe(title, () => {
        let world: World;
        before(async () => {
            world = await World.create({ drivers: "real" });
        });
        after(() => world?.close());
        cases.forEach((one, i) => {
            const last = cases[i + 1]?.step !== one.step;
            test(`${one.who} dies at ${one.step}`, { timeout: 180_000 }, () => check(world, one, last));
        });
    });
}
