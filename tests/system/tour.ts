// What a newcomer does in the panel of an installation: node tour.js URL, with CROFT_TOUR_EMAIL and CROFT_TOUR_PASSWORD of its owner.
// Signs in, makes a vps, watches it start, types into its console. Ends with a sentence and 1 where that is not possible.
import { Browser } from "./harness/browser.js";
import { until } from "./harness/command.js";
import { Sandbox } from "./harness/sandbox.js";

const [url] = process.argv.slice(2);
const { CROFT_TOUR_EMAIL: email, CROFT_TOUR_PASSWORD: password } = process.env;
if (!url || !email || !password) {
    console.error("usage: CROFT_TOUR_EMAIL=E CROFT_TOUR_PASSWORD=P node tour.js URL");
    process.exit(2);
}

const sandbox = new Sandbox();
const browser = await Browser.open(sandbox, url);
try {
    const window = await browser.window();
    const { page } = window;
    await window.signIn({ email, password }, "/vps/new");
    await page.getByRole("textbox", { name: "Name" }).fill("from-the-panel");
    for (const group of ["Location", "Image", "Plan"]) {
        await page.getByRole("radiogroup", { name: group }).getByRole("radio").first().check({ force: true });
    }
    await window.button("Create VPS").click();
    await window.heading("from-the-panel").waitFor();
    await page.locator(".dot + *", { hasText: /^Running$/ }).first().waitFor({ timeout: 120_000 });
    await page.getByRole("tab", { name: "Console" }).click();
    await page.getByText("Connected").waitFor();
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.type("echo from $((40+2))\n");
    await until("the console answers", () => page.evaluate(() => document.querySelector(".xterm-rows")?.textContent?.includes("from 42")));
    await window.picture("quickstart-console");
    const complaints = window.calm();
    if (complaints.length > 0) {
        throw new Error(complaints.join("\n"));
    }
    console.log("signed in, made a vps, saw it run, used its console");
} finally {
    await browser.close();
    await sandbox.close();
}
