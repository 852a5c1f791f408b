// Orders, filters, labels, references and protection, as a client meets them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { operations } from "../harness/contract.js";
import { Api } from "../harness/client.js";
import { World, unlimited } from "../harness/world.js";

type Item = Record<string, any>;

describe("lists, labels, references, protection", () => {
    let world: World;
    let api: Api;
    before(async () => {
        world = await World.create();
        api = world.customer.api;
        for (const [name, labels] of [["beta", { env: "prod", tier: "db" }], ["alpha", { env: "prod" }], ["gamma", { env: "test", "a/b": "1" }], ["delta", {}]] as const) {
            await world.createVps({ name, labels });
        }
    });
    after(() => world?.close());

    async function walk(who: Api, path: string): Promise<Item[]> {
        const all: Item[] = [];
        for (let next: string | null = path; next; ) {
            const answer: { json: any; headers: Headers; status: number; text: string } = await who.raw("GET", next);
            assert.equal(answer.status, 200, answer.text);
            all.push(...answer.json.items);
            const link: string | undefined = answer.headers.get("link")?.match(/<([^>]*)>/)?.[1];
            next = link ?? null;
        }
        return all;
    }
    const names = async (query: string) => (await walk(api, `/v1/vps?limit=2&${query}`)).map((vps) => vps.name);

    test("sorting goes both ways, page by page", async () => {
        assert.deepEqual(await names("sort=name"), ["alpha", "beta", "delta", "gamma"]);
        assert.deepEqual(await names("sort=-name"), ["gamma", "delta", "beta", "alpha"]);
        assert.deepEqual(await names("sort=id"), ["beta", "alpha", "gamma", "delta"]);
        assert.deepEqual(await names("sort=-created_at"), ["delta", "gamma", "alpha", "beta"]);
    });

    // What the contract lists is what the server takes, for every list that there is.
    for (const { method, path, operation } of operations) {
        const sort = operation.parameters?.find((one: any) => one.name === "sort")?.schema;
        if (method === "get" && sort && !path.includes("{")) {
            test(`GET ${path} is sorted by ${sort.enum.join(", ")}`, async () => {
                const who = path.startsWith("/v1/admin/") ? world.operator : api;
                const all = (await walk(who, `${path}?limit=200`)).map((item) => item.id).sort();
                for (const word of sort.enum) {
                    const seen = (await walk(who, `${path}?limit=${all.length > 20 ? 200 : 2}&sort=${word}`)).map((item) => item.id);
                    assert.equal(new Set(seen).size, seen.length, "one is shown twice");
                    assert.ok(all.every((id) => seen.includes(id)), "one is missing");
                }
                const refused = await who.raw("GET", `${path}?sort=updated_at`);
                assert.deepEqual([refused.status, refused.json.errors?.[0].pointer], [422, "/sort"]);
            });
        }
    }

    test("a cursor is of one list and one order", async () => {
        const { next_cursor } = await api.expect(200, "GET", "/v1/vps?limit=1&sort=name");
        for (const path of ["/v1/vps", "/v1/vps?sort=-name", "/v1/vps?sort=created_at", "/v1/images?sort=name"]) {
            const answer = await api.raw("GET", `${path}${path.includes("?") ? "&" : "?"}cursor=${next_cursor}`);
            assert.deepEqual([answer.status, answer.json.errors?.[0].pointer], [422, "/cursor"], path);
        }
    });

    test("selectors find by label", async () => {
        for (const [label, found] of [
            ["env=prod", ["beta", "alpha"]],
            ["env=prod,tier!=db", ["alpha"]],
            ["env!=prod", ["gamma", "delta"]],
            ["env", ["beta", "alpha", "gamma"]],
            ["!env", ["delta"]],
            ["env=prod,tier", ["beta"]],
            ["a/b=1", ["gamma"]],
            ["env=none", []],
        ] as const) {
            assert.deepEqual(await names(`label=${encodeURIComponent(label)}`), found, label);
            assert.deepEqual((await walk(world.operator, `/v1/admin/vps?limit=2&label=${encodeURIComponent(label)}`)).map((vps) => vps.name), found, label);
        }
        for (const label of ["", ",", "a b", "=x", "!=x", "!", "a=b=c", "ä=1", "a=1,a=2", "x".repeat(64), Array(17).fill("k").join(","), "a=';DROP TABLE vps"]) {
            const answer = await api.raw("GET", `/v1/vps?label=${encodeURIComponent(label)}`);
            assert.deepEqual([answer.status, answer.json.errors?.[0].pointer], [422, "/label"], label);
        }
    });

    test("images have labels", async () => {
        const path = `/v1/admin/images/${world.image.id}`;
        const { headers } = await world.operator.raw("GET", path);
        await world.operator.expect(200, "PATCH", path, { body: { labels: { family: "busybox" } }, headers: { "If-Match": headers.get("etag")! } });
        assert.equal((await api.expect(200, "GET", "/v1/images?label=family%3Dbusybox")).items.length, 1);
        assert.equal((await api.expect(200, "GET", "/v1/images?label=family%3Dother")).items.length, 0);
    });

    async function change(vps: Item, body: object): Promise<{ status: number; json: any }> {
        const { headers } = await api.raw("GET", `/v1/vps/${vps.id}`);
        return api.raw("PATCH", `/v1/vps/${vps.id}`, { body, headers: { "If-Match": headers.get("etag")! } });
    }
    const find = async (name: string): Promise<Item> => (await api.expect(200, "GET", `/v1/vps?name=${name}`)).items[0];

    test("a change names what it changes; the rest stays", async () => {
        const vps = await find("alpha");
        const labelled = await change(vps, { labels: { env: "prod", owner: "ada" } });
        assert.deepEqual([labelled.status, labelled.json.labels, labelled.json.name], [200, { env: "prod", owner: "ada" }, "alpha"]);
        const referred = await change(vps, { external_ref: "whmcs-1" });
        assert.deepEqual([referred.json.external_ref, referred.json.labels], ["whmcs-1", { env: "prod", owner: "ada" }]);
        const { json } = await change(vps, { external_ref: null, labels: {} });
        assert.deepEqual([json.external_ref, json.labels], [null, {}]);
        const event = (await world.operator.expect(200, "GET", "/v1/admin/events?limit=1")).items[0];
        assert.deepEqual([event.action, event.data.before.external_ref, event.data.after.external_ref], ["vps.updated", "whmcs-1", null]);
    });

    test("labels are bounded", async () => {
        const vps = await find("alpha");
        const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ""]));
        for (const [labels, pointer] of [[many, "/labels"], [{ "": "x" }, "/labels"], [{ "a b": "x" }, "/labels"], [{ a: 1 }, "/labels/a"], [{ "a/b": "x".repeat(64) }, "/labels/a~1b"], [{ a: "x,y" }, "/labels/a"], [[], "/labels"], [null, "/labels"], [{ a: { b: "c" } }, "/labels/a"]] as const) {
            const answer = await change(vps, { labels });
            assert.deepEqual([answer.status, answer.json.errors?.[0].pointer], [422, pointer], JSON.stringify(labels));
        }
    });

    test("a create that is sent again with its reference finds what it made", async () => {
        const body = world.order({ external_ref: "shop/1" });
        const made = await api.expect(202, "POST", "/v1/vps", { body });
        const again = await api.post("/v1/vps", { ...body, name: "another-name" });
        assert.deepEqual([again.status, again.json.code, again.json.existing], [409, "external_ref_exists", { type: "vps", id: made.vps.id }]);
        assert.deepEqual((await api.expect(200, "GET", "/v1/vps?external_ref=shop%2F1")).items.map((vps: Item) => vps.id), [made.vps.id]);
        const taken = await change(await find("alpha"), { external_ref: "shop/1" });
        assert.deepEqual([taken.status, taken.json.existing?.id], [409, made.vps.id]);

        // Under the same reseller, here the operator, it is unique, too, but whose it is nobody else learns.
        const other = await world.createCustomer(unlimited);
        const foreign = await other.api.post("/v1/vps", world.order({ external_ref: "shop/1" }));
        assert.deepEqual([foreign.status, foreign.json.code, foreign.json.existing], [409, "external_ref_exists", undefined]);
        assert.ok(!JSON.stringify(foreign.json).includes(made.vps.id));

        await api.settled(made.task.id);
        await world.deleteVps(made.vps.id);
        const next = await world.createVps({ external_ref: "shop/1" });
        assert.notEqual(next.id, made.vps.id);
    });

    test("fifty creates at once with one reference make one", async () => {
        const answers = await Promise.all(Array.from({ length: 50 }, () => api.post("/v1/vps", world.order({ external_ref: "once" }))));
        const made = answers.filter((answer) => answer.status === 202);
        assert.equal(made.length, 1);
        for (const answer of answers.filter((one) => one.status !== 202)) {
            assert.deepEqual([answer.status, answer.json.existing], [409, { type: "vps", id: made[0]!.json.vps.id }]);
        }
    });

    test("what is protected is not deleted until it is switched off", async () => {
        const vps = await world.createVps({ protection: true });
        const refused = await api.raw("DELETE", `/v1/vps/${vps.id}`);
        assert.deepEqual([refused.status, refused.json.code], [409, "protected"]);
        assert.equal((await api.vps(vps.id)).desired, "running");
        assert.equal((await change(vps, { protection: false })).status, 200);
        await world.deleteVps(vps.id);
    });
});
