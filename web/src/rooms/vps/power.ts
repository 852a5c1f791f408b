// Orders that need nothing but a vps.
import { api, must, randomId } from "../../api/client";
import type { Vps } from "../../api/nouns";
import type { Key } from "../../i18n";

export type Power = "start" | "stop" | "reboot" | "kill" | "freeze" | "thaw" | "unrescue" | "undelete";

export const powerKeys: Record<Power, Key> = {
    start: "power.start",
    stop: "power.stop",
    reboot: "power.reboot",
    kill: "power.kill",
    freeze: "power.freeze",
    thaw: "power.thaw",
    unrescue: "power.unrescue",
    undelete: "power.undelete",
};

// What can be ordered of a vps in this state.
export function powerOf(vps: Vps): Power[] {
    if (vps.lost_at || (vps.desired === "deleted" && !vps.delete_after)) {
        return [];
    }
    if (vps.delete_after) {
        return ["undelete"];
    }
    if (vps.suspended) {
        return [];
    }
    if (vps.frozen) {
        return ["thaw", "kill"];
    }
    const rescue: Power[] = vps.rescue_image_id ? ["unrescue"] : [];
    return vps.desired === "running" ? ["stop", "reboot", "kill", "freeze", ...rescue] : ["start", ...rescue];
}

// With a key of its own, unless the caller has one.
export function order(power: Power, id: string, key = randomId()) {
    const params = { path: { id }, header: { "Idempotency-Key": key } };
    switch (power) {
        case "start":
            return must(api.POST("/v1/vps/{id}/start", { params }));
        case "stop":
            return must(api.POST("/v1/vps/{id}/stop", { params }));
        case "kill":
            return must(api.POST("/v1/vps/{id}/stop", { params, body: { force: true } }));
        case "reboot":
            return must(api.POST("/v1/vps/{id}/reboot", { params }));
        case "freeze":
            return must(api.POST("/v1/vps/{id}/freeze", { params }));
        case "thaw":
            return must(api.POST("/v1/vps/{id}/thaw", { params }));
        case "unrescue":
            return must(api.POST("/v1/vps/{id}/unrescue", { params }));
        case "undelete":
            return must(api.POST("/v1/vps/{id}/undelete", { params }));
    }
}
