// A target of webhooks over HTTPS, with a certificate of its own. What it checks is written from the texts of Standard
// Webhooks and CloudEvents, not from the server's code.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { run, until } from "./command.js";
import type { Sandbox } from "./sandbox.js";

export interface Received {
    path: string;
    id: string;
    timestamp: string;
    signatures: string[];
    type: string;
    body: string;
    event: any;
}

export interface Answer {
    status: number;
    headers?: Record<string, string>;
    body?: string;
    afterMs?: number;
}

export async function certificate(sandbox: Sandbox): Promise<{ cert: string; key: string }> {
    const [cert, key] = [sandbox.path("receiver.pem"), sandbox.path("receiver.key")];
    await run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=receiver",
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", cert, "-keyout", key]);
    return { cert, key };
}

export class Receiver {
    readonly received: Received[] = [];
    answer: (received: Received) => Answer = () => ({ status: 204 });
    #server!: Server;

    static async create(files: { cert: string; key: string }): Promise<Receiver> {
        const receiver = new Receiver();
        receiver.#server = createServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, (request, response) => {
            let body = "";
            request.setEncoding("utf8");
            request.on("data", (text) => (body += text));
            request.on("end", () => {
                const header = (name: string) => String(request.headers[name] ?? "");
                const one = { path: request.url!, id: header("webhook-id"), timestamp: header("webhook-timestamp"), type: header("content-type"),
                    signatures: header("webhook-signature").split(" "), body, event: JSON.parse(body) };
                receiver.received.push(one);
                const answer = receiver.answer(one);
                setTimeout(() => {
                    response.writeHead(answer.status, answer.headers);
                    response.end(answer.body);
                }, answer.afterMs ?? 0);
            });
        });
        await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
        return receiver;
    }

    get port(): number {
        return (this.#server.address() as AddressInfo).port;
    }

    url(path: string, host = "127.0.0.1"): string {
        return `https://${host}:${this.port}${path}`;
    }

    at(path: string): Received[] {
        return this.received.filter((one) => one.path === path);
    }

    async has(path: string, count: number, timeoutMs = 20_000): Promise<Received[]> {
        await until(`${count} deliveries at ${path} (${this.at(path).length})`, () => this.at(path).length >= count, timeoutMs);
        return this.at(path);
    }

    close(): void {
        this.#server.closeAllConnections?.();
        this.#server.close();
    }
}

// Whether one of the signatures is that of this secret.
export function signedBy(secret: string, received: Received): boolean {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const wanted = createHmac("sha256", key).update(`${received.id}.${received.timestamp}.${received.body}`).digest();
    return received.signatures.some((signature) => {
        const [version, value] = signature.split(",");
        const given = Buffer.from(value ?? "", "base64");
        return version === "v1" && given.length === wanted.length && timingSafeEqual(given, wanted);
    });
}
