// The frame of the screens before one is signed in.
import { Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";
import { LanguageMenu, SchemeButton } from "./Preferences";

export function Outside({ title, text, children }: { title: string; text?: string; children?: ReactNode }) {
    useEffect(() => {
        document.title = `${title} · Croft`;
    }, [title]);
    return (
        <Center mih="100vh" p="md" component="main">
            <Stack w="100%" maw={400} gap="md">
                <Group justify="space-between">
                    <Group gap={8}>
                        <img src="/favicon.svg" alt="" width={30} height={30} />
                        <Text fw={700} size="xl">
                            Croft
                        </Text>
                    </Group>
                    <Group gap={4}>
                        <LanguageMenu />
                        <SchemeButton />
                    </Group>
                </Group>
                <Paper className="paper" p="lg">
                    <Stack gap="md">
                        <div>
                            <Title order={1}>{title}</Title>
                            {text && (
                                <Text size="sm" c="dimmed" mt={4}>
                                    {text}
                                </Text>
                            )}
                        </div>
                        {children}
                    </Stack>
                </Paper>
            </Stack>
        </Center>
    );
}
