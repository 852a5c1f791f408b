// croft-agent with a state folder of its own, real or fake drivers, in a network namespace or without.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { run, until } from "./command.js";
import type { Netns } from "./netns.js";
import { agentProgram, harnessFolder } from "./paths.js";
import { alive, quote, type Sandbox } from "./sandbox.js";
import { merge, sanitizers, type Overrides } from "./server.js";

export interface AgentOptions {
    program?: string;
    server: string; // host:port
    name?: string;
    drivers: "real" | "fake";
    netns?: Netns;
    config?: Overrides;
    log?: string; // path of its log
    stateBytes?: number; // the state folder on a disk of its own of that size, its log too; the pool elsewhere
}

export type Process = "master" | "broker" | "link";

let agents = 0;

export class Agent {
    readonly state: string;
    readonly config: string;
    readonly log: string;
    #child: ChildProcess | undefined;

    constructor(
        readonly sandbox: Sandbox,
        readonly options: AgentOptions,
    ) {
        const name = options.name ?? "node1";
        this.state = sandbox.path(name);
        this.config = sandbox.path(`${name}.yaml`);
        this.log = options.log ?? (options.stateBytes ? `${this.state}/agent.log` : sandbox.path(`${name}.log`));
        mkdirSync(this.state, { mode: 0o755, recursive: true });
        const pool = options.stateBytes ? { device: this.#smallDisk(options.stateBytes) } : {};
        const fake = options.drivers === "fake";
        // Id ranges of agents on one machine must not meet.
        const idBase = 200_000_000 + ((process.pid % 400) * 8 + agents++) * 65536 * 100;
        const settings = merge(
            {
                state_dir: this.state,
                server: options.server,
                name,
                link_user: "nobody",
                log_level: "debug",
                drivers: { container: fake ? "fake" : "lxc", volume: fake ? "fake" : "btrfs", network: fake ? "fake" : "routed" },
                pool: { size_bytes: 2 ** 31, ...pool },
                ids: { base: idBase % 4_000_000_000, count: 100 },
                capacity: { vcpus: 64, memory_bytes: 2 ** 37, disk_bytes: 2 ** 41 },
                sample_s: 1,
                report_s: 2,
                stop_timeout_s: 5,
                restart_max_ms: 200, // many deaths in a row
            },
            options.config,
        );
        writeFileSync(this.config, stringify(settings), { mode: 0o644 });
        sandbox.undo(`${quote(`${harnessFolder}/undo-agent.sh`)} ${quote(this.state)}`);
    }

    // Returns the device of the pool.
    #smallDisk(bytes: number): string {
        const run = (...argv: string[]) => execFileSync(argv[0]!, argv.slice(1), { encoding: "utf8" }).trim();
        const file = `${this.state}.pool`;
        this.sandbox.undo(`! mountpoint -q ${quote(this.state)} || umount ${quote(this.state)}`);
        run("mount", "-t", "tmpfs", "-o", `mode=0755,size=${bytes}`, "croft-test", this.state);
        run("truncate", "-s", "2G", file);
        this.sandbox.undo(`losetup -j ${quote(file)} | cut -d: -f1 | xargs -r losetup -d`);
        const device = run("losetup", "--find", "--show", file);
        run("mkfs.btrfs", "-q", device);
        return device;
    }

    get program(): string {
        return this.options.program ?? agentProgram;
    }

    // Leak detection is off: a worker's liblxc children end inside other namespaces, where the leak
    // checker may not trace, and liblxc keeps what it allocates until exit.
    get environment(): Record<string, string> {
        return sanitizers(this.sandbox, false);
    }

    command(...args: string[]): string[] {
        const argv = [this.program, ...args];
        return this.options.netns ? this.options.netns.command(...argv) : argv;
    }

    async join(token: string): Promise<void> {
        await run(this.command("join", "--config", this.config, "--server", this.options.server, "--token", token), { env: this.environment });
    }

    // Without waiting: on a full disk there are no pid files to wait for.
    launch(): void {
        const log = openSync(this.log, "a");
        const argv = this.command("run", "--config", this.config);
        this.#child = spawn(argv[0]!, argv.slice(1), {
            env: { ...process.env, ...this.environment },
            stdio: ["ignore", log, log],
        });
        closeSync(log);
        this.sandbox.undoProcess(this.#child.pid!);
    }

    async start(): Promise<void> {
        this.launch();
        await until("the agent's processes run", () => {
            if (this.#child!.exitCode !== null) {
                throw new Error(`croft-agent ended: ${this.tail()}`);
            }
            return alive(this.pid("broker")) && alive(this.pid("link"));
        }, 60_000);
    }

    // From run/, as the agent recorded it.
    // Its children are broker, link and the template of workers.
    get master(): number {
        return this.#child!.pid!;
    }

    pid(which: Process): number {
        return Number(readFileSync(`${this.state}/run/${which}.pid`, "utf8"));
    }

    kill(which: Process): void {
        process.kill(this.pid(which), "SIGKILL");
    }

    async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
        const child = this.#child;
        if (child && child.exitCode === null && child.signalCode === null) {
            child.kill(signal);
            await until("croft-agent ends", () => child.exitCode !== null || child.signalCode !== null, 30_000);
        }
    }

    tail(lines = 30): string {
        return existsSync(this.log) ? readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n") : "";
    }

    // The next worker that begins this step kills the process named.
    fault(who: "worker" | "broker" | "link", step: string): void {
        writeFileSync(`${this.state}/fault`, `${who} ${step}\n`);
    }

    faultPending(): boolean {
        return existsSync(`${this.state}/fault`);
    }

    async steps(): Promise<string[]> {
        const { stdout } = await run([this.program, "steps"], { env: this.environment });
        return stdout.split("\n").filter(Boolean);
    }

    vpsFolders(): string[] {
        const folder = `${this.state}/vps`;
        return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f-]{36}$/.test(name)) : [];
    }
}
