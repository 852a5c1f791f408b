import { render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import { DataTable } from "./DataTable";
import { UiProvider } from "./Provider";
import { Empty } from "./States";

interface Thing {
    id: string;
    name: string;
}

function show(list: Partial<Parameters<typeof DataTable<Thing>>[0]["list"]>) {
    const whole = { items: undefined, problem: undefined, pending: false, stale: false, retry: vi.fn(), more: undefined, loadingMore: false, ...list };
    render(
        <UiProvider>
            <DataTable<Thing> label="things" list={whole} id={(one) => one.id} columns={[{ head: "Name", cell: (one) => one.name }]} empty={<Empty title="None" />} />
        </UiProvider>,
    );
    return whole;
}

test("while it is read, it says so", () => {
    show({ pending: true });
    expect(screen.getByRole("status", { name: "Loading" })).toBeTruthy();
});

test("with nothing in it, it says what could be", () => {
    show({ items: [] });
    expect(screen.getByText("None")).toBeTruthy();
});

test("what one may not see is said in a sentence", () => {
    show({ problem: new Problem(403, "forbidden", "Your role may not.") });
    expect(screen.getByRole("alert").textContent).toContain("Your role may not. Ask an owner or admin");
});

test("what went wrong can be tried again, and what was there stays", () => {
    const list = show({ items: [{ id: "1", name: "one" }], problem: new Problem(503, "unavailable", "") });
    expect(screen.getByRole("cell").textContent).toBe("one");
    screen.getByRole("button", { name: "Try again" }).click();
    expect(list.retry).toHaveBeenCalled();
});

test("text that looks like HTML is text", () => {
    show({ items: [{ id: "1", name: "<img src=x onerror=alert(1)>" }] });
    expect(screen.getByRole("cell").textContent).toBe("<img src=x onerror=alert(1)>");
    expect(document.querySelector("td img")).toBeNull();
});
