// Programs run to their end, and small waits.
import { spawn } from "node:child_process";

export interface CommandOptions {
    env?: Record<string, string>;
    input?: string | Buffer;
    cwd?: string;
    // Exit codes besides 0 that are no failure; the result carries the code.
    accept?: number[];
    timeoutMs?: number;
}

export interface CommandResult {
    code: number;
    stdout: string;
    stderr: string;
}

export function run(argv: string[], options: CommandOptions = {}): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
        const child = spawn(argv[0]!, argv.slice(1), {
            cwd: options.cwd,
            env: { ...process.env, ...options.env },
            stdio: ["pipe", "pipe", "pipe"],
            timeout: options.timeoutMs ?? 120_000,
            killSignal: "SIGKILL",
        });
        let stdout = "";
        let stderr = "";
        child.stdout.on("data", (data) => (stdout += data));
        child.stderr.on("data", (data) => (stderr += data));
        child.stdin.on("error", () => undefined); // it may end without reading
        child.stdin.end(options.input ?? "");
        child.on("error", reject);
        child.on("close", (status, signal) => {
            const code = status ?? -1;
            if (code === 0 || options.accept?.includes(code)) {
                resolve({ code, stdout, stderr });
            } else {
                reject(new Error(`${argv.join(" ")}: ${signal ?? `exit ${code}`}\n${stderr}${stdout}`));
            }
        });
    });
}

export async function output(argv: string[], options: CommandOptions = {}): Promise<string> {
    return (await run(argv, options)).stdout.trim();
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

// Polls until check returns something truthy; what it threw last is told when the time is over.
export async function until<T>(
    what: string,
    check: () => Promise<T | false | undefined | null> | T | false | undefined | null,
    timeoutMs = 60_000,
    everyMs = 100,
): Promise<T> {
    const end = Date.now() + timeoutMs;
    let last: unknown;
    for (;;) {
        try {
            const value = await check();
            if (value) {
                return value;
            }
            last = undefined;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) {
            throw new Error(`timed out after ${timeoutMs} ms: ${what}${last ? `: ${last}` : ""}`);
        }
        await sleep(everyMs);
    }
}
