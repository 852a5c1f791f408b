// What jsdom lacks and the kit asks for.
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

window.matchMedia ??= (query) =>
    ({ matches: false, media: query, onchange: null, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {}, dispatchEvent: () => false }) as MediaQueryList;
window.ResizeObserver ??= class {
    observe() {}
    unobserve() {}
    disconnect() {}
};

afterEach(cleanup);
