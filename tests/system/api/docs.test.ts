// What docs/api.md shows is what happens: its examples run, its table of problems is the program's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { run } from "../harness/command.js";
import { root } from "../harness/paths.js";
import { World } from "../harness/world.js";

const page = readFileSync(`${root}/docs/api.md`, "utf8");

describe("docs/api.md", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    test("its examples run", async () => {
        const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]);
        assert.ok(blocks.length >= 5, `${blocks.length} examples`);
        // A line that ends in a comment shows a problem, which ends curl with 22: the comment says which one it must be.
        const script = blocks.join("\n").replace(/^(croft .*?) *\| (jq .*?) # ([a-z_]+)$/gm, 'said=$({ $1 || true; } | $2); echo "$$said"; [[ $$said == *$3* ]]');
        const { stdout } = await run(["bash", "-euxo", "pipefail", "-c", script], { env: { URL: world.server.url, TOKEN: world.customer.api.token! } });
        for (const word of ["external_ref_exists", "304", "precondition_failed", "web1", "vps_create done", '{"env":"test"}']) {
            assert.ok(stdout.includes(word), `${word} in ${stdout}`);
        }
        assert.match(stdout, /done\s+done\s+croft_\S+\s*$/);
        assert.equal((await world.customer.api.expect(200, "GET", "/v1/vps")).items.length, 0);
    });

    const codes = [...readFileSync(`${root}/common/err.c`, "utf8").matchAll(/\{"(\w+)", (\d+), "([^"]*)"\}/g)].map(([, code, status, title]) => `${code} ${status} ${title}`);

    test("its table of problems is common/err.c", () => {
        const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| ([^|]*) \| ([^|]*) \|$/gm)];
        assert.deepEqual(rows.map(([, code, status, title]) => `${code} ${status} ${title}`).sort(), codes.filter((row) => !row.startsWith("ok ")).sort());
        assert.deepEqual(rows.filter(([, , , , when]) => !when!.trim()).map(([, code]) => code), []);
    });

    test("what a task can fail with reads as common/err.c says", () => {
        const sql = readFileSync(`${root}/migrations/functions/12-json.sql`, "utf8");
        const rows = [...sql.matchAll(/\('(\w+)', (\d{3}), '([^']*)'\)/g)].map(([, code, status, title]) => `${code} ${status} ${title}`);
        assert.ok(rows.length >= 10);
        assert.deepEqual(rows.filter((row) => !codes.includes(row)), []);
    });

    test("what the database raises is a code that there is", async () => {
        const raised = (await world.cluster.sql(`SELECT DISTINCT m[1] FROM pg_proc p,
            regexp_matches(p.prosrc, 'croft_raise(?:_existing)?\\(\\s*(?:\\d{3},\\s*)?''([a-z_]+)''', 'g') m
            WHERE p.pronamespace = 'public'::regnamespace`)).split("\n");
        const known = codes.map((row) => row.split(" ")[0]);
        assert.ok(raised.length >= 8, String(raised));
        assert.deepEqual(raised.filter((code) => !known.includes(code)), []);
    });
});
