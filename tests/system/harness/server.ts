// croft-server on a cluster of its own: configuration, secrets, schema, and the running processes.
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import type { Cluster } from "./cluster.js";
import { output, run, until } from "./command.js";
import { root, serverProgram } from "./paths.js";
import { alive, freePort, type Sandbox } from "./sandbox.js";

// Anything here is laid over the configuration file, section by section.
export type Overrides = Record<string, string | number | Record<string, string | number | string[]>>;

export interface ServerOptions {
    program?: string;
    name?: string; // of a second server on the same database and keys
    agentHost?: string; // where agents reach this server
    config?: Overrides;
}

export function merge(base: Record<string, any>, over: Overrides = {}): Record<string, any> {
    const result = { ...base };
    for (const [key, value] of Object.entries(over)) {
        result[key] = typeof value === "object" ? { ...result[key], ...value } : value;
    }
    return result;
}

// Both programs end with a report in the sandbox when a sanitizer finds something.
// CROFT_QUARANTINE: MiB of freed memory that each process keeps to find late uses of it, which looks like growth to a test that
// measures.
export function sanitizers(sandbox: Sandbox, leaks: boolean): Record<string, string> {
    const log = sandbox.path("sanitizer");
    const quarantine = process.env.CROFT_QUARANTINE ?? "256";
    return {
        ASAN_OPTIONS: `log_path=${log}:detect_leaks=${leaks ? 1 : 0}:abort_on_error=0:quarantine_size_mb=${quarantine}`,
        UBSAN_OPTIONS: `log_path=${log}:print_stacktrace=1:halt_on_error=1`,
        LSAN_OPTIONS: "report_objects=1:print_suppressions=0",
    };
}

export class Server {
    readonly config: string;
    readonly log: string;
    readonly url: string;
    readonly agentAddress: string;
    #child: ChildProcess | undefined;
    #settings: Record<string, any>;

    private constructor(
        readonly sandbox: Sandbox,
        readonly program: string,
        settings: Record<string, any>,
        scheme: string,
        name = "server",
    ) {
        this.#settings = settings;
        this.config = sandbox.path(`${name}.yaml`);
        this.log = sandbox.path(`${name}.log`);
        this.url = `${scheme}://${settings.api.listen}`;
        this.agentAddress = settings.agents.public_address;
        this.configure();
    }

    static async create(sandbox: Sandbox, cluster: Cluster, options: ServerOptions = {}): Promise<Server> {
        const host = options.agentHost ?? "127.0.0.1";
        const agents = `${host}:${await freePort()}`;
        const settings = merge(
            {
                state_dir: sandbox.path("server"),
                migrations_dir: `${root}/migrations`,
                log_level: "debug",
                workers: 2,
                database: { server: cluster.conninfo("croft_server"), owner: cluster.conninfo("postgres"), connections: 4 },
                api: { listen: `127.0.0.1:${await freePort()}` },
                agents: { listen: agents, public_address: agents, heartbeat_s: 2, report_s: 5, sample_s: 1, ping_s: 2 },
                limits: { requests_per_s: 0, signin_per_min: 600 },
            },
            options.config,
        );
        const scheme = settings.api.tls_certificate ? "https" : "http";
        const server = new Server(sandbox, options.program ?? serverProgram, settings, scheme, options.name);
        await run(["mkdir", "-p", settings.state_dir]);
        await server.command("init");
        if (!cluster.migrated) {
            await server.command("migrate");
            cluster.migrated = true;
            if (settings.migrations_dir === `${root}/migrations`) {
                await cluster.keepAsTemplate();
            }
        }
        return server;
    }

    // Writes the configuration again, with changes; SIGHUP makes the server read it.
    configure(over: Overrides = {}): void {
        this.#settings = merge(this.#settings, over);
        writeFileSync(this.config, stringify(this.#settings), { mode: 0o600 });
    }

    get environment(): Record<string, string> {
        return sanitizers(this.sandbox, true);
    }

    command(...args: string[]): Promise<string> {
        const [name, ...rest] = args;
        return output([this.program, name!, "--config", this.config, ...rest], { env: this.environment });
    }

    // `admin operator` and `image add` have a second word before the options.
    subcommand(name: string, verb: string, ...rest: string[]): Promise<string> {
        return output([this.program, name, verb, "--config", this.config, ...rest], { env: this.environment });
    }

    // Of somebody who is there, as an operator does it who cannot get in.
    async setPassword(email: string, password: string): Promise<void> {
        await run([this.program, "admin", "password-reset", "--config", this.config, "--email", email, "--password-stdin"], { env: this.environment, input: password });
    }

    // Differences between quota, capacity, addresses and the rows; empty if there is none.
    verifyQuotas(): Promise<string> {
        return this.verify("quotas");
    }

    // Differences between what was recorded to bill by and the rows; empty if there is none.
    verifyBilling(): Promise<string> {
        return this.verify("billing");
    }

    private async verify(what: string): Promise<string> {
        const argv = [this.program, "verify", "--config", this.config, what];
        const { code, stdout, stderr } = await run(argv, { env: this.environment, accept: [1] });
        return code === 0 ? "" : stdout + stderr;
    }

    async start(): Promise<void> {
        const log = openSync(this.log, "a");
        this.#child = spawn(this.program, ["run", "--config", this.config], {
            env: { ...process.env, ...this.environment },
            stdio: ["ignore", log, log],
        });
        this.sandbox.undoProcess(this.pid);
        await this.ready();
    }

    async ready(timeoutMs = 30_000): Promise<void> {
        if (this.url.startsWith("https")) {
            process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // its certificate is the test's own
        }
        await until(`the server is ready (${this.log}):\n`, async () => {
            if (this.#child?.exitCode !== null) {
                throw new Error(`croft-server ended: ${this.tail()}`);
            }
            return (await fetch(`${this.url}/readyz`)).status === 200;
        }, timeoutMs);
    }

    get pid(): number {
        return this.#child!.pid!;
    }

    get exitCode(): number | null {
        return this.#child?.exitCode ?? null;
    }

    workers(): number[] {
        const text = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
        return text.split(" ").filter(Boolean).map(Number).filter(alive);
    }

    tail(lines = 20): string {
        return readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n");
    }

    signal(name: NodeJS.Signals): void {
        process.kill(this.pid, name);
    }

    // Until the last worker of before has drained.
    async reload(): Promise<void> {
        const old = this.workers();
        this.signal("SIGHUP");
        await until("every worker is replaced", () => !old.some(alive) && this.workers().length === this.#settings.workers, 60_000);
        await this.ready();
    }

    async exited(timeoutMs = 40_000): Promise<number> {
        await until("croft-server ends", () => this.#child!.exitCode !== null || this.#child!.signalCode !== null, timeoutMs);
        return this.#child!.exitCode ?? -1;
    }

    async stop(): Promise<void> {
        if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) {
            this.signal("SIGTERM");
            const code = await this.exited();
            if (code !== 0) {
                throw new Error(`croft-server ended with ${code}: ${this.tail()}`);
            }
        }
    }
}
