import { describe, expect, test } from "vitest";
import { orderEach } from "./many";
import { asProblem, Problem, problemOf } from "./problem";

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

describe("an order for many", () => {
    test("reaches all of them, and tells who refused", async () => {
        const asked: number[] = [];
        const refused = await orderEach([1, 2, 3, 4, 5, 6, 7], async (one) => {
            asked.push(one);
            if (one % 3 === 0) {
                throw new Problem(409, "conflict", `${one} is busy.`);
            }
        });
        expect(asked.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
        expect(refused.map(({ of, problem }) => [of, problem.detail])).toEqual([
            [3, "3 is busy."],
            [6, "6 is busy."],
        ]);
        expect(await orderEach([], () => Promise.reject(new Error("never")))).toEqual([]);
    });
});
