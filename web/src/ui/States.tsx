// What stands in place of a thing that is not there: yet, any more, or for this person.
import { Alert, Button, Center, Group, Skeleton, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Refusal } from "../api/many";
import { Problem } from "../api/problem";
import { useT, type Key } from "../i18n";
import { en } from "../i18n/en";
import { Page } from "./Page";

// Our own words for what the server cannot say itself, and for what is asked of a person; else its sentence.
export function useProblemText(): (problem: Problem) => { title: string; text: string } {
    const t = useT();
    return (problem) => {
        const title = `problem.${problem.code}` as Key;
        const hint = `${title}.hint` as Key;
        return {
            title: title in en ? t(title) : t("problem.other"),
            text: [problem.detail, hint in en ? t(hint, { seconds: problem.retryAfter ?? 5 }) : ""].filter(Boolean).join(" "),
        };
    };
}

// What came of an order for many, if not all took it: how many did, and who did not, why.
export function usePartly(): <V extends { name: string }>(asked: number, refused: Refusal<V>[]) => Problem | undefined {
    const t = useT();
    const say = useProblemText();
    return (asked, refused) => {
        const reasons = refused.map(({ of, problem }) => ({ pointer: of.name, detail: say(problem).text || say(problem).title }));
        return refused.length > 0 ? new Problem(409, "partly", t("partly.text", { done: asked - refused.length, asked }), reasons) : undefined;
    };
}

export function ProblemNote({ problem, retry }: { problem: Problem | undefined; retry?: () => void }) {
    const t = useT();
    const say = useProblemText();
    if (!problem) {
        return null;
    }
    const { title, text } = say(problem);
    const named = problem.fields.filter((one) => one.detail !== problem.detail);
    return (
        <Alert color="red" variant="outline" title={title} role="alert" className="problem">
            <Stack gap={6} align="flex-start">
                <Text size="sm">{text}</Text>
                {named.map((one) => (
                    <Text key={one.pointer + one.detail} size="sm">
                        <span className="mono">{one.pointer}</span> {one.detail}
                    </Text>
                ))}
                {problem.request && problem.status >= 500 && (
                    <Text size="xs" c="dimmed">
                        {t("problem.request", { id: problem.request })}
                    </Text>
                )}
                {retry && (
                    <Button size="xs" variant="default" onClick={retry}>
                        {t("retry")}
                    </Button>
                )}
            </Stack>
        </Alert>
    );
}

// whole: in place of a page, not of a list in one.
export function Empty({ title, text, action, whole }: { title: string; text?: string; action?: ReactNode; whole?: boolean }) {
    return (
        <Center py={48} px="md">
            <Stack gap={6} align="center" maw={420}>
                <Text fw={600} component={whole ? "h1" : "p"} m={0}>
                    {title}
                </Text>
                {text && (
                    <Text size="sm" c="dimmed" ta="center">
                        {text}
                    </Text>
                )}
                {action && <Group mt="xs">{action}</Group>}
            </Stack>
        </Center>
    );
}

// In place of a page: no screen has this path.
export function Missing() {
    const t = useT();
    return <Empty whole title={t("missing")} text={t("missing.text")} />;
}

export function Loading({ rows = 4 }: { rows?: number }) {
    const t = useT();
    return (
        <Stack gap="sm" p="md" aria-busy="true" aria-label={t("loading")} role="status">
            {Array.from({ length: rows }, (_, index) => (
                <Skeleton key={index} height={18} width={`${92 - ((index * 17) % 40)}%`} />
            ))}
        </Stack>
    );
}

// One thing that is read: while it is, what went wrong, or it. title: it is the whole page, which has a name also without it.
export function Shown<V>({ of, title, children }: { of: { value: V | undefined; error: Problem | null; refetch: () => unknown }; title?: string; children: (value: V) => ReactNode }) {
    if (of.value !== undefined) {
        return <>{children(of.value)}</>;
    }
    const instead = of.error ? <ProblemNote problem={of.error} retry={() => void of.refetch()} /> : <Loading />;
    return title ? <Page title={title}>{instead}</Page> : instead;
}
