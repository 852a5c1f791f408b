// One vps: what it is and does, what can be ordered, a tab for each of its sides.
import { lazy, Suspense } from "react";
import { useVps, useNames, type Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { Page, TabPages } from "../../ui/Page";
import { Loading, Shown } from "../../ui/States";
import { Activity } from "./Activity";
import { Notices } from "./Notices";
import { Overview } from "./Overview";
import { PowerButtons } from "./PowerButtons";
import { VpsState } from "./state";

const Graphs = lazy(() => import("./GraphsTab"));
const Console = lazy(() => import("./ConsoleTab"));
const Network = lazy(() => import("./network/NetworkTab"));
const Snapshots = lazy(() => import("./SnapshotsTab"));
const Settings = lazy(() => import("./settings/SettingsTab"));

function Tab({ vps, tab }: { vps: Vps; tab: string }) {
    switch (tab) {
        case "graphs":
            return <Graphs vps={vps} />;
        case "console":
            return <Console vps={vps} />;
        case "network":
            return <Network vps={vps} />;
        case "snapshots":
            return <Snapshots vps={vps} />;
        case "settings":
            return <Settings vps={vps} />;
        case "activity":
            return <Activity vps={vps} />;
        default:
            return <Overview vps={vps} />;
    }
}

export default function VpsPage({ id, tab }: { id: string; tab: string }) {
    const t = useT();
    const may = useMay();
    const names = useNames();
    const query = useVps(id);
    const tabs = ["overview", "graphs", ...(may("console:write") ? ["console"] : []), "network", "snapshots", ...(may("vps:write") ? ["settings"] : []), "activity"];
    const label = (name: string) => t(`tab.${name}` as "tab.overview");
    return (
        <Shown of={query} title={t("vps")}>
            {(vps) => (
                <Page
                    title={vps.name}
                    lead={
                        <>
                            <VpsState vps={vps} /> · {names.image(vps.image_id)} · {names.location(vps.location_id)}
                            {vps.addresses[0] && (
                                <>
                                    {" · "}
                                    <span className="mono">{vps.addresses[0].address}</span>
                                </>
                            )}
                        </>
                    }
                    actions={may("vps:write") && <PowerButtons vps={vps} />}
                >
                    <Notices vps={vps} />
                    <TabPages base={`/vps/${id}`} label={vps.name} at={tabs.includes(tab) ? tab : "overview"} tabs={tabs.map((path) => ({ path, label: label(path) }))}>
                        <Suspense fallback={<Loading />}>
                            <Tab vps={vps} tab={tab} />
                        </Suspense>
                    </TabPages>
                </Page>
            )}
        </Shown>
    );
}
