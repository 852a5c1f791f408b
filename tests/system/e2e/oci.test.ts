// OCI images become images of Croft: layers as they are meant, an init or a refusal, and nothing reached outside.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { run, until } from "../harness/command.js";
import { root } from "../harness/paths.js";
import { busyboxImage, MiB, World } from "../harness/world.js";

describe("OCI images", () => {
    let world: World;
    let base: string; // a root file system with an init
    before(async () => {
        world = await World.create({ drivers: "real" });
        base = world.sandbox.path("base");
        mkdirSync(base);
        await run(["tar", "--zstd", "-xf", await busyboxImage(), "-C", base]);
        writeFileSync(`${base}/etc/unwanted`, "of the first layer");
        writeFileSync(`${base}/etc/changed`, "first");
    });
    after(() => world?.close());

    const umoci = (...args: string[]) => run(["umoci", ...args]);
    // A layout with a layer a folder; "-path" is a layer that takes a path away.
    const layout = async (name: string, ...layers: string[]): Promise<string> => {
        const folder = world.sandbox.path(`${name}.oci`);
        await umoci("init", "--layout", folder);
        await umoci("new", "--image", `${folder}:it`);
        for (const layer of layers) {
            await (layer.startsWith("-") ? umoci("insert", "--image", `${folder}:it`, "--whiteout", layer.slice(1)) : umoci("insert", "--image", `${folder}:it`, layer, "/"));
        }
        return folder;
    };
    const folderOf = (name: string, fill: (path: string) => void): string => {
        const path = world.sandbox.path(name);
        mkdirSync(path);
        fill(path);
        return path;
    };
    const program = (path: string) => {
        mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
        writeFileSync(path, "#!/bin/sh\n");
        chmodSync(path, 0o755);
    };
    const out = () => world.sandbox.path("out.tar.zst");
    const importing = (folder: string, env: Record<string, string> = {}, accept = [0]) => {
        rmSync(out(), { force: true });
        return run(["env", ...Object.entries(env).map(([name, value]) => `${name}=${value}`), `${root}/deploy/images/import`, folder, out()], { accept, timeoutMs: 120_000 });
    };
    const listed = async () => (await run(["tar", "--zstd", "-tf", out()])).stdout.split("\n");
    const content = async (path: string) => (await run(["tar", "--zstd", "-xOf", out(), path])).stdout;
    const leftovers = () => readdirSync("/tmp").filter((name) => name.startsWith("croft-import."));

    test("an image of several layers boots, as its last layer says", { timeout: 240_000 }, async () => {
        const second = folderOf("second", (path) => {
            mkdirSync(`${path}/etc`);
            writeFileSync(`${path}/etc/changed`, "second");
            symlinkSync("/etc/changed", `${path}/etc/link`);
        });
        await importing(await layout("layers", base, second, "-/etc/unwanted"));
        assert.deepEqual(leftovers(), []);
        const printed = await world.server.subcommand("image", "add", out(), "--name", "oci", "--os", "busybox");
        const image = await world.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
        const key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        const vps = await world.createVps({ image_id: image.id, ssh_keys: [readFileSync(`${key}.pub`, "utf8").trim()] });
        const address = vps.addresses.find(({ family }) => family === 4)!.address;
        const { stdout } = await until("ssh works", () =>
            run(world.netns!.command("ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=3", `root@${address}`, "cat /etc/link; ls /etc/unwanted 2>&1; stat -c %u /bin/busybox")), 30_000);
        assert.match(stdout, /^second.*No such file.*\n0\n$/s);
        await world.deleteVps(vps.id);
    });

    test("what skopeo writes is imported: an archive of OCI, one of docker save, a folder", { timeout: 240_000 }, async () => {
        const source = `oci:${await layout("shipped", base, "-/etc/unwanted")}:it`;
        const expected = async () => ({ changed: await content("./etc/changed"), init: (await listed()).includes("./sbin/init"), unwanted: (await listed()).includes("./etc/unwanted") });
        for (const kind of ["oci-archive", "docker-archive", "dir"]) {
            const place = world.sandbox.path(`shipped.${kind}`);
            await run(["skopeo", "copy", "--quiet", source, kind === "docker-archive" ? `${kind}:${place}:shipped:latest` : `${kind}:${place}`], { timeoutMs: 120_000 });
            await importing(`${kind}:${place}`);
            assert.deepEqual(await expected(), { changed: "first", init: true, unwanted: false }, kind);
            assert.deepEqual(leftovers(), []);
        }
    });

    test("an archive that lies, is cut, or is no archive is refused", { timeout: 120_000 }, async () => {
        const place = world.sandbox.path("whole.tar");
        await run(["skopeo", "copy", "--quiet", `oci:${await layout("lying", base)}:it`, `oci-archive:${place}`], { timeoutMs: 120_000 });
        const whole = readFileSync(place);
        const changed = Buffer.from(whole);
        changed[whole.length >> 1]! ^= 1; // in the layer: its digest is not that of the manifest
        const bad: Record<string, Buffer> = { cut: whole.subarray(0, whole.length >> 1), changed, empty: Buffer.alloc(0), noise: Buffer.from("no archive") };
        for (const [name, bytes] of Object.entries(bad)) {
            writeFileSync(world.sandbox.path(name), bytes);
            const { stderr } = await importing(`oci-archive:${world.sandbox.path(name)}`, {}, [1]);
            assert.match(stderr, /import: /, name);
            assert.deepEqual([existsSync(out()), leftovers()], [false, []], name);
        }
    });

    test("one without an init is refused, with the reason", { timeout: 60_000 }, async () => {
        const folder = await layout("program", folderOf("app", (path) => program(`${path}/app/serve`)));
        const { stderr } = await importing(folder, {}, [1]);
        assert.match(stderr, /no init/);
        assert.deepEqual([existsSync(out()), leftovers()], [false, []]);
    });

    test("each init gets what it needs", { timeout: 120_000 }, async () => {
        const systemd = folderOf("systemd", (path) => {
            program(`${path}/usr/lib/systemd/systemd`);
            mkdirSync(`${path}/sbin`);
            symlinkSync("/usr/lib/systemd/systemd", `${path}/sbin/init`);
            mkdirSync(`${path}/etc/systemd/system`, { recursive: true });
            mkdirSync(`${path}/etc/ssh`);
            writeFileSync(`${path}/etc/ssh/ssh_host_rsa_key`, "secret");
            writeFileSync(`${path}/etc/machine-id`, "0123456789abcdef0123456789abcdef\n");
        });
        assert.match((await importing(await layout("systemd", systemd))).stderr, /starts with systemd/);
        const files = await listed();
        assert.ok(files.includes("./etc/systemd/system/getty@.service") && !files.some((name) => name.includes("ssh_host")), files.join(" "));
        assert.equal(await content("./etc/machine-id"), "");

        const openrc = folderOf("openrc", (path) => {
            program(`${path}/bin/busybox`);
            program(`${path}/sbin/openrc`);
            symlinkSync("/bin/busybox", `${path}/sbin/init`);
            mkdirSync(`${path}/etc`);
            writeFileSync(`${path}/etc/inittab`, "::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\n::once:/sbin/missing\n");
        });
        assert.match((await importing(await layout("openrc", openrc))).stderr, /starts with openrc/);
        assert.equal(await content("./etc/inittab"), "::sysinit:/sbin/openrc sysinit\n");
        assert.match(await content("./etc/rc.conf"), /rc_sys="lxc"/);
    });

    test("links that lead out of it are its own", { timeout: 60_000 }, async () => {
        const outside = world.sandbox.path("outside");
        mkdirSync(outside);
        chmodSync(outside, 0o777);
        writeFileSync(`${outside}/rc.conf`, "of the host");
        const evil = folderOf("evil", (path) => {
            program(`${path}/sbin/openrc`);
            program(`${path}/sbin/init`);
            symlinkSync(outside, `${path}/etc`);
        });
        await importing(await layout("evil", evil), {}, [0, 1]);
        assert.deepEqual([readdirSync(outside), readFileSync(`${outside}/rc.conf`, "utf8")], [["rc.conf"], "of the host"]);
    });

    test("what is too large, has too many entries, or lies about its bytes is refused", { timeout: 120_000 }, async () => {
        const big = folderOf("big", (path) => {
            program(`${path}/sbin/init`);
            writeFileSync(`${path}/zeros`, Buffer.alloc(24 * MiB));
        });
        const folder = await layout("big", big);
        assert.match((await importing(folder, { CROFT_IMPORT_BYTES: String(16 * MiB) }, [1])).stderr, /larger than/);
        await importing(folder, { CROFT_IMPORT_BYTES: String(64 * MiB) });
        const many = folderOf("many", (path) => {
            program(`${path}/sbin/init`);
            for (let i = 0; i < 300; i++) {
                writeFileSync(`${path}/f${i}`, "");
            }
        });
        const crowd = await layout("many", many);
        assert.match((await importing(crowd, { CROFT_IMPORT_ENTRIES: "200" }, [1])).stderr, /entries/);
        await importing(crowd, { CROFT_IMPORT_ENTRIES: "2000" });
        const blobs = `${folder}/blobs/sha256`;
        const largest = (await run(["sh", "-c", `ls -S ${blobs} | head -1`])).stdout.trim();
        await run(["sh", "-c", `printf X | dd of=${blobs}/${largest} bs=1 seek=40 conv=notrunc 2>/dev/null`]);
        await importing(folder, {}, [1]);
        assert.deepEqual([existsSync(out()), leftovers()], [false, []]);
    });
});
