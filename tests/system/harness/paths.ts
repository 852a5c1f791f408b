// Where things are: set by tests/run, with defaults for a test that is run by hand.
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

function findRoot(): string {
    let folder = dirname(fileURLToPath(import.meta.url));
    while (!existsSync(join(folder, "meson.build")) || !existsSync(join(folder, "docs/openapi.yaml"))) {
        folder = dirname(folder);
    }
    return folder;
}

export const root = findRoot();
export const build = resolve(root, process.env.CROFT_BUILD ?? ".build-test");
export const serverProgram = join(build, "server/croft-server");
export const agentProgram = join(build, "agent/croft-agent");
export const harnessFolder = join(root, "tests/system/harness");
export const panelFolder = join(root, "web/dist");

function newestPostgres(): string {
    const base = "/usr/lib/postgresql";
    const versions = readdirSync(base).map(Number).filter(Number.isFinite).sort((a, b) => b - a);
    return join(base, String(versions[0]), "bin");
}
export const postgresBin = newestPostgres();
