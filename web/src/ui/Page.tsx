// The frame of a screen: its name, what can be done, cards.
import { Box, Group, Paper, Stack, Tabs, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { useLocation } from "wouter";
import { CopyButton } from "./Copy";

interface PageProps {
    title: string;
    lead?: ReactNode;
    actions?: ReactNode;
    children: ReactNode;
}

export function Page({ title, lead, actions, children }: PageProps) {
    useEffect(() => {
        document.title = `${title} · Croft`;
    }, [title]);
    return (
        <Stack gap="lg">
            <Group justify="space-between" align="flex-start" gap="sm">
                <Box miw={0} style={{ overflowWrap: "anywhere" }}>
                    <Title order={1}>{title}</Title>
                    {lead && (
                        <Text size="sm" c="dimmed" component="div" mt={4}>
                            {lead}
                        </Text>
                    )}
                </Box>
                {actions && <Group gap="xs">{actions}</Group>}
            </Group>
            {children}
        </Stack>
    );
}

export function Card({ title, actions, children, text }: { title?: string; actions?: ReactNode; text?: ReactNode; children?: ReactNode }) {
    return (
        <Paper className="paper" p="md" component="section" aria-label={title}>
            <Stack gap="sm">
                {(title || actions) && (
                    <Group justify="space-between" gap="xs">
                        {title && <Title order={2}>{title}</Title>}
                        {actions && <Group gap="xs">{actions}</Group>}
                    </Group>
                )}
                {text && (
                    <Text size="sm" c="dimmed">
                        {text}
                    </Text>
                )}
                {children}
            </Stack>
        </Paper>
    );
}

export function Facts({ rows }: { rows: [string, ReactNode][] }) {
    return (
        <dl className="facts">
            {rows.map(([name, value]) => (
                <FactRow key={name} name={name} value={value} />
            ))}
        </dl>
    );
}

const FactRow = ({ name, value }: { name: string; value: ReactNode }) => (
    <>
        <dt>{name}</dt>
        <dd>{value}</dd>
    </>
);

// Tabs are pages: each has an address.
export function TabPages({ base, tabs, at, label, children }: { base: string; tabs: { path: string; label: string }[]; at: string; label: string; children: ReactNode }) {
    const [, go] = useLocation();
    return (
        <Tabs value={at} onChange={(path) => go(path ? `${base}/${path}` : base)} keepMounted={false}>
            <Tabs.List aria-label={label} style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
                {tabs.map((one) => (
                    <Tabs.Tab key={one.path} value={one.path}>
                        {one.label}
                    </Tabs.Tab>
                ))}
            </Tabs.List>
            {tabs.map((one) => (
                <Tabs.Panel key={one.path} value={one.path} pt="md">
                    {one.path === at && children}
                </Tabs.Panel>
            ))}
        </Tabs>
    );
}

export function Secret({ text }: { text: string }) {
    return (
        <Group wrap="nowrap" align="flex-start" gap="xs">
            <pre className="code" style={{ flex: 1 }} tabIndex={0}>
                {text}
            </pre>
            <CopyButton text={text} />
        </Group>
    );
}
