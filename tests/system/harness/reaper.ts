// A process of its own that takes back what a test made. It learns each undo before the thing is
// made, one JSON string a line, and runs them in reverse order when its standard input ends: the
// same path after a test that passed, failed or was killed.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const undos: string[] = [];
const registry = process.env.CROFT_REAPERS; // tests/run waits until no file is left in it
const marker = registry ? `${registry}/${process.pid}` : null;
if (marker) {
    writeFileSync(marker, "");
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => undefined); // the end of the input is what counts
}
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => undos.push(JSON.parse(line)));
lines.on("close", () => {
    let failed = false;
    for (const undo of undos.reverse()) {
        const { status, stderr } = spawnSync("sh", ["-c", undo], { encoding: "utf8", timeout: 60_000, cwd: "/" });
        if (status !== 0) {
            failed = true;
            process.stderr.write(`cleaning up: ${undo}: ${stderr}\n`);
        }
    }
    if (marker) {
        rmSync(marker, { force: true });
    }
    process.exitCode = failed ? 1 : 0;
});
