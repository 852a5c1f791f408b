// What one test file makes on the machine. Every thing is registered with the shell command that
// takes it back before it is made; a reaper process runs them, even if this process is killed.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

// In the name of everything that a run of tests/run makes, so that it knows its own.
const runName = process.env.CROFT_RUN ?? "hand";

export class Sandbox {
    readonly dir: string; // searchable by others: PostgreSQL and guests live below
    readonly id: string; // unique on this machine while the sandbox lives; short enough for a link name
    readonly #reaper: ChildProcess;

    constructor() {
        const script = fileURLToPath(new URL("./reaper.js", import.meta.url));
        this.#reaper = spawn(process.execPath, [script], { stdio: ["pipe", "inherit", "inherit"], detached: true });
        this.dir = mkdtempSync(`/var/lib/croft-test-${runName}-`);
        this.id = runName + this.dir.slice(-6);
        this.undo(`chmod 700 ${quote(this.dir)}; rm -rf --one-file-system ${quote(this.dir)}`);
    }

    undo(command: string): void {
        this.#reaper.stdin!.write(`${JSON.stringify(command)}\n`);
    }

    // Registers the end of a process: by its id and its start time, so that a later process with
    // the same id is spared.
    undoProcess(pid: number): void {
        this.undo(`[ "$(awk '{print $22}' /proc/${pid}/stat 2>/dev/null)" != "${startTime(pid)}" ] || kill -9 ${pid}`);
    }

    path(...names: string[]): string {
        return join(this.dir, ...names);
    }

    // Reports of the sanitizers, from all programs that ran here.
    sanitizerReports(): string {
        return readdirSync(this.dir)
            .filter((name) => name.startsWith("sanitizer."))
            .map((name) => readFileSync(join(this.dir, name), "utf8"))
            .join("\n");
    }

    // Takes everything back. Throws if something could not be taken back, or a sanitizer complained.
    async close(): Promise<void> {
        const ended = new Promise<number | null>((resolve) => this.#reaper.on("exit", resolve));
        const reports = this.sanitizerReports();
        this.#reaper.stdin!.end();
        if ((await ended) !== 0) {
            throw new Error("not everything could be cleaned up");
        }
        if (reports) {
            throw new Error(`sanitizer reports:\n${reports}`);
        }
    }
}

export function startTime(pid: number): string {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
}

export function alive(pid: number): boolean {
    try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        return !/\) [ZX] /.test(stat);
    } catch {
        return false;
    }
}

// A TCP port that nothing listens on now.
// The kernel hands out ephemeral ports in random order, so two suites hardly meet.
export function freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.on("error", reject);
        server.listen(0, "0.0.0.0", () => {
            const address = server.address();
            server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
        });
    });
}
