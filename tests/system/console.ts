// A text client of consoles: node dist/console.js URL TOKEN VPS [login|shell]. Ctrl-] leaves.
import { Console } from "./harness/websocket.js";

async function main(): Promise<number> {
    const [url, token, vps, kind = "shell"] = process.argv.slice(2);
    if (!url || !token || !vps) {
        console.error("usage: node dist/console.js URL TOKEN VPS [login|shell]");
        return 2;
    }
    const answer = await fetch(`${url}/v1/vps/${vps}/console`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ kind }),
    });
    const ticket: any = await answer.json();
    if (answer.status !== 201) {
        console.error(ticket.detail);
        return 1;
    }
    const terminal = await Console.connect(ticket.url, ticket.ticket);
    if (!(terminal instanceof Console)) {
        console.error(terminal.problem.detail);
        return 1;
    }
    const size = () => terminal.resize(process.stdout.columns ?? 80, process.stdout.rows ?? 24);
    process.stdout.write(terminal.output);
    terminal.onOutput = (data) => process.stdout.write(data);
    process.stdout.on("resize", size);
    size();
    if (process.stdin.isTTY) {
        process.stdin.setRawMode(true);
    }
    process.stdin.on("data", (data: Buffer) => (data.includes(0x1d) ? terminal.close() : terminal.type(data)));
    await new Promise((resolve) => terminal.socket.on("close", resolve));
    console.error(`\r\n${terminal.messages.find((one) => one.type === "closed")?.detail ?? "The connection has ended."}`);
    return terminal.closed?.code === 1000 ? 0 : 1;
}

process.exit(await main());
