import { describe, expect, test } from "vitest";
import { asProblem, problemOf } from "./problem";

const answer = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers });

describe("problems", () => {
    test("are those of the API, with their places", () => {
        const problem = problemOf(answer(422), { code: "invalid_value", detail: "No.", errors: [{ pointer: "/ssh_keys/3", detail: "Not a key." }], instance: "r" });
        expect(problem.code).toBe("invalid_value");
        expect(problem.at("ssh_keys")).toBe("Not a key.");
        expect(problem.at("ssh")).toBeUndefined();
        expect(problem.passing).toBe(false);
    });

    test("of a proxy show nothing of its page", () => {
        const problem = problemOf(answer(502), "<html>bad gateway</html>");
        expect([problem.code, problem.detail, problem.passing]).toEqual(["unavailable", "", true]);
    });

    test("say how long to wait, if that is a number", () => {
        expect(problemOf(answer(429, { "Retry-After": "7" }), { code: "rate_limited" }).retryAfter).toBe(7);
        expect(problemOf(answer(429, { "Retry-After": "Wed, 21 Oct" }), { code: "rate_limited" }).retryAfter).toBeUndefined();
    });

    test("of the network are one kind", () => {
        expect(asProblem(new TypeError("Failed to fetch")).code).toBe("away");
        expect(asProblem(new DOMException("", "AbortError")).code).toBe("away");
        expect(asProblem(new Error("x")).code).toBe("internal");
    });
});
