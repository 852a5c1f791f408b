// The inside of a vps, by ssh from its node, with a key of the test's own.
import { readFileSync } from "node:fs";
import type { Vps } from "./client.js";
import { type CommandResult, run, until } from "./command.js";
import type { World } from "./world.js";

export class Guests {
    private constructor(
        readonly world: World,
        readonly key: string,
        readonly publicKey: string,
    ) {}

    static async create(world: World): Promise<Guests> {
        const key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        return new Guests(world, key, readFileSync(`${key}.pub`, "utf8").trim());
    }

    address(vps: Vps, family = 4): string {
        return vps.addresses.find((one) => one.family === family)!.address;
    }

    // A running vps that lets us in.
    async make(): Promise<Vps> {
        const vps = await this.world.createVps({ ssh_keys: [this.publicKey] });
        await until("ssh works", () => this.run(vps, "true"), 20_000);
        return vps;
    }

    run(vps: Vps, command: string, accept: number[] = []): Promise<CommandResult> {
        const options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=3"];
        const argv = ["ssh", "-n", "-i", this.key, ...options.flatMap((one) => ["-o", one]), `root@${this.address(vps)}`, command];
        return run(this.world.netns!.command(...argv), { accept, timeoutMs: 60_000 });
    }
}
