// Every screen, as it is first seen: none breaks a rule of WCAG or is wider than its window; in both themes and at both widths.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checkReport } from "../harness/check-report.js";
import { Browser, looks } from "../harness/browser.js";
import { panelFolder } from "../harness/paths.js";
import { MiB, World } from "../harness/world.js";

const operator = { email: "operator@example.org", password: "an operator's long phrase" };

interface Screen {
    name: string; // of its picture
    path: (world: World, vps: string, made: Made) => string;
    heading: RegExp;
}

interface Made {
    webhook: string;
    plan: string;
}

const at = (path: string, heading: RegExp, name = path.slice(1).replaceAll("/", "-")): Screen => ({ name, path: () => path, heading });
const tab = (name: string): Screen => ({ name: `vps-${name}`, path: (_world, vps) => `/vps/${vps}/${name}`, heading: /^shop$/ });

const customers: Screen[] = [
    at("/", /./, "home"),
    at("/vps", /./),
    at("/vps/new", /./),
    ...["overview", "graphs", "console", "network", "snapshots", "settings", "activity"].map(tab),
    ...["images", "networks", "keys", "members", "tokens", "webhooks", "quotas", "audit", "profile"].map((name) => at(`/account/${name}`, /./)),
    { name: "account-webhook", path: (_world, _vps, made) => `/account/webhooks/${made.webhook}`, heading: /./ },
    at("/nowhere", /./, "missing"),
];

const operators: Screen[] = [
    ...["fleet", "vps", "tenants", "users", "plans", "images", "pools", "tasks", "audit", "system"].map((name) => at(`/operator/${name}`, /./)),
    { name: "operator-node", path: (world) => `/operator/fleet/${world.node}`, heading: /node1/ },
    { name: "operator-tenant", path: (world) => `/operator/tenants/${world.customer.id}`, heading: /^Harbour Books$/ },
    { name: "operator-plan", path: (_world, _vps, made) => `/operator/plans/${made.plan}`, heading: /tiny/ },
];

describe("every screen", () => {
    let world: World;
    let browser: Browser;
    let vps: string;
    let made: Made;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(operator.email, operator.password);
        await world.createPlan("small", { title: "Small", vcpus: 2, memory_bytes: 96 * MiB, disk_bytes: 96 * MiB, price_month: "5.00" });
        const tenant = `/v1/admin/tenants/${world.customer.id}`;
        await world.operator.expect(200, "PATCH", tenant, { body: { name: "Harbour Books" }, headers: { "If-Match": "*" } });
        vps = (await world.createVps({ name: "shop", labels: { role: "web" }, ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBmhCQfuBcTeVeCBtXfU0HAoVCrCi1rE8tVYNqt ada@desk"] })).id;
        await world.operator.expect(200, "PUT", `/v1/admin/nodes/${world.node}/check-report`, { body: checkReport() });
        await world.createVps({ name: "mail", start: false });
        const { api } = world.customer;
        const { task } = await api.expect(202, "POST", `/v1/vps/${vps}/snapshots`, { body: { name: "before the update" } });
        await api.settled(task.id);
        await api.expect(201, "POST", "/v1/networks", { body: { name: "inside" } });
        const hook = await api.expect(201, "POST", "/v1/webhooks", { body: { url: "https://example.org/hook", events: ["vps.*"], description: "orders", enabled: false } });
        made = { webhook: hook.id, plan: world.plan.id };
        browser = await Browser.open(world.sandbox, world.server.url);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    for (const how of looks()) {
        for (const [whose, screens] of Object.entries({ "a customer's": customers, "an operator's": operators })) {
            test(`${whose} screens, ${how.name}`, { timeout: 480_000 }, async () => {
                const window = await browser.window(how);
                const broken: string[] = [];
                if (screens === customers) {
                    await window.go("/");
                    await window.button("Sign in").waitFor();
                    broken.push(...(await window.violations()).map((one) => `sign-in: ${one}`));
                    await window.picture(`sign-in-${how.name}`);
                }
                await window.signIn(screens === operators ? operator : world.customer);
                for (const screen of screens) {
                    await window.visit(screen.path(world, vps, made));
                    await window.heading(screen.heading).waitFor();
                    broken.push(...(await window.looked(screen.name, how)).map((one) => `${screen.name}: ${one}`));
                }
                await window.context.close();
                assert.deepEqual(broken, []);
            });
        }
    }
});
