import { createHmac } from "node:crypto";

// RFC 4648 and RFC 6238, written down once more: what the server makes is checked by something else than liboath.
export function totp(secret: string, offset = 0): string {
    const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
    const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + offset));
    const mac = createHmac("sha1", key).update(counter).digest();
    const at = mac[19]! & 15;
    return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

// The code of the step before, which is taken until this one ends: made where enough of it is left for a slow machine to hand it in.
export async function earlierTotp(secret: string): Promise<string> {
    const left = 30_000 - (Date.now() % 30_000);
    if (left < 15_000) {
        await new Promise((resolve) => setTimeout(resolve, left));
    }
    return totp(secret, -1);
}
