// Bodies and queries that a client should not send, made from what docs/openapi.yaml says of each operation, so that a new
// endpoint is tested without being named. The contract's own schemas decide what is wrong.
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { randomUUID } from "node:crypto";
import { resolveSchema } from "./contract.js";

export type Schema = Record<string, any>;

// One request body: text as it is sent, the place that must be named ("" for none), and whether the contract allows it.
export interface Hostile {
    what: string;
    text: string | Buffer;
    pointer: string;
    legal: boolean;
}

const ajv = new Ajv2020({ strict: false, validateFormats: true });
(formats as unknown as (ajv: unknown) => void)(ajv);

// A schema with every $ref replaced; ours do not refer to themselves.
export function flat(schema: Schema): Schema {
    const { $ref, ...rest } = schema;
    const whole = $ref ? { ...resolveSchema({ $ref }), ...rest } : rest;
    return Object.fromEntries(
        Object.entries(whole).map(([key, value]) => {
            if (Array.isArray(value)) {
                return [key, value.map((one) => (one && typeof one === "object" ? flat(one) : one))];
            }
            return [key, value && typeof value === "object" && key !== "examples" && key !== "default" ? flat(value as Schema) : value];
        }),
    );
}

const alternative = (schema: Schema): Schema => (schema.oneOf ?? schema.anyOf)?.find((one: Schema) => one.type !== "null") ?? schema;
export const typeOf = (schema: Schema): string => [alternative(schema).type].flat().find((type) => type !== "null") ?? "object";

// Something that the schema allows. known gives values of fields that must name what exists.
export function sample(schema: Schema, name: string, known: Record<string, unknown>): unknown {
    const one = alternative(schema);
    if (name in known) {
        return known[name];
    }
    if (one.const !== undefined || one.enum) {
        return one.const ?? one.enum[0];
    }
    switch (typeOf(one)) {
        case "object":
            return Object.fromEntries((one.required ?? []).map((key: string) => [key, sample(one.properties[key], key, known)]));
        case "array":
            return Array.from({ length: one.minItems ?? 0 }, () => sample(one.items, "", known));
        case "integer":
        case "number":
            return one.minimum ?? 1;
        case "boolean":
            return false;
        default:
            return text(one);
    }
}

function text(schema: Schema): string {
    const candidates = [
        schema.examples?.[0], randomUUID(), "a@example.org", "2031-01-01T00:00:00Z", "4.00", "EUR", "192.0.2.0/24", "a".repeat(64), "a".repeat(128),
        "a", "read", "https://example.org/hook", "123456", "x".repeat(Math.max(schema.minLength ?? 1, 12)),
    ];
    const check = ajv.compile(schema);
    return candidates.find((one) => typeof one === "string" && check(one)) ?? "a";
}

// A value written as it stands: what JSON.stringify would not write.
class Raw {
    constructor(readonly text: string) {}
}

const texts = (schema: Schema): unknown[] => [
    "", "x".repeat((schema.maxLength ?? 70_000) + 1), "a\u0000b", "a\u0001b", "a\u001b[31mb", "a\u007fb", "a\u0085b", "a\nb\r\nc", "\u202eevil", "a\u2066b",
    new Raw('"\\ud800"'), new Raw('"\\udc00\\ud800"'), new Raw('"\\u0000"'), "<script>alert(1)</script>", "'; DROP TABLE vps; --", "$(reboot)", "../../etc/passwd",
    "%s%n%p", "{{7*7}}", "null", "true", "0", 0, 1.5, true, [], {}, ["a"],
];
// Of no use in any text, and refused in every one: control characters, and those that turn the direction of what stands beside them.
const unreadable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const isReadable = (value: unknown): boolean => (typeof value === "string" ? !unreadable.test(value) : !Array.isArray(value) || value.every(isReadable));

const numbers = (schema: Schema): unknown[] => [
    (schema.minimum ?? 0) - 1, schema.maximum !== undefined ? schema.maximum + 1 : 2 ** 53, -1, 1.5, -0.5, "1", "", "NaN", true, [], {}, 2 ** 53, -(2 ** 53),
    new Raw("1e400"), new Raw("-1e400"), new Raw("9223372036854775808"), new Raw("-9223372036854775809"), new Raw("99999999999999999999999999999999"),
    new Raw("NaN"), new Raw("Infinity"), new Raw("1.0"), new Raw("1e3"), new Raw("0x10"), new Raw("01"), new Raw("+1"), new Raw("-0.0"),
];

function wrong(schema: Schema, known: Record<string, unknown>): unknown[] {
    const one = alternative(schema);
    const values: unknown[] = [null];
    switch (typeOf(one)) {
        case "string":
            return values.concat(texts(one));
        case "integer":
        case "number":
            return values.concat(numbers(one));
        case "boolean":
            return values.concat(["true", 0, 1, [], {}]);
        case "array": {
            const good = sample({ ...one.items }, "", known);
            const many = Array.from({ length: (one.maxItems ?? 300) + 1 }, () => good);
            const items = one.items.type === "object" ? [0, "x", []] : texts(one.items).filter((value) => !(value instanceof Raw));
            return values.concat(["x", 1, {}, many], items.map((item) => [item]));
        }
        default:
            return values.concat(["x", 1, [], true]);
    }
}

