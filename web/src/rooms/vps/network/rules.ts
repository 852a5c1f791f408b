// A firewall rule as text fields, and back.
import type { Schema } from "../../../api/client";

type Rule = Schema["FirewallRule"];

export interface DraftRule {
    key: number; // of the row on the screen
    direction: Rule["direction"];
    action: Rule["action"];
    protocol: NonNullable<Rule["protocol"]>;
    ports: string; // "22, 8000-8080"
    from: string; // "192.0.2.0/24, 2001:db8::/32"; empty: anybody
    sets: string[];
    note: string;
}

let last = 0;

export const newRule = (part: Partial<DraftRule> = {}): DraftRule => ({
    key: ++last,
    direction: "in",
    action: "accept",
    protocol: "tcp",
    ports: "",
    from: "",
    sets: [],
    note: "",
    ...part,
});

export const draftOf = (rule: Rule): DraftRule =>
    newRule({
        direction: rule.direction,
        action: rule.action,
        protocol: rule.protocol ?? "any",
        ports: (rule.ports ?? []).join(", "),
        from: (rule.cidrs ?? []).join(", "),
        sets: rule.address_sets ?? [],
        note: rule.note ?? "",
    });

const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export const hasPorts = (protocol: DraftRule["protocol"]) => protocol === "tcp" || protocol === "udp";

export function ruleOf(draft: DraftRule): Rule {
    const ports = words(draft.ports);
    const cidrs = words(draft.from);
    return {
        direction: draft.direction,
        action: draft.action,
        protocol: draft.protocol,
        ports: hasPorts(draft.protocol) && ports.length > 0 ? ports : null,
        cidrs: cidrs.length > 0 ? cidrs : null,
        address_sets: draft.sets.length > 0 ? draft.sets : null,
        note: draft.note || null,
    };
}

export const sameRules = (a: DraftRule[], b: DraftRule[]) => JSON.stringify(a.map(ruleOf)) === JSON.stringify(b.map(ruleOf));

// The place of a problem's pointer, "/rules/3/ports/0".
export function rowOf(pointer: string): number | undefined {
    const found = /^\/rules\/(\d+)/.exec(pointer);
    return found ? Number(found[1]) : undefined;
}
