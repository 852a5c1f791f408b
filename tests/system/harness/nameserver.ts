// A real PowerDNS of a test, with a database of its own (packages pdns-server, pdns-backend-sqlite3, python3). PDNS_ROOT is where
// they are unpacked, if not in /.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { until } from "./command.js";
import { freePort, type Sandbox } from "./sandbox.js";

const prefix = process.env["PDNS_ROOT"] ?? "";
const program = `${prefix}/usr/sbin/pdns_server`;
const schema = `${prefix}/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql`;

// Why there can be none here; undefined: there can.
export const noNameServer = [program, schema].every(existsSync) ? undefined : "pdns-server and pdns-backend-sqlite3 are not installed";

function modules(): string {
    const lib = `${prefix}/usr/lib`;
    const machine = readdirSync(lib).find((name) => existsSync(`${lib}/${name}/pdns`));
    return `${lib}/${machine}/pdns`;
}

export class NameServer {
    readonly key = "a key of the test";
    readonly #port: number;
    readonly #api: number;
    readonly #folder: string;
    #child: ChildProcess | undefined;

    private constructor(folder: string, port: number, api: number) {
        this.#folder = folder;
        this.#port = port;
        this.#api = api;
    }

    static async create(sandbox: Sandbox, zones: string[]): Promise<NameServer> {
        const server = new NameServer(sandbox.path("pdns"), await freePort(), await freePort());
        mkdirSync(server.#folder, { recursive: true });
        const make = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
        execFileSync("python3", ["-c", make, `${server.#folder}/zones.db`, schema]);
        await server.start();
        for (const name of zones) {
            await server.#request("/zones", { name, kind: "Native", nameservers: ["ns.example.org."] });
        }
        return server;
    }

    get url(): string {
        return `http://127.0.0.1:${this.#api}`;
    }

    async #request(path: string, body?: object): Promise<any> {
        const headers = { "X-API-Key": this.key, "Content-Type": "application/json" };
        const answer = await fetch(`${this.url}/api/v1/servers/localhost${path}`, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
        if (!answer.ok) {
            throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
        }
        return answer.json();
    }

    async start(): Promise<void> {
        const options = {
            "config-dir": this.#folder, "socket-dir": this.#folder, "module-dir": modules(), launch: "gsqlite3",
            "gsqlite3-database": `${this.#folder}/zones.db`, "local-address": "127.0.0.1", "local-port": this.#port, api: "yes",
            "api-key": this.key, webserver: "yes", "webserver-address": "127.0.0.1", "webserver-port": this.#api, daemon: "no",
            guardian: "no", "write-pid": "no", "cache-ttl": 0, "query-cache-ttl": 0, "negquery-cache-ttl": 0, "zone-cache-refresh-interval": 0,
        };
        this.#child = spawn(program, Object.entries(options).map(([name, value]) => `--${name}=${value}`), { stdio: "ignore" });
        await until("the name server answers", () => this.#request("/zones").then(() => true, () => false));
    }

    stop(): Promise<void> {
        const child = this.#child!;
        this.#child = undefined;
        return new Promise((resolve) => child.once("exit", () => resolve()) && child.kill("SIGKILL"));
    }

    // It neither answers nor hangs up.
    pause(): void {
        this.#child!.kill("SIGSTOP");
    }

    resume(): void {
        this.#child!.kill("SIGCONT");
    }

    // What the world is told; none: [].
    names(address: string): Promise<string[]> {
        const resolver = new Resolver({ timeout: 2000, tries: 1 });
        resolver.setServers([`127.0.0.1:${this.#port}`]);
        return resolver.reverse(address).catch((error) => (["ENOTFOUND", "ENODATA"].includes(error.code) ? [] : Promise.reject(error)));
    }

    async close(): Promise<void> {
        if (this.#child) {
            await this.stop();
        }
    }
}
