// Stops the end of a month right before the commit of a named step, so that who does it is killed there and nowhere else: before the commit
// all that the step did is lost; behind it all of it is kept, and nobody was told. A trigger of the test's own waits there for a lock that the
// test holds; sequences count who came by, since a rollback does not take that back.
import { type ChildProcess, spawn } from "node:child_process";
import type { Cluster } from "./cluster.js";
import { until } from "./command.js";
import { postgresBin } from "./paths.js";

const space = 7107; // of the advisory locks

export interface Place {
    month: string; // 2026-11
    step: string;
}

export interface Waiting {
    pid: number; // of the backend
    hand: boolean; // else one of a worker of the server
}

export class Gates {
    readonly #keeper: ChildProcess;
    #hands: ChildProcess[] = [];

    private constructor(readonly cluster: Cluster) {
        this.#keeper = this.#psql("postgres");
    }

    // All of them closed.
    static async create(cluster: Cluster, places: Place[]): Promise<Gates> {
        const rows = places.map(({ month, step }, n) => `(${n}, date '${month}-01', '${step}')`);
        await cluster.sql(`CREATE TABLE gates (n int PRIMARY KEY, month date, step text); INSERT INTO gates VALUES ${rows.join()};
            ${places.map((_, n) => `CREATE SEQUENCE gate_${n};`).join("")}
            CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
            DECLARE
                v_gate int := (SELECT n FROM gates WHERE month = OLD.month AND step = OLD.step);
            BEGIN
                IF v_gate IS NOT NULL THEN
                    PERFORM nextval(('gate_' || v_gate)::regclass);
                    PERFORM pg_advisory_xact_lock_shared(${space}, v_gate);
                END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON month_ends DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                WHEN (OLD.step <> NEW.step) EXECUTE FUNCTION gate()`);
        const gates = new Gates(cluster);
        gates.#keeper.stdin!.write(`SELECT pg_advisory_lock(${space}, n) FROM gates;\n`);
        await until("the gates are closed", async () => Number(await cluster.sql(`SELECT count(*) FROM pg_locks WHERE ${gates.#lock()} AND granted`)) === places.length);
        return gates;
    }

    #lock(): string {
        return `locktype = 'advisory' AND classid = ${space}`;
    }

    // A process that ends with the test, since its input does.
    #psql(user: string): ChildProcess {
        return spawn(`${postgresBin}/psql`, ["-XAtq", "-d", this.cluster.conninfo(user)], { stdio: ["pipe", "ignore", "ignore"] });
    }

    open(n: number): void {
        this.#keeper.stdin!.write(`SELECT pg_advisory_unlock(${space}, ${n});\n`);
    }

    async waiting(n: number): Promise<Waiting[]> {
        const text = await this.cluster.sql(`SELECT pid, application_name = 'psql' FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE ${this.#lock()} AND objid = ${n} AND NOT granted`);
        return text.split("\n").filter(Boolean).map((line) => ({ pid: Number(line.split("|")[0]), hand: line.endsWith("|t") }));
    }

    // How often each was reached.
    async hits(count: number): Promise<number[]> {
        const reads = [...Array(count).keys()].map((n) => `SELECT ${n} AS n, CASE WHEN is_called THEN last_value ELSE 0 END AS hits FROM gate_${n}`);
        return (await this.cluster.sql(`SELECT hits FROM (${reads.join(" UNION ALL ")}) g ORDER BY n`)).split("\n").map(Number);
    }

    // More that do what a worker's housekeeping does, at once and without its pauses.
    engage(count: number): void {
        for (let i = 0; i < count; i++) {
            const hand = this.#psql("croft_server");
            hand.stdin!.on("error", () => undefined);
            hand.stdin!.write(`SELECT croft_billing_chores('{"step":"month_ends"}')\n\\watch 0.02\n`);
            this.#hands.push(hand);
        }
    }

    // kill -9. What a backend of theirs is at it goes on with until it wants to answer.
    async dismiss(): Promise<void> {
        const hands = this.#hands.splice(0);
        await Promise.all(hands.map((hand) => hand.exitCode !== null || hand.signalCode !== null || new Promise((resolve) => (hand.once("exit", resolve), hand.kill("SIGKILL")))));
    }

    async gone(backends: Waiting[]): Promise<void> {
        const pids = backends.map(({ pid }) => pid).join();
        await until("the backends are gone", async () => (await this.cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE pid IN (${pids})`)) === "0");
    }

    async terminate(backends: Waiting[]): Promise<void> {
        await this.cluster.sql(`SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[${backends.map(({ pid }) => pid).join()}]) pid`);
        await this.gone(backends);
    }

    async close(): Promise<void> {
        await this.dismiss();
        this.#keeper.kill("SIGKILL");
        await this.cluster.sql("DROP TRIGGER gate ON month_ends");
    }
}
