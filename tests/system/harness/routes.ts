// The table of routes as the build printed it (server/api/routes_check.c), and a small valid body of each from the contract.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { operations, resolveSchema } from "./contract.js";
import { build } from "./paths.js";

export interface Route {
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    path: string;
    auth: "none" | "tenant" | "operator";
    scope: string | null;
    roles: string[];
    takes_body: boolean;
    if_match: boolean;
    idempotent: boolean;
}

export const routes: Route[] = JSON.parse(readFileSync(join(build, "server/routes.json"), "utf8"));
export const nameOf = (route: Route) => `${route.method} ${route.path}`;
export const reads = (route: Route) => route.scope?.endsWith(":read") ?? false;

// The least value that the schema allows.
export function sample(of: any): any {
    const schema = resolveSchema(of);
    if (schema.const !== undefined || schema.enum) {
        return schema.const ?? schema.enum[0];
    }
    const branch = schema.oneOf ?? schema.anyOf;
    if (branch) {
        return sample(branch[0]);
    }
    if (schema.allOf) {
        return Object.assign({}, ...schema.allOf.map(sample));
    }
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
        case "object":
            return Object.fromEntries(
                [...(schema.required ?? []), ...Object.keys(schema.properties ?? {}).slice(0, (schema.required ?? []).length ? 0 : 1)].map((name: string) => [
                    name,
                    sample(schema.properties[name]),
                ]),
            );
        case "array":
            return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items));
        case "integer":
        case "number":
            return schema.minimum ?? 1;
        case "boolean":
            return true;
        default:
            return sampleString(schema);
    }
}

function sampleString(schema: any): string {
    if (schema.examples?.length) {
        return schema.examples[0];
    }
    const known: Record<string, string> = { uuid: randomUUID(), "date-time": "2030-01-01T00:00:00Z", email: "someone@example.org", uri: "https://example.org/" };
    return known[schema.format] ?? "abcdefgh".padEnd(Math.min(schema.minLength ?? 0, 200), "x").slice(0, schema.maxLength ?? 100);
}

const operationOf = (route: Route) =>
    operations.find(({ method, path }) => method.toUpperCase() === route.method && path.replace(/\{[^}]*\}/, "{id}") === route.path)?.operation;

export function sampleBody(route: Route): object | undefined {
    const content = operationOf(route)?.requestBody?.content?.["application/json"];
    return route.takes_body && content ? sample(content.schema) : undefined;
}

// The query that it cannot do without; "" if there is none.
export function sampleQuery(route: Route): string {
    const needed = (operationOf(route)?.parameters ?? []).map(resolveSchema).filter((one: any) => one.in === "query" && one.required);
    return needed.map((one: any, i: number) => `${i ? "&" : "?"}${one.name}=${encodeURIComponent(sample(one.schema))}`).join("");
}
