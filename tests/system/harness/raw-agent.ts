// An agent that does nothing by itself: a test says each message of docs/agent-protocol.md, over TLS with a certificate of its own.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { until } from "./command.js";
import { Console } from "./websocket.js";
import type { World } from "./world.js";

function post(url: string, body: object): Promise<any> {
    const text = JSON.stringify(body);
    return new Promise((resolve, reject) => {
        const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
        const call = request(url, { method: "POST", headers, agent: false, rejectUnauthorized: false }, (answer) => {
            let got = "";
            answer.on("data", (part) => (got += part));
            answer.on("end", () => (answer.statusCode === 201 ? resolve(JSON.parse(got)) : reject(new Error(`${answer.statusCode} ${got}`))));
        });
        call.on("error", reject);
        call.end(text);
    });
}

export interface Item {
    vps: string;
    generation: number;
    observed: string;
}

// One connection of it. A new one fences off those before.
export class RawLink {
    epoch = 0;
    boot = randomUUID();

    constructor(readonly wire: Console) {}

    said(type: string): any[] {
        return this.wire.messages.filter((one) => one.type === type);
    }

    say(message: object): void {
        this.wire.say({ epoch: this.epoch, ...message });
    }

    async hello(inventory: Item[]): Promise<void> {
        const node = {
            kernel: "6.1.0", cpus: 64, memory_bytes: 2 ** 37, disk_bytes: 2 ** 41, disk_free_bytes: 2 ** 40, pool_bytes: 2 ** 41, id_base: 1_000_000,
            id_count: 1000, cgroup: "v2", apparmor: false, lxcfs: true, drivers: { container: "lxc", volume: "btrfs", network: "routed" }, warnings: [],
        };
        this.wire.say({ type: "hello", agent: "0.1.0", boot: this.boot, name: "raw", node, images: [], inventory, alarms: [] });
        this.epoch = (await until("the server welcomes", () => this.said("welcome")[0] ?? this.#ended())).epoch;
    }

    #ended(): false {
        if (this.wire.closed) {
            throw new Error(`closed: ${JSON.stringify([this.wire.closed, this.wire.messages])}`);
        }
        return false;
    }

    task(id: string): Promise<any> {
        return until(`task ${id} is sent`, () => this.said("task").find((one) => one.task === id) ?? this.#ended());
    }

    // A result may be confirmed any number of times: once for each time that it is said.
    confirmed(id: string, times = 1): Promise<boolean> {
        return until(`${id} is confirmed ${times} times`, () => this.said("task_confirm").filter((one) => one.task === id).length >= times || this.#ended());
    }

    result(task: any, status: "done" | "failed", observed: string, change: object = {}): void {
        const error = status === "failed" ? { code: "internal", detail: "The test says so." } : null;
        this.say({ type: "task_result", task: task.task, status, vps: task.vps, generation: task.generation, observed, error, ...change });
    }

    // All said before has been dealt with: the lane of a link keeps the order, and confirms what it does not know.
    async settled(): Promise<void> {
        const task = randomUUID();
        this.say({ type: "task_result", task, status: "done", vps: randomUUID(), generation: 1, observed: "absent", error: null });
        await this.confirmed(task);
    }
}

export class RawAgent {
    private constructor(
        readonly server: string,
        readonly node: string,
        readonly tls: RequestOptions,
    ) {}

    static async join(world: World, name = "raw"): Promise<RawAgent> {
        const key = world.sandbox.path(`${name}.key`);
        const csr = execFileSync("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`, "-keyout", key], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
        const { token } = await world.operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id } });
        const joined = await post(`https://${world.server.agentAddress}/agent/v1/join`, { token, name, csr });
        const tls = { key: readFileSync(key), cert: joined.certificate, ca: joined.ca, checkServerIdentity: () => undefined };
        return new RawAgent(world.server.agentAddress, joined.node, tls);
    }

    async connect(inventory: Item[] = []): Promise<RawLink> {
        const wire = await Console.connect(`wss://${this.server}/agent/v1/link`, "", { "Sec-WebSocket-Protocol": "croft.v1" }, this.tls);
        if (!(wire instanceof Console)) {
            throw new Error(`refused: ${JSON.stringify(wire)}`);
        }
        const link = new RawLink(wire);
        await link.hello(inventory);
        return link;
    }
}
