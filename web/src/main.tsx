import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/problem";
import { start } from "./api/session";
import { App } from "./app";
import { language } from "./i18n";
import { UiProvider } from "./ui/Provider";

const queries = new QueryClient({
    defaultOptions: {
        queries: {
            staleTime: 20_000,
            refetchOnWindowFocus: false, // the event stream says when
            networkMode: "always", // a server on this machine answers without a network
            retry: (count, error) => error instanceof Problem && error.passing && count < 3,
            retryDelay: (count, error) => (error instanceof Problem && error.retryAfter ? error.retryAfter * 1000 : 800 * 2 ** count),
        },
        mutations: { networkMode: "always", retry: false },
    },
});

// A room's file is gone when the panel was updated meanwhile: the new page knows the new names. Once, or it would go round.
window.addEventListener("vite:preloadError", (event) => {
    if (sessionStorage.getItem("croft.reloaded") !== location.pathname) {
        event.preventDefault();
        sessionStorage.setItem("croft.reloaded", location.pathname);
        location.reload();
    }
});

document.documentElement.lang = language.get();
void start();
createRoot(document.getElementById("root")!).render(
    <StrictMode>
        <QueryClientProvider client={queries}>
            <UiProvider>
                <App />
            </UiProvider>
        </QueryClientProvider>
    </StrictMode>,
);
