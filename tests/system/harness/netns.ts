// A network namespace that stands for a node, joined to the host by a veth pair. Guests' routes, nftables
// and devices stay inside. `ip netns exec` would replace /sys and hide the cgroups, so nsenter enters.
import { run, output } from "./command.js";
import { Sandbox } from "./sandbox.js";

export class Netns {
    readonly name: string;
    readonly hostAddress: string;
    readonly nodeAddress: string;
    readonly #hostLink: string;
    readonly #nodeLink: string;

    private constructor(sandbox: Sandbox) {
        // A /30 of 10.192.0.0/11, from this process's id: unique among tests that run at once.
        const third = process.pid >> 6;
        const network = `10.${192 + ((third >> 8) & 31)}.${third & 255}`;
        const low = (process.pid & 63) << 2;
        this.name = `croft-test-${sandbox.id}`;
        this.#hostLink = `ct${sandbox.id}h`;
        this.#nodeLink = `ct${sandbox.id}n`;
        this.hostAddress = `${network}.${low + 1}`;
        this.nodeAddress = `${network}.${low + 2}`;
    }

    static async create(sandbox: Sandbox): Promise<Netns> {
        const ns = new Netns(sandbox);
        sandbox.undo(`! ip netns list | grep -q '^${ns.name}\\b' || ip netns del ${ns.name}`);
        sandbox.undo(`! ip link show ${ns.#hostLink} >/dev/null 2>&1 || ip link del ${ns.#hostLink}`);
        await run(["ip", "netns", "add", ns.name]);
        await run(["ip", "link", "add", ns.#hostLink, "type", "veth", "peer", "name", ns.#nodeLink, "netns", ns.name]);
        await run(["ip", "addr", "add", `${ns.hostAddress}/30`, "dev", ns.#hostLink]);
        await run(["ip", "link", "set", ns.#hostLink, "up"]);
        await ns.run("ip", "link", "set", "lo", "up");
        await ns.run("ip", "addr", "add", `${ns.nodeAddress}/30`, "dev", ns.#nodeLink);
        await ns.run("ip", "link", "set", ns.#nodeLink, "up");
        return ns;
    }

    command(...argv: string[]): string[] {
        return ["nsenter", `--net=/run/netns/${this.name}`, ...argv];
    }

    run(...argv: string[]) {
        return run(this.command(...argv));
    }

    output(...argv: string[]): Promise<string> {
        return output(this.command(...argv));
    }

    // Pulls the plug between node and server, and puts it back.
    async link(state: "up" | "down"): Promise<void> {
        await run(["ip", "link", "set", this.#hostLink, state]);
    }
}
