// A whole installation for one test file: cluster, server, agent, and what an operator sets up.
import { existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { Agent, type AgentOptions } from "./agent.js";
import { Api, type Schema } from "./client.js";
import { Cluster } from "./cluster.js";
import { run, until } from "./command.js";
import { Netns } from "./netns.js";
import { build, root } from "./paths.js";
import { Sandbox } from "./sandbox.js";
import { Server, type ServerOptions } from "./server.js";

export const GiB = 2 ** 30;
export const MiB = 2 ** 20;

export interface WorldOptions {
    server?: ServerOptions;
    agent?: Partial<AgentOptions> | null; // null: no node
    drivers?: "real" | "fake";
    netns?: boolean;
}

export interface Customer {
    id: string; // of the tenant
    email: string;
    password: string;
    api: Api;
}

export const unlimited = {
    vps: null, running_vps: null, vcpus: null, memory_bytes: null, disk_bytes: null, ipv4: null, ipv6: null, snapshots: null, backup_bytes: null, image_bytes: null,
};

// Built once by tests/run; by hand if it is not there.
export async function busyboxImage(): Promise<string> {
    const file = `${build}/images/busybox.tar.zst`;
    if (!existsSync(file)) {
        await run(["mkdir", "-p", `${build}/images`]);
        await run([`${root}/deploy/images/build`, "busybox", file]);
    }
    return file;
}

export class World {
    netns: Netns | undefined;
    cluster!: Cluster;
    server!: Server;
    agent!: Agent;
    operator!: Api;
    location!: Schema["Location"];
    plan!: Schema["Plan"];
    image!: Schema["Image"];
    customer!: Customer;
    node!: string;

    private constructor(readonly sandbox: Sandbox) {}

    static async create(options: WorldOptions = {}): Promise<World> {
        const world = new World(new Sandbox());
        try {
            await world.#setUp(options);
        } catch (error) {
            const logs = `${world.server?.log && existsSync(world.server.log) ? world.server.tail() : ""}\n${world.agent?.tail() ?? ""}`;
            await world.sandbox.close().catch(() => undefined);
            throw new Error(`setting up: ${error}\n${logs}`);
        }
        return world;
    }

    async #setUp(options: WorldOptions): Promise<void> {
        this.cluster = await Cluster.create(this.sandbox);
        if (options.netns ?? options.drivers === "real") {
            this.netns = await Netns.create(this.sandbox);
        }
        const server = { agentHost: this.netns?.hostAddress, ...options.server } as ServerOptions;
        this.server = await Server.create(this.sandbox, this.cluster, server);
        const operator = JSON.parse(await this.server.subcommand("admin", "operator", "--email", "operator@example.org"));
        await this.server.start();
        this.operator = new Api(this.server.url, operator.token);
        await this.#catalogue();
        if (options.agent !== null) {
            await this.addAgent(options);
        }
        this.customer = await this.createCustomer(unlimited);
    }

    async #catalogue(): Promise<void> {
        this.location = await this.operator.expect(201, "POST", "/v1/admin/locations", { body: { name: "lab", title: "Lab" } });
        this.plan = await this.createPlan("tiny");
        const printed = await this.server.subcommand("image", "add", await busyboxImage(), "--name", "busybox", "--os", "busybox");
        this.image = await this.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
        for (const [name, cidr] of [["four", "10.83.0.0/22"], ["six", "fd83:1::/64"]]) {
            await this.operator.expect(201, "POST", "/v1/admin/pools", { body: { location_id: this.location.id, name, cidr } });
        }
    }

    createPlan(name: string, change: object = {}): Promise<Schema["Plan"]> {
        const body = { name, title: name, vcpus: 1, memory_bytes: 64 * MiB, swap_bytes: 0, disk_bytes: 64 * MiB, pids: 128, traffic_bytes: 0, ...change };
        return this.operator.expect(201, "POST", "/v1/admin/plans", { body });
    }

    async createCustomer(quotas: object, role = "owner", kind?: "reseller"): Promise<Customer> {
        const tenant = await this.operator.expect(201, "POST", "/v1/admin/tenants", { body: { name: `tenant ${randomUUID()}`, quotas, ...(kind && { kind }) } });
        const email = `${randomUUID()}@example.org`;
        const password = randomUUID();
        await this.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password, tenant_id: tenant.id, role } });
        const guest = new Api(this.server.url);
        const session = await guest.expect(201, "POST", "/v1/sessions", { body: { email, password } });
        const signedIn = new Api(this.server.url, session.access_token);
        const token = await signedIn.expect(201, "POST", "/v1/tokens", { body: { name: "test" } });
        return { id: tenant.id, email, password, api: new Api(this.server.url, token.token) };
    }

    async addAgent(options: WorldOptions = {}): Promise<Agent> {
        const agent = new Agent(this.sandbox, {
            server: this.server.agentAddress,
            drivers: options.drivers ?? "fake",
            netns: this.netns,
            ...options.agent,
        });
        const token = await this.operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: this.location.id } });
        await agent.join(token.token);
        await agent.start();
        this.agent ??= agent;
        const node = await this.online(options.agent?.name);
        this.node ??= node.id;
        return agent;
    }

    // A node is away for a moment when the worker that held its link ends.
    online(name = "node1"): Promise<Schema["Node"]> {
        return until(`${name} is online`, async () => {
            const nodes: Schema["Node"][] = (await this.operator.expect(200, "GET", "/v1/admin/nodes")).items;
            return nodes.find((one) => one.name === name && one.online);
        }, 60_000);
    }

    // The body of a create, with a name of its own.
    order(change: object = {}): Schema["VpsCreate"] {
        return {
            name: `v${randomUUID().slice(0, 13)}`,
            plan_id: this.plan.id,
            image_id: this.image.id,
            location_id: this.location.id,
            ...change,
        };
    }

    async createVps(change: object = {}, api = this.customer.api): Promise<Schema["Vps"]> {
        const { task, vps } = await api.expect(202, "POST", "/v1/vps", { body: this.order(change) });
        const settled = await api.settled(task.id);
        if (settled.status !== "done") {
            throw new Error(`create failed: ${JSON.stringify(settled.error)}\n${this.agent?.tail()}`);
        }
        return api.vps(vps.id);
    }

    async deleteVps(id: string, api = this.customer.api): Promise<void> {
        const { task } = await api.expect(202, "DELETE", `/v1/vps/${id}`);
        const settled = await api.settled(task.id);
        if (settled.status !== "done") {
            throw new Error(`delete failed: ${JSON.stringify(settled.error)}\n${this.agent?.tail()}`);
        }
    }

    async close(): Promise<void> {
        let failure: unknown;
        try {
            await this.agent?.stop();
            await this.server?.stop();
        } catch (error) {
            failure = error;
        }
        await this.sandbox.close();
        if (failure) {
            throw failure;
        }
    }
}
