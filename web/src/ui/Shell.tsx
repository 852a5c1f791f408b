// The frame of the application: bar, navigation, and what is on the screen.
import { AppShell, Burger, Group, NavLink, ScrollArea, Text, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect, useRef, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useT } from "../i18n";

export interface NavGroup {
    label?: string;
    items: { path: string; label: string; exact?: boolean }[];
}

interface Props {
    groups: NavGroup[];
    bar: ReactNode;
    banner?: ReactNode;
    mark: { text: string; tone: string } | undefined;
    children: ReactNode;
}

const isHere = (at: string, path: string, exact?: boolean) => at === path || (!exact && at.startsWith(`${path}/`));

// An operator's menu is longer than most windows: what is open is scrolled to. Not by scrollIntoView(), which moves the page as well.
function useOpenInView(groups: NavGroup[], opened: boolean) {
    const [at] = useLocation();
    const box = useRef<HTMLDivElement>(null);
    useEffect(() => {
        const frame = box.current?.getBoundingClientRect();
        const open = box.current?.querySelector("[aria-current=page]")?.getBoundingClientRect();
        if (frame && open && (open.top < frame.top || open.bottom > frame.bottom)) {
            box.current!.scrollTop += open.top - frame.top - (frame.height - open.height) / 2;
        }
    }, [at, groups.length, opened]);
    return box;
}

function Navigation({ groups, leave }: { groups: NavGroup[]; leave: () => void }) {
    const [at] = useLocation();
    return (
        <>
            {groups.map((group) => (
                <div key={group.label ?? ""}>
                    {group.label && (
                        <Text size="xs" fw={600} c="dimmed" px="sm" pt="md" pb={4}>
                            {group.label}
                        </Text>
                    )}
                    {group.items.map((item) => {
                        const here = isHere(at, item.path, item.exact);
                        return (
                            <NavLink
                                key={item.path}
                                component={Link}
                                href={item.path}
                                label={item.label}
                                active={here}
                                aria-current={here ? "page" : undefined}
                                onClick={leave}
                                style={{ borderRadius: 8 }}
                                py={7}
                            />
                        );
                    })}
                </div>
            ))}
        </>
    );
}

export function Shell({ groups, bar, banner, mark, children }: Props) {
    const t = useT();
    const [opened, menu] = useDisclosure(false);
    const menuBox = useOpenInView(groups, opened);
    return (
        <AppShell header={{ height: banner ? 90 : 54 }} navbar={{ width: 224, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={{ base: "md", md: "lg" }}>
            <a className="skip" href="#content">
                {t("skip")}
            </a>
            <AppShell.Header style={{ background: "var(--croft-paper)", borderColor: "var(--croft-line)" }}>
                {banner}
                <Group h={53} px="md" justify="space-between" wrap="nowrap">
                    <Group gap="xs" wrap="nowrap">
                        <Burger opened={opened} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label={t("menu")} aria-expanded={opened} />
                        <Link href="/" aria-label="Croft" style={{ display: "flex", alignItems: "center", gap: 8, textDecoration: "none", color: "inherit" }}>
                            <img src="/favicon.svg" alt="" width={26} height={26} />
                            <Text fw={700} size="lg" visibleFrom="xs">
                                Croft
                            </Text>
                        </Link>
                        {mark && (
                            <Tooltip label={mark.text}>
                                <span className={`dot dot-${mark.tone}`} role="img" aria-label={mark.text} />
                            </Tooltip>
                        )}
                    </Group>
                    <Group gap="xs" wrap="nowrap" miw={0}>
                        {bar}
                    </Group>
                </Group>
            </AppShell.Header>
            <AppShell.Navbar p="xs" style={{ background: "var(--croft-paper)", borderColor: "var(--croft-line)" }} aria-label={t("menu")}>
                <ScrollArea scrollbarSize={6} style={{ flex: 1 }} viewportRef={menuBox} viewportProps={{ tabIndex: -1 }}>
                    <Navigation groups={groups} leave={menu.close} />
                </ScrollArea>
            </AppShell.Navbar>
            <AppShell.Main id="content" tabIndex={-1}>
                <div style={{ maxWidth: 1180, margin: "0 auto" }}>{children}</div>
            </AppShell.Main>
        </AppShell>
    );
}