function write(body: Record<string, unknown>, field: string, value: unknown): string {
    const mark = `mark-${randomUUID()}`;
    return value instanceof Raw ? JSON.stringify({ ...body, [field]: mark }).replace(`"${mark}"`, value.text) : JSON.stringify({ ...body, [field]: value });
}

const show = (value: unknown) => (value instanceof Raw ? value.text : JSON.stringify(value) ?? "").slice(0, 60);

function* fieldByField(schema: Schema, base: Record<string, unknown>, known: Record<string, unknown>): Generator<Hostile> {
    for (const [field, of] of Object.entries((schema.properties ?? {}) as Record<string, Schema>)) {
        const check = ajv.compile(of);
        for (const value of wrong(of, known)) {
            const legal = value instanceof Raw ? ["1.0", "1e3", "-0.0"].includes(value.text) : check(value) && isReadable(value);
            yield { what: `${field}: ${show(value)}`, text: write(base, field, value), pointer: `/${field}`, legal };
        }
        if (typeOf(of) === "object" && of.properties) { // one level down
            for (const inner of fieldByField(of, {}, known)) {
                yield { ...inner, what: `${field}.${inner.what}`, text: `{${JSON.stringify(base).slice(1, -1)}${Object.keys(base).length ? "," : ""}"${field}":${inner.text}}`, pointer: `/${field}${inner.pointer}` };
            }
        }
    }
}

// What nobody may set, unless the operation has a field of that name.
const forbidden = ["id", "tenant_id", "node_id", "price", "price_month", "state", "status", "desired", "observed", "generation", "version", "used", "role",
    "platform_role", "created_at", "updated_at", "deleted_at", "task_id", "id_base", "slot", "addresses", "reseller_id", "parent_id", "kind", "body", "__proto__", "constructor", ""];

function* wholeBodies(schema: Schema, base: Record<string, unknown>): Generator<Hostile> {
    for (const field of forbidden.filter((name) => !Object.hasOwn(schema.properties ?? {}, name) && schema.additionalProperties === false)) {
        const text = `{${JSON.stringify(base).slice(1, -1)}${Object.keys(base).length ? "," : ""}${JSON.stringify(field)}:"x"}`;
        yield { what: `unknown ${field}`, text, pointer: `/${field}`, legal: false };
    }
    for (const field of schema.required ?? []) {
        const { [field]: _, ...rest } = base;
        yield { what: `without ${field}`, text: JSON.stringify(rest), pointer: `/${field}`, legal: false };
    }
    const whole = JSON.stringify(base);
    const twice = Object.keys(base)[0];
    const more = [
        "{", "[", "]", "nul", "{'a':1}", '{"a":}', "\u{feff}{}", `${whole} ${whole}`, whole.replace(/}$/, ",}"), "[]", "null", "1", '"x"', "true",
        `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}`, `${"[".repeat(20_000)}${"]".repeat(20_000)}`, `{"a":${"[".repeat(40)}${"]".repeat(40)}}`,
        `{${Array.from({ length: 3000 }, (_, i) => `"k${i}":1`).join(",")}}`, ...(twice ? [`{"${twice}":1,"${twice}":2}`] : []),
    ];
    for (const text of more) {
        yield { what: text.slice(0, 40), text, pointer: "", legal: false };
    }
    yield { what: "invalid UTF-8", text: Buffer.from([0x7b, 0x22, 0x61, 0xff, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]), pointer: "", legal: false };
    yield { what: "an overlong slash", text: Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc0, 0xaf, 0x22, 0x7d]), pointer: "", legal: false };
}

export function* hostileBodies(operation: Schema, known: Record<string, unknown>): Generator<Hostile> {
    const content = operation.requestBody?.content?.["application/json"];
    if (content) {
        const schema = alternative(flat(content.schema));
        const base = sample(schema, "", known) as Record<string, unknown>;
        yield* fieldByField(schema, base, known);
        yield* wholeBodies(schema, base);
    }
}

// Queries as they are sent, each with the parameter that must be named ("" where the target cannot even be read).
export function* hostileQueries(operation: Schema): Generator<{ query: string; name: string; legal: boolean }> {
    const parameters = (operation.parameters ?? []).map((one: Schema) => flat(one)).filter((one: Schema) => one.in === "query");
    for (const { name, schema } of parameters) {
        // What else must be there is: the answer is about this one.
        const beside = parameters.filter((one: Schema) => one.required && one.name !== name).map((one: Schema) => `&${one.name}=${encodeURIComponent(String(sample(one.schema, one.name, {})))}`).join("");
        const check = ajv.compile(schema);
        const integer = typeOf(schema) === "integer";
        for (const value of ["", "x".repeat((schema.maxLength ?? 3000) + 1), "-1", "1.5", "99999999999999999999", "'--", "\u202e", "NaN", "<script>", "1e3", "0x1", " 1"]) {
            const legal = check(integer && /^-?\d{1,15}$/.test(value) ? Number(value) : value);
            yield { query: `${name}=${encodeURIComponent(value)}${beside}`, name, legal };
        }
        for (const value of ["%00", "%0a", "%ff", "%c0%af", "%zz", "%ed%a0%80"]) {
            yield { query: `${name}=${value}`, name: "", legal: false };
        }
        yield { query: `${name}=1&${name}=1`, name: "", legal: false };
    }
    for (const name of ["surprise", "tenant", "order_by", "__proto__", "limit%00"]) {
        yield { query: `${name}=1`, name: name.includes("%") ? "" : name, legal: false };
    }
}
