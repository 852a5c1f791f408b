// The contract as a judge: every answer that a test sees is checked against docs/openapi.yaml. A path,
// a status, a header or a field that is not in it fails the test.
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { parse } from "yaml";
import { root } from "./paths.js";

interface Answer {
    method: string;
    path: string; // as it was sent, without the query
    status: number;
    headers: Headers;
    body: string;
}

type Node = Record<string, any>;
const document: Node = parse(readFileSync(`${root}/docs/openapi.yaml`, "utf8"));
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
(formats as unknown as (ajv: unknown) => void)(ajv);
ajv.addSchema(document, "openapi");

const templates = Object.keys(document.paths).map((template) => ({
    template,
    fixed: (template.match(/\{/g) ?? []).length,
    pattern: new RegExp(`^${template.replace(/[.]/g, "\\.").replace(/\{[^}]*\}/g, "[^/]+")}$`),
}));
templates.sort((a, b) => a.fixed - b.fixed);

export const operations: { method: string; path: string; operation: Node }[] = Object.entries(
    document.paths as Record<string, Node>,
).flatMap(([path, item]) =>
    Object.entries(item)
        .filter(([method]) => ["get", "post", "put", "patch", "delete"].includes(method))
        .map(([method, operation]) => ({ method, path, operation: operation as Node })),
);

const escape = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1").replace(/[{}]/g, encodeURIComponent);

// Follows a $ref, so that the pointer of what is meant is known.
function resolve(pointer: string[]): { node: Node | undefined; pointer: string[] } {
    const node = pointer.reduce<Node | undefined>((at, key) => at?.[key], document);
    if (node?.$ref) {
        return resolve((node.$ref as string).slice(2).split("/"));
    }
    return { node, pointer };
}

export const resolveSchema = (schema: Node): Node => (schema.$ref ? resolve((schema.$ref as string).slice(2).split("/")).node! : schema);

function validator(pointer: string[]): ValidateFunction {
    const reference = `openapi#/${pointer.map(escape).join("/")}`;
    return ajv.getSchema(reference) ?? ajv.compile({ $ref: reference });
}

function fail(answer: Answer, what: string): never {
    const body = answer.body.length > 2000 ? `${answer.body.slice(0, 2000)}…` : answer.body;
    throw new Error(`${answer.method} ${answer.path} ${answer.status}: ${what}\n${body}`);
}

function checkBody(answer: Answer, content: Node | undefined, pointer: string[]): void {
    if (!content) {
        if (answer.body !== "") {
            fail(answer, "a body where the contract has none");
        }
        return;
    }
    const type = (answer.headers.get("content-type") ?? "").split(";")[0]!.trim();
    if (!content[type]) {
        fail(answer, `content type ${type}, not ${Object.keys(content)}`);
    }
    if (type.endsWith("json")) {
        let value: unknown;
        try {
            value = JSON.parse(answer.body);
        } catch (error) {
            fail(answer, String(error));
        }
        const validate = validator([...pointer, "content", type, "schema"]);
        if (!validate(value)) {
            fail(answer, ajv.errorsText(validate.errors, { dataVar: "body" }));
        }
    }
}

function checkHeaders(answer: Answer, response: Node): void {
    for (const [name, at] of Object.entries((response.headers ?? {}) as Node)) {
        const pointer = (at as Node).$ref ? ((at as Node).$ref as string).slice(2).split("/") : [];
        const value = answer.headers.get(name);
        // Link is absent on the last page, Retry-After where nobody knows.
        if (value === null && !["Link", "Retry-After", "Set-Cookie"].includes(name)) {
            fail(answer, `header ${name} is missing`);
        }
        const schema = resolve(pointer).node?.schema as Node | undefined;
        if (value !== null && schema?.pattern && !new RegExp(schema.pattern as string).test(value)) {
            fail(answer, `header ${name}: ${value}`);
        }
    }
}

function checkProblem(answer: Answer): void {
    const problem = JSON.parse(answer.body);
    if (problem.status !== answer.status || problem.instance !== answer.headers.get("x-request-id")) {
        fail(answer, "status or instance of the problem is not that of the answer");
    }
}

export function checkAnswer(answer: Answer): void {
    const known = templates.find(({ pattern }) => pattern.test(answer.path));
    const operation = known && document.paths[known.template][answer.method.toLowerCase()];
    if (!operation) {
        // Outside the contract there are only problems.
        if (answer.status < 400 || ![400, 404, 405, 413, 414, 431, 501].includes(answer.status)) {
            fail(answer, "not in the contract");
        }
        checkBody(answer, { "application/problem+json": {} }, ["components", "responses", "NotFound"]);
        checkProblem(answer);
        return;
    }
    const { node, pointer } = resolve(["paths", known.template, answer.method.toLowerCase(), "responses", String(answer.status)]);
    if (!node) {
        fail(answer, "a status that the contract does not have here");
    }
    checkBody(answer, node.content, pointer);
    checkHeaders(answer, node);
    if (answer.status >= 400) {
        checkProblem(answer);
    }
}
