// A terminal in the page. Bytes of the guest go to xterm and nowhere else; its title, its links, its clipboard are not ours to follow.
import "@xterm/xterm/css/xterm.css";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "react";
import { api, must } from "../../api/client";
import { asProblem, type Problem } from "../../api/problem";
import type { Vps } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { Button, Group, SegmentedControl, Stack, Text } from "../../ui/kit";
import { Empty, ProblemNote } from "../../ui/States";
import { Status, type Tone } from "../../ui/Status";
import { ConsoleLine } from "./console-line";

type Kind = "login" | "shell";
interface Line {
    phase: "connecting" | "open" | "closed" | "failed";
    reason?: string;
    problem?: Problem;
}

function makeTerminal(into: HTMLElement, label: string): { terminal: Terminal; fit: FitAddon } {
    const terminal = new Terminal({ fontSize: 13, fontFamily: 'Menlo, Consolas, "DejaVu Sans Mono", monospace', cursorBlink: true, scrollback: 5_000, screenReaderMode: false, theme: { background: "#0d1011" } });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(into);
    terminal.textarea?.setAttribute("aria-label", label);
    fit.fit();
    return { terminal, fit };
}

// Ctrl+Shift+C and V are the browser's; all else is the guest's, Tab too: Ctrl+Shift+Escape leaves the terminal.
function keysOf(terminal: Terminal): void {
    terminal.attachCustomKeyEventHandler((event) => {
        if (event.ctrlKey && event.shiftKey && event.code === "Escape") {
            terminal.blur();
            document.getElementById("console-leave")?.focus();
            return false;
        }
        return !(event.ctrlKey && event.shiftKey && (event.code === "KeyC" || event.code === "KeyV"));
    });
}

function useConsole(vps: Vps, kind: Kind, round: number) {
    const t = useT();
    const box = useRef<HTMLDivElement>(null);
    const [line, setLine] = useState<Line>({ phase: "connecting" });
    useEffect(() => {
        const { terminal, fit } = makeTerminal(box.current!, t("console.of", { name: vps.name }));
        keysOf(terminal);
        const connection = new ConsoleLine(terminal, (phase, reason) => setLine({ phase, reason }));
        const ask = async () => {
            setLine({ phase: "connecting" });
            const ticket = await must(api.POST("/v1/vps/{id}/console", { params: { path: { id: vps.id } }, body: { kind } }));
            connection.open(ticket);
        };
        ask().catch((error: unknown) => setLine({ phase: "failed", problem: asProblem(error) }));
        const watch = new ResizeObserver(() => fit.fit());
        watch.observe(box.current!);
        terminal.focus();
        return () => {
            watch.disconnect();
            connection.close();
            terminal.dispose();
        };
    }, [vps.id, kind, round]);
    return { box, line };
}

const tones: Record<Line["phase"], Tone> = { connecting: "busy", open: "good", closed: "idle", failed: "bad" };

function Screen({ vps, kind, choose }: { vps: Vps; kind: Kind; choose: (kind: Kind) => void }) {
    const t = useT();
    const word = useWord();
    const [round, setRound] = useState(0);
    const { box, line } = useConsole(vps, kind, round);
    const ended = line.phase === "closed" || line.phase === "failed";
    return (
        <Stack gap="sm">
            <Group justify="space-between" gap="xs">
                <SegmentedControl
                    size="xs"
                    aria-label={t("console.kind")}
                    value={kind}
                    onChange={(value) => choose(value as Kind)}
                    data={[
                        { value: "shell", label: t("console.shell") },
                        { value: "login", label: t("console.login") },
                    ]}
                />
                <Group gap="sm">
                    <Status tone={tones[line.phase]}>{line.reason ? word("console.reason", line.reason) : t(`console.${line.phase}`)}</Status>
                    <Button id="console-leave" size="xs" variant="default" disabled={!ended} onClick={() => setRound(round + 1)}>
                        {t("console.again")}
                    </Button>
                </Group>
            </Group>
            <ProblemNote problem={line.problem} />
            <div ref={box} className="console-box" data-testid="terminal" />
            <Text size="xs" c="dimmed">
                {t("console.leave")}
            </Text>
        </Stack>
    );
}

export default function ConsoleTab({ vps }: { vps: Vps }) {
    const t = useT();
    const [kind, setKind] = useState<Kind>("shell");
    if (vps.observed !== "running" || vps.frozen) {
        return <Empty title={t("console.stopped")} text={t("console.stopped.text")} />;
    }
    return <Screen vps={vps} kind={kind} choose={setKind} />;
}
