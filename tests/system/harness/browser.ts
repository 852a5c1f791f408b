// A browser (Debian's chromium) on the panel of a test's server. What the page complains of (a script's error, a breach of the policy)
// fails the test that asks `calm()`.
import { mkdirSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import axe from "axe-core";
import { chromium, type Browser as Chromium, type BrowserContext, type Locator, type Page } from "playwright-core";
import { quote, type Sandbox } from "./sandbox.js";

const program = process.env.CROFT_CHROMIUM ?? "/usr/bin/chromium";
const artifacts = process.env.CROFT_ARTIFACTS; // where pictures of the screens are kept

const flags = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en",
];

export const desktop = { width: 1280, height: 860 };
export const phone = { width: 360, height: 740 };

export interface Look {
    name: string;
    size: typeof desktop;
    scheme: "light" | "dark";
    rules: boolean;
}

// Each theme and each width is looked at by the rules; the other two are for who wants to see them.
const allLooks: Look[] = [
    { name: "light", size: desktop, scheme: "light", rules: true },
    { name: "phone-dark", size: phone, scheme: "dark", rules: true },
    { name: "dark", size: desktop, scheme: "dark", rules: false },
    { name: "phone", size: phone, scheme: "light", rules: false },
];
const looks = () => allLooks.filter((one) => one.rules || artifacts);

// The rules of WCAG that are held.
const rules: axe.RunOptions = { resultTypes: ["violations"], runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };

export interface Screen {
    name: string; // of its picture
    path: string;
    heading?: RegExp;
}

export interface WindowOptions {
    size?: typeof desktop;
    scheme?: "light" | "dark";
    language?: "en" | "de";
}

export class Window {
    readonly complaints: string[] = [];

    constructor(
        readonly page: Page,
        readonly context: BrowserContext,
        readonly url: string,
    ) {
        page.on("pageerror", (error) => this.complaints.push(String(error)));
        page.on("console", (message) => {
            // An answer that is no success is the browser's to list, and often what a test is about.
            if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
                this.complaints.push(message.text());
            }
        });
        page.setDefaultTimeout(30_000);
    }

    async go(path: string): Promise<void> {
        // A network link that another test makes or takes away ends what the browser loads just then; people would press reload.
        await this.page.goto(this.url + path).catch((error: Error) => {
            if (!error.message.includes("ERR_NETWORK_CHANGED")) {
                throw error;
            }
            return this.page.goto(this.url + path);
        });
    }

    // Within the panel, as its own links go: the page is not loaded anew.
    async visit(path: string): Promise<void> {
        await this.page.evaluate((to) => history.pushState(null, "", to), path);
    }

    // Signs in by hand, as people do.
    async signIn(who: { email: string; password: string }, path = "/"): Promise<void> {
        await this.go(path);
        await this.page.getByLabel("E-mail address").fill(who.email);
        await this.page.getByLabel("Password", { exact: true }).fill(who.password);
        await this.page.getByRole("button", { name: "Sign in" }).click();
        await this.page.getByRole("navigation").first().waitFor({ state: "attached" });
    }

    heading(name: string | RegExp): Locator {
        return this.page.getByRole("heading", { level: 1, name });
    }

    button(name: string | RegExp, within: Page | Locator = this.page): Locator {
        return within.getByRole("button", { name, exact: typeof name === "string" });
    }

    dialog(name?: string | RegExp): Locator {
        return this.page.getByRole("dialog", { name });
    }

    // Rules of WCAG that the screen breaks, a line each. The checker stays in the page, where it is put once: the panel has no frames.
    async violations(): Promise<string[]> {
        if (!(await this.page.evaluate(() => "axe" in window))) {
            await this.page.evaluate(axe.source);
        }
        const found = await this.page.evaluate((options) => (window as unknown as { axe: typeof axe }).axe.run(document, options).then(({ violations }) => violations), rules);
        return found.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`).slice(0, 3).join(" | ")}`);
    }

    // Pixels by which the page is wider than the window.
    overflow(): Promise<number> {
        return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    }

    // Has read all that it shows, and moves no more but for what moves for ever.
    async settled(): Promise<void> {
        await this.page.waitForFunction(() => {
            const moves = document.getAnimations().some((one) => one.playState === "running" && one.effect?.getComputedTiming().iterations !== Infinity);
            return !moves && document.querySelector("h1")?.checkVisibility() && !document.querySelector("main [aria-busy=true]");
        });
    }

    // What is wrong with the screen that is shown, in each theme and at each width: too wide, against a rule, complaints. Keeps pictures.
    async looked(name: string): Promise<string[]> {
        const broken: string[] = [];
        for (const how of looks()) {
            await this.page.setViewportSize(how.size);
            await this.page.emulateMedia({ colorScheme: how.scheme });
            await this.page.waitForFunction((scheme) => document.documentElement.dataset.mantineColorScheme === scheme, how.scheme);
            await this.settled();
            const wider = await this.narrowed();
            await this.picture(`${name}-${how.name}`, this.page, how.size === phone);
            broken.push(...[...(wider > 0 ? [`${wider} pixels wider than the window`] : []), ...(how.rules ? await this.violations() : []), ...this.calm()].map((one) => `${name}, ${how.name}: ${one}`));
        }
        return broken;
    }

    // Goes from screen to screen as the panel's own links do, and looks at each.
    async lookedThrough(screens: Screen[]): Promise<string[]> {
        const broken: string[] = [];
        for (const { name, path, heading } of screens) {
            await this.visit(path);
            await this.heading(heading ?? /./).waitFor();
            broken.push(...(await this.looked(name)));
        }
        return broken;
    }

    // Pixels by which the page is still wider than the window when what follows its size has had a moment to do so.
    private async narrowed(): Promise<number> {
        await this.page.waitForFunction(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth, undefined, { timeout: 1_000 }).catch(() => undefined);
        return this.overflow();
    }

    // whole: with what is below the fold.
    async picture(name: string, of: Page | Locator = this.page, whole = false): Promise<void> {
        if (artifacts) {
            mkdirSync(artifacts, { recursive: true });
            // Of a part of the page, nothing that floats above it.
            await of.screenshot({ path: `${artifacts}/${name}.png`, animations: "disabled", ...(whole && { fullPage: true }), ...(of !== this.page && { style: "header, .toasts { visibility: hidden }" }) });
        }
    }

    calm(): string[] {
        return this.complaints.splice(0);
    }
}

export class Browser {
    private constructor(
        readonly sandbox: Sandbox,
        readonly url: string,
        readonly chromium: Chromium,
    ) {}

    static async open(sandbox: Sandbox, url: string): Promise<Browser> {
        const home = await mkdtemp("/tmp/croft-browser-");
        sandbox.undo(`rm -rf ${quote(home)}`);
        const browser = await chromium.launch({ executablePath: program, args: flags, env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home } });
        return new Browser(sandbox, url, browser);
    }

    async window(options: WindowOptions = {}): Promise<Window> {
        const context = await this.chromium.newContext({
            viewport: options.size ?? desktop,
            colorScheme: options.scheme ?? "light",
            locale: options.language === "de" ? "de-DE" : "en-GB",
            reducedMotion: "reduce",
        });
        return new Window(await context.newPage(), context, this.url);
    }

    async close(): Promise<void> {
        await this.chromium.close();
    }
}

