// The way of a mail to a server: encrypted, logged in, refused in each of the ways there are, and to a file.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { run, until } from "../harness/command.js";
import { certificate } from "../harness/receiver.js";
import { type MailOptions, MailServer } from "../harness/smtp.js";
import { World } from "../harness/world.js";

const login = { user: "croft", password: "p/ss wörd" };
const parallel = 8; // BATCH of server/mailer.c

describe("mail on its way", () => {
    let world: World;
    let tls: { cert: string; key: string };
    let caFile: string;
    const servers: MailServer[] = [];
    before(async () => {
        world = await World.create({ agent: null, server: { config: { workers: 1 } } });
        const files = await certificate(world.sandbox);
        caFile = files.cert;
        tls = { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
    });
    after(async () => {
        await world?.close();
        await Promise.all(servers.map((one) => one.stop()));
    });

    // From now on mail goes to a server like this one.
    async function through(options: MailOptions, settings: Record<string, string>): Promise<MailServer> {
        const server = await MailServer.start(options);
        servers.push(server);
        const port = server.address.split(":")[1];
        world.server.configure({ mail: { server: `localhost:${port}`, from: "croft@example.org", retry_s: 1, ca_file: caFile, ...settings } });
        await world.server.reload();
        return server;
    }
    async function invite(): Promise<string> {
        const email = `${randomUUID()}@example.org`;
        await world.customer.api.expect(201, "POST", "/v1/invitations", { body: { email, role: "viewer" } });
        return email;
    }
    const row = (email: string, column: string) => world.cluster.sql(`SELECT ${column} FROM mails WHERE to_address = '${email}'`);
    const arrived = (server: MailServer, email: string) => until(`mail to ${email}`, async () => server.to(email).length === 1, 30_000);
    const triedTwice = (email: string) => until("it was tried twice", async () => Number(await row(email, "attempts")) >= 2, 30_000);

    test("goes out by STARTTLS, logged in", async () => {
        const server = await through({ tls: { ...tls, from: "starttls" }, login }, { tls: "starttls", ...login });
        await arrived(server, await invite());
    });

    test("goes out by TLS from the first byte, logged in", async () => {
        const server = await through({ tls: { ...tls, from: "first byte" }, login }, { tls: "tls", ...login });
        await arrived(server, await invite());
    });

    test("a login that is refused is about us, not about the mail: it is tried again", async () => {
        const server = await through({ tls: { ...tls, from: "starttls" }, login: { ...login } }, { tls: "starttls", ...login, password: "another" });
        const email = await invite();
        await triedTwice(email);
        assert.equal(await row(email, "state"), "queued");
        server.options.login!.password = "another";
        await arrived(server, email);
    });

    test("nothing is sent to a server whose certificate nobody vouches for, nor in the clear where TLS is asked for", async () => {
        for (const options of [{ tls: { ...tls, from: "starttls" as const } }, {}]) {
            const server = await through(options, { tls: "starttls", ...(options.tls ? { ca_file: "/etc/ssl/certs/ca-certificates.crt" } : {}) });
            const email = await invite();
            await triedTwice(email);
            assert.equal(await row(email, "state"), "queued");
            assert.equal(server.attempts, 0);
        }
    });

    test("a server that greets with 554, or takes no mail from us, is tried again", async () => {
        const server = await through({}, { tls: "none" });
        for (const verb of ["", "EHLO", "MAIL"]) {
            server.answers = { [verb]: "554 not now", ...(verb === "EHLO" ? { HELO: "554 not now" } : {}) };
            server.hangUp(); // a connection that is kept is greeted no more
            const email = await invite();
            await triedTwice(email);
            assert.equal(await row(email, "state"), "queued", `after 554 to ${verb || "the greeting"}`);
            server.answers = {};
            await arrived(server, email);
        }
    });

    test("a mail that is refused for good is given up", async () => {
        const server = await through({}, { tls: "none" });
        server.answers = { DATA: "554 we do not like it" };
        const email = await invite();
        await until("it is given up", async () => (await row(email, "state")) === "failed", 30_000);
        assert.match(await row(email, "error"), /554/);
        assert.equal(await row(email, "attempts"), "1");
    });

    test("a worker opens so many connections to the mail server and no more, and all mail arrives", async () => {
        const server = await through({}, { tls: "none" });
        server.stalls = true;
        await world.cluster.sql(`INSERT INTO mails (kind, to_address) SELECT 'totp_enabled', 'many' || i || '@example.org' FROM generate_series(1, 40) i`);
        await until("connections wait", async () => server.most >= parallel, 30_000);
        await new Promise((resolve) => setTimeout(resolve, 5_000)); // two more looks at the outbox
        assert.equal(server.most, parallel);
        server.stalls = false;
        server.hangUp();
        // Mail of the tests before that is tried again may come in between.
        const sent = () => new Set(server.mails.map((one) => one.to[0]).filter((to) => /^many\d+@/.test(to!)));
        await until("all are sent", async () => sent().size === 40, 60_000);
        assert.ok(server.most < 2 * parallel, `${server.most} at once`); // one that closes may be seen after the one that follows it
    });

    test("into a file: a line of JSON a mail, for its owner alone", async () => {
        const file = world.sandbox.path("mails");
        world.server.configure({ mail: { server: undefined as never, tls: "none", file } });
        await world.server.reload();
        const emails = [await invite(), await invite()];
        await until("both are there", async () => existsSync(file) && readFileSync(file, "utf8").split("\n").length === 3, 30_000);
        const lines = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(lines.map((one) => one.to).sort(), emails.sort());
        assert.match(lines[0].message, /^From: /m);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.equal(await row(emails[0]!, "state"), "sent");
        await run(["rm", file]);
    });
});
