// A mail server of a test: takes what libcurl sends over real SMTP, and may be told to refuse.
import { createServer, type Server, type Socket } from "node:net";

export interface Received {
    from: string;
    to: string[];
    headers: Record<string, string>;
    raw: string;
    text: string; // the body, decoded
}

// Folded lines are one; the subject's encoded words are read.
export function parse(raw: string): Pick<Received, "headers" | "text"> {
    const [head, ...rest] = raw.split("\r\n\r\n");
    const headers: Record<string, string> = {};
    for (const line of head!.replace(/\r\n[ \t]+/g, " ").split("\r\n")) {
        const [, name, value] = /^([^:]+): ?(.*)$/.exec(line)!;
        if (headers[name!.toLowerCase()] !== undefined) {
            throw new Error(`two headers ${name}`);
        }
        headers[name!.toLowerCase()] = value!.replace(/ ?=\?utf-8\?B\?([^?]*)\?=/g, (_, word) => Buffer.from(word, "base64").toString());
    }
    return { headers, text: Buffer.from(rest.join("\r\n\r\n"), "base64").toString() };
}

export class MailServer {
    readonly mails: Received[] = [];
    refuse: string | undefined; // the answer to RCPT
    attempts = 0;
    #server: Server;
    #sockets = new Set<Socket>();

    private constructor() {
        this.#server = createServer((socket) => this.#serve(socket));
    }

    static async start(): Promise<MailServer> {
        const mail = new MailServer();
        await new Promise<void>((resolve) => mail.#server.listen(0, "127.0.0.1", resolve));
        return mail;
    }

    get address(): string {
        const at = this.#server.address() as { port: number };
        return `127.0.0.1:${at.port}`;
    }

    #serve(socket: Socket): void {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
        let buffer = "";
        let from = "";
        let to: string[] = [];
        let inData = false;
        const say = (line: string) => socket.write(`${line}\r\n`);
        const command = (line: string) => {
            const verb = line.split(/[ :]/)[0]!.toUpperCase();
            if (verb === "EHLO" || verb === "HELO") {
                say("250 test");
            } else if (verb === "MAIL") {
                from = /<([^>]*)>/.exec(line)![1]!;
                to = [];
                say("250 ok");
            } else if (verb === "RCPT") {
                this.attempts++;
                to.push(/<([^>]*)>/.exec(line)![1]!);
                say(this.refuse ?? "250 ok");
            } else if (verb === "DATA") {
                inData = true;
                say("354 go on");
            } else if (verb === "QUIT") {
                say("221 bye");
                socket.end();
            } else {
                say("250 ok");
            }
        };
        socket.on("data", (chunk) => {
            buffer += chunk.toString("latin1");
            for (;;) {
                const end = inData ? "\r\n.\r\n" : "\r\n";
                const at = buffer.indexOf(end);
                if (at < 0) {
                    return;
                }
                const piece = buffer.slice(0, at);
                buffer = buffer.slice(at + end.length);
                if (inData) {
                    inData = false;
                    this.mails.push({ from, to, raw: piece, ...parse(piece) });
                    say("250 taken");
                } else {
                    command(piece);
                }
            }
        });
        say("220 test ESMTP");
    }

    to(address: string): Received[] {
        return this.mails.filter((mail) => mail.to.includes(address));
    }

    async stop(): Promise<void> {
        for (const socket of this.#sockets) {
            socket.destroy();
        }
        await new Promise((resolve) => this.#server.close(resolve));
    }
}
