// A report as `croft-agent check` writes it, of a node that is nearly good.
import type { Schema } from "./client.js";

export function checkReport(): Schema["CheckReport"] {
    const pair = { unit: "events/s", host: [1000, 1010], guest: [990, 1000], ratios: [0.99, 0.9901], ratio: 0.99005, spread: 0.0001, wanted: 0.98, measured: true };
    const attack = { unit: "processor", quiet: [1000, 1000], loud: [980, 970], losses: [0.02, 0.03], loss: 0.025, spread: 0.01, uncharged: 0.1, wanted: 0.05, alive: true, measured: true };
    return {
        at: "2026-11-01T12:00:00Z",
        version: "0.1.0",
        form: "full",
        host: { kernel: "6.1.0-57-amd64", machine: "x86_64", cgroup_version: 2, processors: 16, memory_bytes: 2 ** 36 },
        features: [
            { name: "cgroup v2", present: true, consequence: "" },
            { name: "AppArmor", present: false, consequence: "guests are confined by user namespace, seccomp and capabilities only" },
        ],
        fidelity: [
            { name: "reboot from inside", passed: true, said: "" },
            { name: "it sees the disk of its plan", passed: false, said: "107374182400" },
        ],
        escapes: ["load a kernel module", "write to a disk of the host", "reboot the host"].map((name) => ({ name, refused: true })),
        efficiency: [
            { ...pair, name: "processor (sysbench cpu)" },
            { ...pair, name: "disk, random (fio, 4 KiB)", unit: "operations/s", ratio: 0.902, spread: 0.12, wanted: 0.95 },
            { ...pair, name: "HTTP over loopback (wrk)", host: [], guest: [], ratios: [], ratio: 0, spread: 0, wanted: 0.9, measured: false },
        ],
        limits: [
            { name: "processor", unit: "processors", limit: 1, got: 1.004, overshoot: 0.004, wanted: 0.02, measured: true },
            { name: "disk", unit: "bytes", limit: 1073741824, got: 1073733632, overshoot: -0.0000076, wanted: 0.01, measured: true },
            { name: "network, sent", unit: "bit/s", limit: 40e6, got: 37.05e6, overshoot: -0.074, wanted: 0.03, measured: true },
        ],
        machine: [{ name: "another one starts programs", unit: "processor", quiet: [1000, 1000], loud: [990, 988], losses: [0.01, 0.012], loss: 0.011, spread: 0.002, measured: true }],
        neighbour: [
            { ...attack, name: "processor hog" },
            { ...attack, name: "UDP flood", unit: "network", loss: 0.294, spread: 0.083, wanted: 0.15 },
        ],
        reasons: ["not as on a plain Debian: it sees the disk of its plan", "disk, random (fio, 4 KiB): 0.902 of the host, 0.95 is wanted", "HTTP over loopback (wrk): not measured", "UDP flood: the neighbour loses 29.4 %, at most 15 % is wanted"],
        verdict: "missed",
    };
}
