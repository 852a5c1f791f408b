// A panel to look at: node dist/panel.js makes an installation with a customer and an operator, prints how to get in, and stays until
// it is ended. With `npx vite` in web/ and CROFT_URL the sources are served instead of web/dist.
import { panelFolder } from "./harness/paths.js";
import { World } from "./harness/world.js";

async function main(): Promise<void> {
    const world = await World.create({ drivers: "real", server: { config: { panel: { dir: panelFolder } } } });
    const password = "operators pass phrase";
    await world.server.setPassword("operator@example.org", password);
    console.log(`${world.server.url}\n${world.customer.email} ${world.customer.password}\noperator@example.org ${password}`);
    await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
    await world.close();
}

await main();
