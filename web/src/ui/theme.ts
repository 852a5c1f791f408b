// Colours and sizes. The kit's own grey for secondary text is too pale for WCAG AA; both schemes have one here that is not.
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const croft: MantineColorsTuple = ["#e6f7f2", "#cdeee4", "#9cdcc8", "#67c9aa", "#3cb890", "#1fa47d", "#128a68", "#0b7256", "#075b45", "#034434"];

export const theme = createTheme({
    primaryColor: "croft",
    primaryShade: { light: 7, dark: 7 },
    colors: { croft },
    defaultRadius: "md",
    fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif',
    fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
    headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.05rem" }, h3: { fontSize: "0.95rem" } } },
    cursorType: "pointer",
    respectReducedMotion: true,
    components: {
        Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.5, blur: 2 }, transitionProps: { duration: 120 } } },
        Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
        Select: { defaultProps: { checkIconPosition: "right", comboboxProps: { transitionProps: { duration: 80 } } } },
    },
});

export const variables: CSSVariablesResolver = () => ({
    variables: { "--croft-bar": "54px" },
    light: {
        "--mantine-color-body": "#f7f8f8",
        "--mantine-color-dimmed": "#5a636b",
        "--mantine-color-placeholder": "#6b747c",
        "--mantine-color-error": "#c2252b",
        "--mantine-color-anchor": "#0b7256",
        "--croft-paper": "#ffffff",
        "--croft-line": "#e1e5e7",
        "--croft-hover": "#f1f4f4",
        "--croft-good": "#128a68",
        "--croft-busy": "#1971c2",
        "--croft-warn": "#c2670b",
        "--croft-bad": "#d0282f",
        "--croft-idle": "#7b858d",
        "--croft-line-1": "#128a68",
        "--croft-line-2": "#3b6fd4",
    },
    dark: {
        "--mantine-color-body": "#15191b",
        "--mantine-color-dimmed": "#a3adb4",
        "--mantine-color-placeholder": "#929ca3",
        "--mantine-color-error": "#ff8787",
        "--mantine-color-anchor": "#67c9aa",
        "--croft-paper": "#1c2124",
        "--croft-line": "#31383c",
        "--croft-hover": "#242a2e",
        "--croft-good": "#3cb890",
        "--croft-busy": "#4dabf7",
        "--croft-warn": "#ffa94d",
        "--croft-bad": "#ff6b6b",
        "--croft-idle": "#8b959c",
        "--croft-line-1": "#3cb890",
        "--croft-line-2": "#74a5ff",
    },
});
