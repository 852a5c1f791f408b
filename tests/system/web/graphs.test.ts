// What was measured, as graphs: one cursor, gaps, ranges, and the same as a table.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, phone, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";

describe("graphs", () => {
    let world: World;
    let browser: Browser;
    let window: Window;
    let vps: string;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        vps = (await world.createVps({ name: "shop" })).id;
        browser = await Browser.open(world.sandbox, world.server.url);
        window = await browser.window();
        await window.signIn(world.customer);
        await until("there are points", async () => {
            const { points } = await world.customer.api.expect(200, "GET", `/v1/vps/${vps}/series?range=1h`);
            return points.memory_bytes.filter((one: number | null) => one !== null).length >= 2;
        }, 120_000);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const figure = (name: string) => window.page.getByRole("figure", { name, exact: true });
    // Pixels of a line, which is green, within a part of the canvas's width; the grid and what stands beside it are grey.
    const drawn = (from: number, to: number) =>
        window.page.evaluate(
            ([left, right]) => {
                const canvas = document.querySelector(".graph canvas") as HTMLCanvasElement;
                const x = Math.round(canvas.width * left!);
                const { data } = canvas.getContext("2d")!.getImageData(x, 0, Math.max(1, Math.round(canvas.width * right!) - x), canvas.height);
                return data.filter((_, at) => at % 4 === 3 && data[at]! > 200 && data[at - 2]! > data[at - 3]! + 60).length;
            },
            [from, to],
        );

    test("each is drawn, says in words what it shows, and comes with what the plan allows", async () => {
        await window.go(`/vps/${vps}/graphs`);
        for (const name of ["Processor", "Memory", "Network", "Disk", "Disk throughput", "Disk operations"]) {
            await figure(name).waitFor();
        }
        assert.match(await figure("Memory").innerText(), /with page cache: .* now, .* at most/);
        assert.match(await figure("Memory").innerText(), /of 64 MiB/);
    });

    test("one cursor goes through all of them", async () => {
        const box = (await figure("Memory").locator(".u-over").boundingBox())!;
        await window.page.mouse.move(box.x + box.width - 6, box.y + box.height / 2);
        await until("each legend has its value", async () => (await window.page.locator(".graph-legend b").count()) >= 10);
    });

    test("points come by themselves", async () => {
        const said = () => figure("Memory").locator("..").innerText();
        const asked: string[] = [];
        window.page.on("request", (request) => request.url().includes("/series") && asked.push(request.url()));
        await said();
        await until("they are asked for again", () => asked.length >= 1, 30_000);
    });

    test("a range is in the address; there are five; a wrong one is the first", async () => {
        const group = window.page.getByRole("radiogroup", { name: "Range of time" });
        assert.equal(await group.getByRole("radio").count(), 5);
        for (const [label, range] of [["6 hours", "6h"], ["2 days", "2d"], ["30 days", "30d"], ["1 year", "1y"]] as const) {
            await group.getByText(label, { exact: true }).click();
            await window.page.waitForURL(new RegExp(`range=${range}`));
            await figure("Memory").waitFor();
        }
        await window.go(`/vps/${vps}/graphs?range=nonsense`);
        await figure("Memory").waitFor();
        assert.ok(await group.getByRole("radio", { name: "1 hour" }).isChecked());
    });

    test("as a table they are numbers that one can read out", async () => {
        await window.button("As a table").click();
        const table = window.page.getByRole("table", { name: "Graphs" });
        await table.waitFor();
        assert.equal(await table.getByRole("columnheader").count(), 11);
        assert.match(await table.innerText(), /MiB/);
        await window.button("As graphs").click();
        await figure("Memory").waitFor();
    });

    test("where nothing is known nothing is drawn, and it is said", async () => {
        await window.page.route("**/series*", async (route) => {
            const answer = await route.fetch();
            const body = await answer.json();
            const now = Math.floor(Date.now() / 1000);
            body.points = Object.fromEntries(Object.keys(body.points).map((name) => [name, Array.from({ length: 100 }, (_, at) => (name === "t" ? now - (100 - at) * 30 : at >= 40 && at < 60 ? null : 1))]));
            return route.fulfill({ response: answer, body: JSON.stringify(body) });
        });
        await window.go(`/vps/${vps}/graphs`);
        await figure("Processor").waitFor();
        assert.match(await figure("Processor").innerText(), /one gap/);
        // The plot begins behind the axis, about an eighth of the width in; the gap is in its middle fifth.
        await until("it is drawn", async () => (await drawn(0.2, 0.4)) > 0);
        const line = await drawn(0.22, 0.34);
        const gap = await drawn(0.53, 0.58);
        assert.ok(line > 0 && gap === 0, `${gap} in the gap, ${line} beside it`);
        await window.page.unrouteAll({ behavior: "ignoreErrors" });
    });

    test("before anything was measured that is said; on a phone nothing is wider than the window", async () => {
        const fresh = await world.createVps({ name: "fresh", start: false });
        const small = await browser.window({ size: phone, scheme: "dark" });
        await small.signIn(world.customer);
        await small.page.route("**/series*", async (route) => {
            const answer = await route.fetch();
            const body = await answer.json();
            body.points = Object.fromEntries(Object.keys(body.points).map((name) => [name, []]));
            return route.fulfill({ response: answer, body: JSON.stringify(body) });
        });
        await small.go(`/vps/${fresh.id}/graphs`);
        await small.page.getByText("Nothing was measured in this time").waitFor();
        await small.page.unrouteAll({ behavior: "ignoreErrors" });
        await small.go(`/vps/${vps}/graphs`);
        await small.page.getByRole("figure", { name: "Memory" }).waitFor();
        assert.equal(await small.overflow(), 0);
        await small.picture("vps-graphs-phone-dark");
        await small.context.close();
    });

    test("nothing of it made the page complain", () => {
        assert.deepEqual(window.calm(), []);
    });
});
