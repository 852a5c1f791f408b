// The modules of billing systems, run by PHP as those run them, against a real server: what they order happens, and each order is one call.
import assert from "node:assert/strict";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, request, type Server as HttpServer } from "node:http";
import { createInterface, type Interface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { run } from "../harness/command.js";
import { root } from "../harness/paths.js";
import { type Customer, unlimited, World } from "../harness/world.js";

const from = `${root}/deploy/billing`;
const stubs = `${root}/tests/system/modules`;

// A proxy that notes what is called, and loses answers when it is told to.
class Watch {
    calls: string[] = [];
    keys: (string | undefined)[] = [];
    lose = 0;
    #server: HttpServer;
    private constructor(server: HttpServer) {
        this.#server = server;
    }
    static async on(url: string): Promise<Watch> {
        const watch: Watch = new Watch(createServer((inward, outward) => {
            watch.calls.push(`${inward.method} ${inward.url!.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "ID").replace(/\?.*/, "")}`);
            watch.keys.push(inward.headers["idempotency-key"] as string | undefined);
            const onward = request(url + inward.url, { method: inward.method, headers: { ...inward.headers, host: new URL(url).host } }, (answer) => {
                if (watch.lose > 0) {
                    watch.lose--;
                    answer.resume();
                    answer.on("end", () => outward.destroy());
                    return;
                }
                outward.writeHead(answer.statusCode!, answer.headers);
                answer.pipe(outward);
            });
            onward.on("error", () => outward.destroy());
            inward.pipe(onward);
        }));
        await new Promise<void>((done) => watch.#server.listen(0, "127.0.0.1", done));
        return watch;
    }
    get port(): string {
        return String((this.#server.address() as { port: number }).port);
    }
    taken(): string[] {
        return this.calls.splice(0);
    }
    close(): void {
        this.#server.closeAllConnections?.();
        this.#server.close();
    }
}

// A PHP program that answers a line with a line.
class Php {
    #child: ChildProcessWithoutNullStreams;
    #lines: AsyncIterableIterator<string>;
    constructor(...argv: string[]) {
        this.#child = spawn("php", ["-d", "display_errors=stderr", ...argv]);
        this.#child.stderr.pipe(process.stderr);
        const reader: Interface = createInterface({ input: this.#child.stdout });
        this.#lines = reader[Symbol.asyncIterator]();
    }
    async ask(question: object): Promise<any> {
        this.#child.stdin.write(`${JSON.stringify(question)}\n`);
        const { value, done } = await this.#lines.next();
        assert.ok(!done, "PHP has ended");
        return JSON.parse(value);
    }
    close(): void {
        this.#child.stdin.end();
    }
}

describe("modules of billing systems", () => {
    let world: World;
    let watch: Watch;
    let reseller: Customer;
    let tenant: string;
    let large: string;
    let php: Php;
    const api = (path: string) => reseller.api.expect(200, "GET", path, { headers: { "Croft-Tenant": tenant } });

    before(async () => {
        world = await World.create();
        large = (await world.createPlan("large", { memory_bytes: 128 * 2 ** 20 })).id;
        reseller = await world.createCustomer(unlimited, "owner", "reseller");
        for (const plan of [world.plan.id, large]) {
            await reseller.api.expect(201, "PUT", `/v1/plan-offers/${plan}`, { body: { price_month: "5.00", price_hour: "0.01", currency: "EUR" } });
        }
        tenant = (await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "shop", quotas: unlimited } })).id;
        watch = await Watch.on(world.server.url);
    });
    after(async () => {
        php?.close();
        watch?.close();
        await world?.close();
    });

    test("PHP finds nothing wrong with them", async () => {
        const files = ["CroftApi.php", "whmcs/croft/croft.php", "fossbilling/Croft.php"];
        for (const file of files) {
            await run(["php", "-l", `${from}/${file}`]);
        }
        assert.deepEqual(readdirSync(from).sort(), ["CroftApi.php", "README.md", "fossbilling", "whmcs"]);
    });

    describe("WHMCS", () => {
        const service = (more: object = {}) => ({
            serviceid: 4711, serverid: 3, serverhostname: "127.0.0.1", serverport: watch.port, serversecure: false, serveraccesshash: reseller.api.token!,
            domain: "Shop=1.example.org", configoption1: world.plan.id, configoption2: world.image.id, configoption3: world.location.id,
            configoption4: tenant, configoptions: {}, customfields: {}, ...more,
        });
        const call = async (name: string, more: object = {}) => php.ask({ function: `croft_${name}`, params: service(more) });
        let id: string;

        before(() => {
            const folder = world.sandbox.path("whmcs");
            mkdirSync(folder);
            for (const file of readdirSync(`${from}/whmcs/croft`)) {
                copyFileSync(`${from}/whmcs/croft/${file}`, `${folder}/${file}`);
            }
            copyFileSync(`${from}/CroftApi.php`, `${folder}/CroftApi.php`);
            php = new Php(`${stubs}/whmcs.php`, `${folder}/croft.php`);
        });

        test("it says what it is, and whether it reaches its server", async () => {
            assert.equal((await call("MetaData")).result.DisplayName, "Croft VPS");
            assert.deepEqual(Object.keys((await call("ConfigOptions")).result), ["Plan", "Image", "Location", "Tenant"]);
            assert.deepEqual((await call("TestConnection")).result, { success: true, error: "" });
            assert.deepEqual(watch.taken(), ["GET /v1/session"]);
            const refused = await call("TestConnection", { serveraccesshash: "croft_wrong" });
            assert.equal(refused.result.success, false);
            watch.taken();
        });

        test("a create whose answer is lost makes one vps, by one key", async () => {
            watch.lose = 1;
            watch.keys.length = 0;
            const made = await call("CreateAccount");
            assert.equal(made.result, "success", JSON.stringify(made));
            assert.deepEqual(watch.taken(), ["POST /v1/vps", "POST /v1/vps"]);
            assert.ok(watch.keys[0] && watch.keys[0] === watch.keys[1], "the same key");
            id = made.properties["Croft VPS"];
            const { items } = await api("/v1/vps");
            assert.deepEqual(items.map((vps: any) => [vps.id, vps.name, vps.external_ref, vps.observed]), [[id, "shop-1-4711", "whmcs-4711", "running"]]);
            assert.equal(made.updates[0].set.dedicatedip, items[0].addresses[0].address);
        });

        test("a second create is the same vps", async () => {
            const made = await call("CreateAccount");
            assert.equal(made.result, "success");
            assert.equal(made.properties["Croft VPS"], id);
            assert.deepEqual(watch.taken(), ["POST /v1/vps"]);
        });

        test("each order is one call, and happens", async () => {
            const vps = () => api(`/v1/vps/${id}`);
            const orders: [string, object, string, (vps: any) => boolean][] = [
                ["SuspendAccount", { suspendreason: "Overdue on Payment" }, "POST /v1/vps/ID/suspend", (v) => v.suspended === "stop" && v.suspend_reason === "Overdue on Payment"],
                ["SuspendAccount", { suspendreason: "again" }, "POST /v1/vps/ID/suspend", (v) => v.suspended === "stop"],
                ["UnsuspendAccount", {}, "POST /v1/vps/ID/resume", (v) => v.suspended === null && v.suspend_reason === null],
                ["ChangePackage", { configoption1: large }, "POST /v1/vps/ID/resize", (v) => v.plan_id === large],
                ["stop", {}, "POST /v1/vps/ID/stop", (v) => v.desired === "stopped"],
                ["start", {}, "POST /v1/vps/ID/start", (v) => v.desired === "running"],
                ["reboot", {}, "POST /v1/vps/ID/reboot", (v) => v.desired === "running"],
                ["ChangePassword", { password: "a new password" }, "POST /v1/vps/ID/password", () => true],
            ];
            for (const [name, more, path, check] of orders) {
                const said = await call(name, more);
                assert.equal(said.result, "success", `${name}: ${JSON.stringify(said)}`);
                assert.deepEqual(watch.taken(), [path], name);
                assert.ok(check(await vps()), name);
            }
        });

        test("the client area shows it; what is wrong is said, and logged without the token", async () => {
            const shown = (await call("ClientArea")).result;
            assert.deepEqual([shown.templatefile, shown.vars.vps.id], ["clientarea", id]);
            watch.taken();
            const refused = await call("ChangePackage", { configoption1: "00000000-0000-0000-0000-000000000000" });
            assert.match(refused.result, /no such plan/);
            assert.equal(refused.log.length, 1);
            assert.ok(!JSON.stringify(refused).includes(reseller.api.token!), "the token is in the log");
            watch.taken();
        });

        test("usage comes in one call for all services", async () => {
            const { updates } = await call("UsageUpdate");
            assert.deepEqual(watch.taken(), ["GET /v1/usage"]);
            assert.equal(updates.length, 1, JSON.stringify(updates));
            assert.deepEqual(updates[0].where, { server: 3, id: 4711 });
            assert.ok(updates[0].set.disklimit > 0 && updates[0].set.bwusage >= 0 && updates[0].set.lastupdate);
        });

        test("terminated, also twice; then it can be made anew", async () => {
            assert.equal((await call("TerminateAccount")).result, "success");
            assert.deepEqual(watch.taken(), ["DELETE /v1/vps/ID"]);
            assert.equal((await api("/v1/vps")).items.length, 0);
            assert.match((await call("TerminateAccount")).result, /has no vps/);
            const again = await call("CreateAccount");
            assert.equal(again.result, "success");
            assert.notEqual(again.properties["Croft VPS"], id);
            assert.equal((await call("TerminateAccount")).result, "success");
            watch.taken();
        });
    });

    describe("FOSSBilling", () => {
        let manager: Php;
        const account = (more: object = {}) => ({ username: "ada1", note: null, package: { plan_id: world.plan.id, image_id: world.image.id, location_id: world.location.id }, ...more });
        const call = (method: string, more: object = {}) =>
            manager.ask({ options: { host: "127.0.0.1", port: watch.port, secure: false, accesshash: world.customer.api.token }, method, account: account(), ...more });

        before(() => {
            const library = world.sandbox.path("library");
            mkdirSync(`${library}/Server/Manager`, { recursive: true });
            mkdirSync(`${library}/Croft`);
            copyFileSync(`${from}/fossbilling/Croft.php`, `${library}/Server/Manager/Croft.php`);
            copyFileSync(`${from}/CroftApi.php`, `${library}/Croft/CroftApi.php`);
            manager = new Php(`${stubs}/fossbilling.php`, `${library}/Server/Manager/Croft.php`);
        });
        after(() => manager?.close());

        test("a life, order by order", async () => {
            const only = async () => (await world.customer.api.expect(200, "GET", "/v1/vps")).items[0];
            assert.deepEqual(await manager.ask({ options: { host: "127.0.0.1", port: watch.port, accesshash: world.customer.api.token }, method: "testConnection" }), { result: true });
            for (let i = 0; i < 2; i++) {
                assert.deepEqual(await call("createAccount"), { result: true });
            }
            assert.equal((await only()).external_ref, "fossbilling-ada1");
            watch.taken();
            assert.deepEqual(await call("suspendAccount"), { result: true });
            assert.deepEqual(watch.taken(), ["GET /v1/vps", "POST /v1/vps/ID/suspend"]);
            assert.equal((await only()).suspended, "stop");
            const { result } = await call("synchronizeAccount");
            assert.deepEqual([result.suspended, result.ip], [true, (await only()).addresses[0].address]);
            assert.deepEqual(await call("unsuspendAccount"), { result: true });
            assert.equal((await only()).suspended, null);
            assert.deepEqual(await call("changeAccountPackage", { package: { plan_id: large } }), { result: true });
            assert.equal((await only()).plan_id, large);
            assert.deepEqual(await call("changeAccountPassword", { argument: "a new password" }), { result: true });
            assert.match((await call("changeAccountIp", { argument: "192.0.2.1" })).error, /addresses/);
            assert.deepEqual(await call("cancelAccount"), { result: true });
            assert.deepEqual(await call("cancelAccount"), { result: true }, "also twice");
            assert.equal(await only(), undefined);
            assert.match((await call("suspendAccount")).error, /no vps/);
        });
    });

    test("docs/billing-modules.md names every call", () => {
        const page = readFileSync(`${root}/docs/billing-modules.md`, "utf8");
        const source = readFileSync(`${from}/CroftApi.php`, "utf8");
        for (const path of ["/v1/session", "/v1/vps", "/suspend", "/resume", "/resize", "/password", "/console", "/v1/usage"]) {
            assert.ok(source.includes(path) && page.includes(path), path);
        }
    });

    test("usage as CSV: pages make one file, formulas are text", async () => {
        for (const [i, ref] of ["=HYPERLINK(1)", 'a "b", c', "plain"].entries()) {
            await world.createVps({ name: `csv${i}`, external_ref: ref });
        }
        let text = "";
        for (let next: string | undefined = "/v1/usage?limit=2"; next; ) {
            const answer: { headers: Headers; status: number; text: string } = await world.customer.api.raw("GET", next, { headers: { Accept: "text/csv" } });
            assert.equal(answer.status, 200, answer.text);
            assert.match(answer.headers.get("content-type")!, /^text\/csv/);
            text += answer.text;
            next = answer.headers.get("link")?.match(/<([^>]*)>/)?.[1];
        }
        writeFileSync(world.sandbox.path("usage.csv"), text);
        const rows = JSON.parse((await run(["python3", "-c", "import csv,json,sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='')))))", world.sandbox.path("usage.csv")])).stdout);
        const refs = rows.map((row: any) => row.external_ref);
        assert.deepEqual(refs.slice(-3), ["'=HYPERLINK(1)", 'a "b", c', "plain"]);
        assert.ok(rows.every((row: any) => Number(row.seconds) >= 0 && row.vps_id.length === 36 && row.running_seconds !== ""));
        const byFormat = await world.customer.api.raw("GET", "/v1/usage?format=csv&external_ref=plain");
        assert.equal(byFormat.text.trim().split("\r\n").length, 2);
        const all = await world.operator.raw("GET", "/v1/admin/usage?external_ref=plain");
        assert.equal(all.json.items[0].external_ref, "plain");
        assert.equal((await world.operator.raw("GET", "/v1/admin/usage?format=xml")).status, 422);
    });
});
