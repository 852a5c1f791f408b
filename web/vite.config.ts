import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
    plugins: [react()],
    build: {
        target: "es2022",
        manifest: "manifest.json", // what build/finish.mjs reads, and takes away
        modulePreload: { polyfill: false },
        assetsInlineLimit: 0, // the policy allows no data: but for images
        rollupOptions: {
            output: {
                manualChunks: (id) =>
                    id.includes("node_modules/react") || id.includes("node_modules/scheduler") ? "react" : id.includes("node_modules/@mantine") ? "kit" : undefined,
            },
        },
    },
    server: { proxy: { "/v1": { target: process.env.CROFT_URL ?? "http://127.0.0.1:8080", ws: true } } },
    test: { environment: "jsdom", setupFiles: ["./src/test-setup.ts"], include: ["src/**/*.test.{ts,tsx}"] },
});
