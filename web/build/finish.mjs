// After vite: compressed copies beside each file, and the budgets: what is over fails the build.
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist", import.meta.url).pathname;
const firstScreenMax = 300_000;
const roomMax = 120_000;

const gzipped = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;

// The scripts that a chunk needs before it runs.
function needs(manifest, key, seen = new Set()) {
    if (!seen.has(key)) {
        seen.add(key);
        manifest[key].imports?.forEach((one) => needs(manifest, one, seen));
    }
    return seen;
}

const weigh = (manifest, keys) => [...keys].reduce((sum, key) => sum + gzipped(manifest[key].file), 0);

function checkBudgets() {
    const manifest = JSON.parse(readFileSync(join(dist, "manifest.json"), "utf8"));
    rmSync(join(dist, "manifest.json"));
    const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
    const first = needs(manifest, entry);
    const rows = [["first screen", weigh(manifest, first), firstScreenMax]];
    for (const key of Object.keys(manifest).filter((one) => manifest[one].isDynamicEntry)) {
        const own = [...needs(manifest, key)].filter((one) => !first.has(one));
        rows.push([key, weigh(manifest, own), roomMax]);
    }
    const over = rows.filter(([, size, max]) => size > max);
    rows.sort((a, b) => b[1] - a[1]).forEach(([name, size, max]) => console.log(`${String(size).padStart(7)} of ${max}  ${name}`));
    if (over.length > 0) {
        console.error(`over budget: ${over.map(([name]) => name).join(", ")}`);
        process.exit(1);
    }
}

function compress(folder) {
    for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (statSync(path).isDirectory()) {
            compress(path);
        } else if (/\.(js|css|html|svg|json)$/.test(name)) {
            const bytes = readFileSync(path);
            const parameters = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
            writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
            writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: parameters }));
        }
    }
}

checkBudgets();
compress(dist);
