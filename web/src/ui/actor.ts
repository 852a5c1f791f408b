// Who did it, in a word: the log's actor has different fields for people, tokens, nodes and the system.
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

export function actorOf(actor: Record<string, unknown>): string | undefined {
    return text(actor.email) ?? text(actor.user_email) ?? text(actor.name) ?? text(actor.type) ?? text(actor.kind);
}
