// What a vps is doing, in a dot and a word; the word its task says while one is open.
import type { Vps } from "../../api/nouns";
import { useT, type Key } from "../../i18n";
import { Status, type Tone } from "../../ui/Status";

export function stateOf(vps: Vps): { tone: Tone; key: Key } {
    if (vps.lost_at) {
        return { tone: "bad", key: "state.lost" };
    }
    if (vps.delete_after) {
        return { tone: "warn", key: "state.held" };
    }
    if (vps.desired === "deleted") {
        return { tone: "busy", key: "state.deleting" };
    }
    if (vps.suspended) {
        return { tone: "warn", key: "state.suspended" };
    }
    if (vps.task_id || vps.generation !== vps.observed_generation) {
        return vps.error && !vps.task_id ? { tone: "bad", key: "state.failed" } : { tone: "busy", key: busyKey(vps) };
    }
    if (vps.observed === "error" || vps.error) {
        return { tone: "bad", key: "state.failed" };
    }
    if (vps.frozen) {
        return { tone: "warn", key: "state.frozen" };
    }
    if (vps.rescue_image_id) {
        return { tone: "warn", key: "state.rescue" };
    }
    return vps.observed === "running" ? { tone: "good", key: "state.running" } : { tone: "idle", key: "state.stopped" };
}

function busyKey(vps: Vps): Key {
    if (vps.observed === "absent") {
        return "state.creating";
    }
    if (vps.desired === "running" && vps.observed !== "running") {
        return "state.starting";
    }
    return vps.desired === "stopped" && vps.observed === "running" ? "state.stopping" : "state.changing";
}

export function VpsState({ vps }: { vps: Vps }) {
    const t = useT();
    const { tone, key } = stateOf(vps);
    return <Status tone={tone}>{t(key)}</Status>;
}
