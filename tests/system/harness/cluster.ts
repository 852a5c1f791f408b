// A temporary PostgreSQL cluster: a socket in the sandbox, no TCP. The first of a schema is made and kept as a template, by those
// migrations' hash; the others are copies of it, which takes a tenth of the time.
import { createHash } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { output, run } from "./command.js";
import { build, postgresBin, root } from "./paths.js";
import { quote, type Sandbox } from "./sandbox.js";

function templateFolder(): string {
    const hash = createHash("sha256").update(postgresBin);
    for (const folder of ["migrations", "migrations/functions"].map((name) => join(root, name))) {
        for (const name of readdirSync(folder).filter((file) => file.endsWith(".sql")).sort()) {
            hash.update(name).update(readFileSync(join(folder, name)));
        }
    }
    return join(build, `cluster-${hash.digest("hex").slice(0, 16)}`);
}

export class Cluster {
    readonly dir: string;
    readonly #data: string;
    readonly #template = templateFolder();
    migrated = false;
    // Options of every cluster that is started from now on, for benchmarks.
    static more = "";

    private constructor(sandbox: Sandbox) {
        this.dir = sandbox.path("pg");
        this.#data = `${this.dir}/data`;
    }

    static async create(sandbox: Sandbox): Promise<Cluster> {
        const cluster = new Cluster(sandbox);
        const id = async (flag: string) => Number(await output(["id", flag, "postgres"]));
        mkdirSync(cluster.dir, { mode: 0o755 });
        chownSync(sandbox.dir, 0, 0);
        await run(["chmod", "755", sandbox.dir]);
        chownSync(cluster.dir, await id("-u"), await id("-g"));
        sandbox.undo(
            `if [ -f ${quote(`${cluster.#data}/postmaster.pid`)} ]; then cd / && runuser -u postgres -- ${postgresBin}/pg_ctl -D ${quote(cluster.#data)} -m immediate -s stop; fi`,
        );
        if (existsSync(cluster.#template)) {
            await run(["cp", "-a", "--reflink=auto", cluster.#template, cluster.#data]);
            await cluster.start();
            cluster.migrated = true;
            return cluster;
        }
        await cluster.#as("initdb", "-D", cluster.#data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N");
        await cluster.start();
        await cluster.sql("CREATE DATABASE croft", "postgres");
        return cluster;
    }

    // Called once the schema is there and nothing else. Of several at once the first is kept.
    async keepAsTemplate(): Promise<void> {
        const copy = `${this.#template}.${process.pid}`;
        await this.stop();
        await run(["cp", "-a", "--reflink=auto", this.#data, copy]);
        await run(["mv", "-T", copy, this.#template], { accept: [1] });
        await run(["rm", "-rf", copy]);
        await this.start();
    }

    #as(program: string, ...args: string[]): Promise<unknown> {
        return run(["runuser", "-u", "postgres", "--", `${postgresBin}/${program}`, ...args], { cwd: "/" });
    }

    async start(): Promise<void> {
        const options = `-c listen_addresses= -c unix_socket_directories=${this.dir} -c max_connections=200 -c fsync=off ${Cluster.more}`;
        await this.#as("pg_ctl", "-D", this.#data, "-w", "-s", "-l", `${this.dir}/log`, "-o", options, "start");
    }

    async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
        await this.#as("pg_ctl", "-D", this.#data, "-w", "-s", "-m", mode, "stop");
    }

    conninfo(user: string, database = "croft"): string {
        return `host=${this.dir} user=${user} dbname=${database}`;
    }

    // One value or more, rows as lines; as the superuser, past row-level security.
    sql(text: string, database = "croft"): Promise<string> {
        return output([`${postgresBin}/psql`, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", this.conninfo("postgres", database), "-c", text]);
    }
}
