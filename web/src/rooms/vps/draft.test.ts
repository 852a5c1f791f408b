import { describe, expect, test } from "vitest";
import { bodyOf, curlOf, emptyDraft, keysToKeep, labelsOf } from "./draft";
import { draftOf, newRule, rowOf, ruleOf } from "./network/rules";

const whole = { ...emptyDraft, name: "web1", location: "l", image: "i", plan: "p" };

describe("the order of a vps", () => {
    test("is there once it can be", () => {
        expect(bodyOf(emptyDraft)).toBeUndefined();
        expect(bodyOf({ ...whole, plan: undefined })).toBeUndefined();
        expect(bodyOf(whole)).toEqual({ name: "web1", plan_id: "p", image_id: "i", location_id: "l" });
    });

    test("has what was filled in", () => {
        const body = bodyOf({ ...whole, keys: " ssh-ed25519 A a \n\nssh-rsa B\n", labels: ["env=prod", "web"], start: false, protection: true, userData: "#!/bin/sh\n" });
        expect(body).toMatchObject({ ssh_keys: ["ssh-ed25519 A a", "ssh-rsa B"], labels: { env: "prod", web: "" }, start: false, protection: true, user_data: "#!/bin/sh\n" });
    });

    test("labels are labels", () => {
        expect(labelsOf(["a=b=c"])).toBeUndefined();
        expect(labelsOf(["with blank=x"])).toBeUndefined();
        expect(labelsOf(["=x"])).toBeUndefined();
        expect(labelsOf(["a/b.c=x@y:1"])).toEqual({ "a/b.c": "x@y:1" });
    });

    test("keys to be kept are called by their comments, each by a name of its own", () => {
        const long = "x".repeat(70);
        const names = (texts: string[], taken: string[]) => keysToKeep(texts, taken).map((one) => one.name);
        expect(names(["ssh-rsa AAAA ada@desk", "ssh-rsa BBBB ada@desk", "ssh-rsa CCCC"], ["ada@desk"])).toEqual(["ada@desk 2", "ada@desk 3", "ssh-rsa …CCCC"]);
        expect(names([`ssh-rsa AAAA ${long}`, `ssh-rsa BBBB ${long}`], [])).toEqual(["x".repeat(63), `${"x".repeat(61)} 2`]);
        expect(keysToKeep(["ssh-rsa AAAA a"], [])).toEqual([{ name: "a", public_key: "ssh-rsa AAAA a" }]);
    });

    test("as curl, a quote ends nothing", () => {
        expect(curlOf("https://croft.test", { user_data: "it's" })).toContain(`it'\\''s`);
    });
});

describe("a firewall rule", () => {
    test("goes into fields and back", () => {
        const rule = { direction: "in", action: "accept", protocol: "tcp", ports: ["22", "8000-8080"], cidrs: ["192.0.2.0/24"], address_sets: null, note: "ssh" } as const;
        expect(ruleOf(draftOf({ ...rule, ports: [...rule.ports], cidrs: [...rule.cidrs] }))).toEqual(rule);
    });

    test("without ports where there are none", () => {
        expect(ruleOf(newRule({ protocol: "icmp", ports: "22" })).ports).toBeNull();
    });

    test("is found by a problem's place", () => {
        expect(rowOf("/rules/12/ports/0")).toBe(12);
        expect(rowOf("/policy_in")).toBeUndefined();
    });
});
