// Dialogs: a form that keeps what was typed until the server has taken it, and one that asks before it destroys.
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useEffect, useRef, useState, type ReactNode } from "react";
import type { Problem } from "../api/problem";
import { useT } from "../i18n";
import { ProblemNote } from "./States";

interface FrameProps {
    title: string;
    close: () => void;
    size?: string;
    held?: boolean; // a click beside it does not close it: something may be typed in it
    children: ReactNode;
}

// The kit gives the focus back to who had it when it closes a dialog; ours are taken away while they are open.
function useFocusBack(): void {
    const before = useRef(document.activeElement as HTMLElement | null);
    useEffect(
        () => () => {
            setTimeout(() => (document.activeElement ?? document.body) === document.body && before.current?.isConnected && before.current.focus());
        },
        [],
    );
}

export function Dialog({ title, close, size, held, children }: FrameProps) {
    const t = useT();
    useFocusBack();
    return (
        <Modal opened onClose={close} title={title} size={size} closeOnClickOutside={!held} closeButtonProps={{ "aria-label": t("close") }}>
            {children}
        </Modal>
    );
}

interface FormProps extends FrameProps {
    submit: string;
    danger?: boolean;
    busy: boolean;
    problem: Problem | undefined;
    disabled?: boolean;
    onSubmit: () => void;
}

export function FormDialog({ submit, danger, busy, problem, disabled, onSubmit, ...frame }: FormProps) {
    const t = useT();
    return (
        <Dialog {...frame} held>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    onSubmit();
                }}
            >
                <Stack>
                    {frame.children}
                    <ProblemNote problem={problem} />
                    <Group justify="flex-end">
                        <Button variant="default" onClick={frame.close}>
                            {t("cancel")}
                        </Button>
                        <Button type="submit" color={danger ? "red.8" : undefined} loading={busy} disabled={disabled}>
                            {submit}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Dialog>
    );
}

interface ConfirmProps {
    title: string;
    text: ReactNode;
    submit: string;
    name?: string; // to be typed first, where there is no way back
    ready?: boolean; // whether what else it asks for is there
    run: () => Promise<boolean>;
    busy: boolean;
    problem: Problem | undefined;
    close: () => void;
    children?: ReactNode;
}

// As it is read: a browser shows many spaces as one.
const read = (text: string) => text.trim().replace(/\s+/g, " ");

export function ConfirmDialog({ title, text, submit, name, ready = true, run, busy, problem, close, children }: ConfirmProps) {
    const t = useT();
    const [typed, setTyped] = useState("");
    const act = async () => {
        if (await run()) {
            close();
        }
    };
    return (
        <FormDialog title={title} close={close} submit={submit} danger busy={busy} problem={problem} disabled={!ready || (name !== undefined && read(typed) !== read(name))} onSubmit={() => void act()}>
            <Text size="sm" component="div">
                {text}
            </Text>
            {children}
            {name !== undefined && (
                <TextInput {...(children ? {} : { "data-autofocus": true })} label={t("confirm.type", { name })} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" spellCheck={false} />
            )}
        </FormDialog>
    );
}
