import "@mantine/core/styles.css";
import "./style.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import type { ReactNode } from "react";
import { theme, variables } from "./theme";
import { Toasts } from "./Toasts";

const scheme = localStorageColorSchemeManager({ key: "croft.scheme" });

export function UiProvider({ children }: { children: ReactNode }) {
    return (
        <MantineProvider theme={theme} cssVariablesResolver={variables} colorSchemeManager={scheme} defaultColorScheme="auto">
            {children}
            <Toasts />
        </MantineProvider>
    );
}
