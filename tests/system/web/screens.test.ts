// Every screen, as it is first seen: none breaks a rule of WCAG or is wider than its window; in both themes and at both widths.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checkReport } from "../harness/check-report.js";
import { Browser, type Screen, type Window } from "../harness/browser.js";
import { panelFolder } from "../harness/paths.js";
import { sshKey } from "../harness/things.js";
import { MiB, World } from "../harness/world.js";

const operator = { email: "operator@example.org", password: "an operator's long phrase" };

type Of = (world: World, made: Made) => Screen;

interface Made {
    vps: string;
    webhook: string;
    plan: string;
}

const at = (path: string, name = path.slice(1).replaceAll("/", "-")): Of => () => ({ name, path });
const tab = (name: string): Of => (_world, { vps }) => ({ name: `vps-${name}`, path: `/vps/${vps}/${name}`, heading: /^shop$/ });

const customers: Of[] = [
    at("/", "home"),
    at("/vps"),
    at("/vps/new"),
    ...["overview", "graphs", "console", "network", "snapshots", "settings", "activity"].map(tab),
    ...["images", "networks", "keys", "members", "tokens", "webhooks", "quotas", "audit", "profile"].map((name) => at(`/account/${name}`)),
    (_world, { webhook }) => ({ name: "account-webhook", path: `/account/webhooks/${webhook}` }),
    at("/nowhere", "missing"),
];

const operators: Of[] = [
    ...["fleet", "vps", "tenants", "users", "plans", "images", "pools", "tasks", "audit", "system"].map((name) => at(`/operator/${name}`)),
    (world) => ({ name: "operator-node", path: `/operator/fleet/${world.node}`, heading: /node1/ }),
    (world) => ({ name: "operator-tenant", path: `/operator/tenants/${world.customer.id}`, heading: /^Harbour Books$/ }),
    (_world, { plan }) => ({ name: "operator-plan", path: `/operator/plans/${plan}`, heading: /tiny/ }),
];

describe("every screen", () => {
    let world: World;
    let browser: Browser;
    let made: Made;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(operator.email, operator.password);
        await world.createPlan("small", { title: "Small", vcpus: 2, memory_bytes: 96 * MiB, disk_bytes: 96 * MiB, price_month: "5.00" });
        const tenant = `/v1/admin/tenants/${world.customer.id}`;
        await world.operator.expect(200, "PATCH", tenant, { body: { name: "Harbour Books" }, headers: { "If-Match": "*" } });
        const vps = (await world.createVps({ name: "shop", labels: { role: "web" }, ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBmhCQfuBcTeVeCBtXfU0HAoVCrCi1rE8tVYNqt ada@desk"] })).id;
        await world.operator.expect(200, "PUT", `/v1/admin/nodes/${world.node}/check-report`, { body: checkReport() });
        await world.createVps({ name: "mail", start: false });
        const { api } = world.customer;
        const { task } = await api.expect(202, "POST", `/v1/vps/${vps}/snapshots`, { body: { name: "before the update" } });
        await api.settled(task.id);
        await api.expect(201, "POST", "/v1/ssh-keys", { body: { name: "laptop", public_key: sshKey("ada@laptop") } });
        await api.expect(201, "POST", "/v1/networks", { body: { name: "inside" } });
        const hook = await api.expect(201, "POST", "/v1/webhooks", { body: { url: "https://example.org/hook", events: ["vps.*"], description: "orders", enabled: false } });
        made = { vps, webhook: hook.id, plan: world.plan.id };
        browser = await Browser.open(world.sandbox, world.server.url);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    // Each is loaded once, in a window of its own for whom it is for; theme and width change in the page.
    test("breaks no rule, in both themes, on a desktop and on a phone", { timeout: 480_000 }, async () => {
        const walk = async (who: { email: string; password: string }, screens: Of[], before: (window: Window) => Promise<string[]>) => {
            const window = await browser.window();
            await window.go("/");
            await window.button("Sign in").waitFor();
            const broken = await before(window);
            await window.signIn(who);
            broken.push(...(await window.lookedThrough(screens.map((one) => one(world, made)))));
            await window.context.close();
            return broken;
        };
        const broken = await Promise.all([walk(world.customer, customers, (window) => window.looked("sign-in")), walk(operator, operators, async () => [])]);
        assert.deepEqual(broken.flat(), []);
    });
});
