// A mail server of a test: takes what libcurl sends over real SMTP, and may be told to refuse.
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";

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

export interface MailOptions {
    tls?: { cert: string; key: string; from: "starttls" | "first byte" }; // PEM
    login?: { user: string; password: string };
}

export class MailServer {
    readonly mails: Received[] = [];
    refuse: string | undefined; // the answer to RCPT
    answers: Record<string, string> = {}; // to other commands, "" being the greeting
    stalls = false; // nobody is greeted
    attempts = 0;
    greeted = 0;
    most = 0; // connections that were open at once
    #server: Server;
    #sockets = new Set<Socket>();
    #context: SecureContext | undefined;

    private constructor(readonly options: MailOptions) {
        this.#context = options.tls && createSecureContext(options.tls);
        this.#server = createServer((socket) => this.#accept(socket));
    }

    static async start(options: MailOptions = {}): Promise<MailServer> {
        const mail = new MailServer(options);
        await new Promise<void>((resolve) => mail.#server.listen(0, "127.0.0.1", resolve));
        return mail;
    }

    get address(): string {
        const at = this.#server.address() as { port: number };
        return `127.0.0.1:${at.port}`;
    }

    #accept(socket: Socket): void {
        this.#sockets.add(socket);
        this.most = Math.max(this.most, this.#sockets.size);
        socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
        if (!this.stalls) {
            this.#serve(this.options.tls?.from === "first byte" ? this.#secure(socket) : socket, true);
        }
    }

    #secure(socket: Socket): TLSSocket {
        return new TLSSocket(socket, { isServer: true, secureContext: this.#context }).on("error", () => undefined) as TLSSocket;
    }

    // AUTH PLAIN, which needs TLS here.
    #login(response: string, secure: boolean): string {
        const [, user, password] = Buffer.from(response, "base64").toString().split("\0");
        const { login } = this.options;
        return secure && user === login?.user && password === login?.password ? "235 welcome" : "535 no";
    }

    #serve(socket: Socket, greet: boolean): void {
        const secure = socket instanceof TLSSocket;
        let loggedIn = !this.options.login;
        let asked = false; // for the response to AUTH
        let buffer = "";
        let from = "";
        let to: string[] = [];
        let inData = false;
        const say = (line: string) => socket.write(`${line}\r\n`);
        const command = (line: string) => {
            const verb = line.split(/[ :]/)[0]!.toUpperCase();
            if (this.answers[verb]) {
                say(this.answers[verb]!);
            } else if (verb === "EHLO" || verb === "HELO") {
                say(this.#context && !secure ? "250-test\r\n250 STARTTLS" : this.options.login ? "250-test\r\n250 AUTH PLAIN" : "250 test");
            } else if (verb === "STARTTLS" && this.#context) {
                say("220 go on");
                socket.removeAllListeners("data");
                this.#serve(this.#secure(socket), false);
            } else if (verb === "AUTH") {
                asked = true;
                say("334 ");
            } else if (asked) {
                asked = false;
                const answer = this.#login(line, secure);
                loggedIn = answer.startsWith("235");
                say(answer);
            } else if (!loggedIn && verb === "MAIL") {
                say("530 log in first");
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
        if (greet) {
            this.greeted++;
            say(this.answers[""] ?? "220 test ESMTP");
        }
    }

    to(address: string): Received[] {
        return this.mails.filter((mail) => mail.to.includes(address));
    }

    // Ends every connection.
    hangUp(): void {
        for (const socket of this.#sockets) {
            socket.destroy();
        }
    }

    async stop(): Promise<void> {
        this.hangUp();
        await new Promise((resolve) => this.#server.close(resolve));
    }
}
