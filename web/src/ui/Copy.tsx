import { Button } from "@mantine/core";
import { useState } from "react";
import { useT } from "../i18n";

// Without https a page may not use the clipboard: then a text field, selected, does.
async function copy(text: string): Promise<void> {
    if (navigator.clipboard) {
        return navigator.clipboard.writeText(text);
    }
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
}

export function CopyButton({ text, label }: { text: string; label?: string }) {
    const t = useT();
    const [done, setDone] = useState(false);
    const act = async () => {
        await copy(text).catch(() => undefined);
        setDone(true);
        setTimeout(() => setDone(false), 2_000);
    };
    return (
        <Button size="compact-xs" variant="default" onClick={() => void act()} style={{ flex: "none" }}>
            {done ? t("copied") : (label ?? t("copy"))}
        </Button>
    );
}
