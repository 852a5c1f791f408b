import { Button, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useStore } from "../api/store";
import { language, languages, setLanguage, useT } from "../i18n";

export function LanguageMenu() {
    const t = useT();
    const now = useStore(language);
    return (
        <Menu position="bottom-end">
            <Menu.Target>
                <Button variant="subtle" color="gray" size="compact-sm" c="var(--mantine-color-text)" aria-label={t("language")}>
                    {now.toUpperCase()}
                </Button>
            </Menu.Target>
            <Menu.Dropdown>
                {languages.map((one) => (
                    <Menu.Item key={one.value} onClick={() => setLanguage(one.value)} lang={one.value}>
                        {one.label}
                    </Menu.Item>
                ))}
            </Menu.Dropdown>
        </Menu>
    );
}

export function SchemeButton() {
    const t = useT();
    const { setColorScheme } = useMantineColorScheme();
    const now = useComputedColorScheme("light");
    return (
        <Button
            variant="subtle"
            size="compact-sm"
            color="gray"
            c="var(--mantine-color-text)"
            aria-label={t(now === "dark" ? "scheme.light" : "scheme.dark")}
            onClick={() => setColorScheme(now === "dark" ? "light" : "dark")}
        >
            {now === "dark" ? "☀" : "☾"}
        </Button>
    );
}
