// Consoles of a real container: its login, shells in it, and what a guest may try against who enters it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { build, root } from "../harness/paths.js";
import { Console } from "../harness/websocket.js";
import { MiB, World } from "../harness/world.js";

describe("consoles of a real container", () => {
    let world: World;
    let vps: Vps;
    before(async () => {
        world = await World.create({ drivers: "real" });
        vps = await world.createVps();
    });
    after(() => world?.close());

    const open = async (kind = "shell", id = vps.id) => {
        const { url, ticket } = await world.customer.api.expect(201, "POST", `/v1/vps/${id}/console`, { body: { kind } });
        return Console.open(url, ticket);
    };

    const leave = async (console: Console) => {
        console.close();
        await console.ends();
    };

    const settle = async (path: string, body?: object, id = vps.id) => {
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${id}/${path}`, { body });
        assert.equal((await world.customer.api.settled(task.id)).status, "done");
    };

    // Processes that make consoles: they run from memory, as nothing else of ours does.
    const consoles = () =>
        readdirSync("/proc").filter((pid) => {
            try {
                return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`console\0--config\0${world.agent.config}`);
            } catch {
                return false;
            }
        });

    const noneLeft = () => until("no process of a console is left", () => consoles().length === 0, 10_000);

    test("the login console: a prompt, a password, a shell; two see the same", { timeout: 120_000 }, async () => {
        const console = await open("login");
        await console.shows(/login: /);
        await settle("password", { password: "correct horse" });
        await console.expect("root\n", /Password: /);
        await console.expect("correct horse\n", /# /);
        const beside = await open("login");
        await beside.shows(/# /);
        console.type("echo 'a'$((40+2))'z'\n");
        await Promise.all([console.shows(/a42z/), beside.shows(/a42z/)]);
        await console.expect("tty\n", /\/dev\/tty1/);
        await leave(console);
        await beside.expect("exit\n", /login: /);
        await leave(beside);
        await noneLeft();
        const again = await open("login");
        await again.expect("\n", /login: /);
        await leave(again);
    });

    test("a shell: the guest's root in its own namespaces, a terminal of its own that is resized, nothing of the host", async () => {
        const shell = await open();
        await shell.expect("id\n", /uid=0\(root\) gid=0\(root\)/);
        await shell.expect("hostname\n", new RegExp(vps.name));
        shell.resize(123, 45);
        await shell.expect("stty size\n", /45 123/);
        await shell.expect("tty\n", /\/dev\/pts\/\d+/);
        await shell.expect("ls -l /proc/self/fd | grep -c ' -> '\n", /\n[45]\r/); // 0, 1, 2 and ls's own
        const environment = await shell.expect("env; echo done\n", /\ndone/);
        assert.doesNotMatch(environment, /CROFT|ASAN|LANG=|container=lxc.*CROFT/);
        await shell.expect("cat /proc/self/uid_map\n", /0 +\d{6,} +65536/);
        await shell.expect("cat /proc/$$/status | grep -E 'CapBnd|Seccomp:'\n", /Seccomp:\s+2/);
        await shell.expect("sleep 1000 &\n", /#/);
        shell.type("exit\n");
        assert.deepEqual([(await shell.ends()).code, shell.closed!.reason], [1000, "exited"]);
        await noneLeft();
    });

    test("it prints without end: others are answered, and one keystroke stops it", { timeout: 60_000 }, async () => {
        const shell = await open();
        shell.keep = 100_000;
        shell.type("yes\n");
        await until("it prints", () => shell.bytes > MiB);
        const times: number[] = [];
        for (let i = 0; i < 20; i++) {
            const at = performance.now();
            await world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}`);
            times.push(performance.now() - at);
            const seen = shell.bytes;
            await until("it prints on", () => shell.bytes > seen);
        }
        const median = times.sort((a, b) => a - b)[10]!;
        assert.ok(median < 500, `a read takes ${median} ms`);
        shell.type("\x03");
        await shell.shows(/\^C/, 10_000);
        await shell.expect("echo $((6*7))\n", /\n42/);
        await leave(shell);
    });

    test("stop, reboot and freeze: each closes or refuses, none hangs", { timeout: 120_000 }, async () => {
        const shell = await open();
        await settle("reboot", { force: true });
        assert.ok((await shell.ends()).code > 0);
        const login = await open("login");
        await login.shows(/login: /);
        await settle("freeze");
        await world.customer.api.expect(409, "POST", `/v1/vps/${vps.id}/console`, { body: { kind: "shell" } });
        await settle("thaw");
        await settle("stop");
        assert.equal((await login.ends()).reason, "stopped");
        await settle("start");
        await noneLeft();
    });

    test("link or broker killed: the viewer is cut, the shell ends, nothing is left; then all works again", { timeout: 120_000 }, async () => {
        for (const which of ["link", "broker"] as const) {
            const shell = await open();
            await shell.expect("echo $((40+2)) > /root/alive; (trap '' HUP; exec -a marker sleep 500) & cat /root/alive\n", /42/);
            world.agent.kill(which);
            const end = await shell.ends();
            assert.notEqual(end.code, 1000);
            await noneLeft();
            await until("the agent is back", () => world.online());
            const again = await until("a shell opens again", () => open().catch(() => undefined), 20_000);
            await again.expect("id\n", /uid=0/);
            await leave(again);
        }
    });

    test("a guest that replaces its shell, its terminals and its home by traps catches nothing of the host", { timeout: 180_000 }, async () => {
        const program = `${build}/agent/croft-agent-worker`;
        const hash = () => createHash("sha256").update(readFileSync(program)).digest("hex");
        const before = hash();
        const doomed = await world.createVps();
        const enter = async () => open("shell", doomed.id);
        // Home and terminals are no folders and no devices, /dev/ptmx is a pipe: a shell comes all the same.
        let shell = await enter();
        await shell.expect("cd /; rm -rf /root; mkfifo /root; rm -f /dev/ptmx /dev/tty; mkfifo /dev/ptmx; ln -s /dev/tty /dev/tty; echo ok$((1+1))\n", /ok2/);
        await leave(shell);
        shell = await enter();
        await shell.expect("pwd\n", /\n\/\r/);
        // The interpreter is whatever enters: that is a copy in memory, which nobody can write to.
        await shell.expect("rm /bin/sh; printf '#!/proc/self/exe\\n' > /bin/sh; chmod 755 /bin/sh; echo ok$((1+1))\n", /ok2/);
        await leave(shell);
        const tricked = await enter().catch(() => undefined);
        await (tricked ? tricked.ends() : Promise.resolve());
        assert.equal(hash(), before, "the agent's program is as it was");
        await noneLeft();
        await world.deleteVps(doomed.id);
    });

    test("a shell that the guest traces is let go of, as often as the guest likes", { timeout: 180_000 }, async () => {
        const doomed = await world.createVps();
        await run(["cc", "-static", "-O1", "-o", `${world.agent.state}/pool/guests/${doomed.id}/rootfs/tracer`, `${root}/tests/system/e2e/tracer.c`]);
        for (let i = 0; i < 3; i++) {
            const shell = await open("shell", doomed.id);
            await shell.expect("/tracer $$\n", /traced/);
            await leave(shell);
        }
        await noneLeft();
        const again = await open("shell", doomed.id);
        await again.expect("pidof tracer | wc -w\n", /\n3\r/); // they still trace
        await leave(again);
        await noneLeft();
        await world.deleteVps(doomed.id);
    });

    test("a shell that ends at once, and one that never begins", { timeout: 120_000 }, async () => {
        const doomed = await world.createVps();
        const shell = await open("shell", doomed.id);
        await shell.expect("rm /bin/sh; mkfifo /bin/sh; chmod 755 /bin/sh; echo ok$((1+1))\n", /ok2/);
        await leave(shell);
        const { url, ticket } = await world.customer.api.expect(201, "POST", `/v1/vps/${doomed.id}/console`, { body: { kind: "shell" } });
        const console = await Console.connect(url, ticket);
        assert.ok(console instanceof Console);
        assert.notEqual((await console.ends(30_000)).reason, "left");
        await noneLeft();
        await world.deleteVps(doomed.id);
    });
});
