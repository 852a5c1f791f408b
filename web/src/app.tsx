// Who sees which room under which path.
import { useQueryClient } from "@tanstack/react-query";
import { Component, Suspense, lazy, useEffect, type ReactNode } from "react";
import { Route, Switch, useLocation } from "wouter";
import { session, start } from "./api/session";
import { store, useStore } from "./api/store";
import { subscribe } from "./api/stream";
import { useT } from "./i18n";
import { useOfReseller, useOperator } from "./roles";
import { SignIn, SignInAgain } from "./rooms/auth/SignIn";
import { Frame } from "./rooms/Frame";
import { VpsListPage } from "./rooms/vps/VpsListPage";
import { Button } from "./ui/kit";
import { Outside } from "./ui/Outside";
import { Empty, Loading, Missing } from "./ui/States";

const room = <P extends object>(load: () => Promise<{ default: (props: P) => ReactNode }>) => lazy(load);

const Home = room(() => import("./rooms/home/HomePage"));
const VpsCreate = room(() => import("./rooms/vps/CreatePage"));
const VpsDetail = room(() => import("./rooms/vps/VpsPage"));
const Account = room(() => import("./rooms/account/routes"));
const Billing = room(() => import("./rooms/billing/routes"));
const Selling = room(() => import("./rooms/selling/routes"));
const Reseller = room(() => import("./rooms/reseller/routes"));
const Operator = room(() => import("./rooms/operator/routes"));
const Links = room(() => import("./rooms/auth/Links"));

const broken = store<boolean>(false);

// A fault of ours: said, and the way back; what runs on the server does not care.
class Boundary extends Component<{ children: ReactNode; at: string }, { failed: boolean }> {
    override state = { failed: false };

    static getDerivedStateFromError() {
        return { failed: true };
    }

    override componentDidCatch(error: unknown): void {
        console.error(error);
        broken.set(true);
    }

    override componentDidUpdate(before: { at: string }): void {
        if (before.at !== this.props.at && this.state.failed) {
            this.setState({ failed: false });
        }
    }

    override render(): ReactNode {
        return this.state.failed ? <Broken /> : this.props.children;
    }
}

function Broken() {
    const t = useT();
    return <Empty whole title={t("broken")} text={t("broken.text")} action={<Button onClick={() => location.reload()}>{t("reload")}</Button>} />;
}

function Rooms() {
    const [at] = useLocation();
    const operator = useOperator();
    const reseller = useOfReseller();
    return (
        <Boundary at={at}>
            <Suspense fallback={<Loading rows={6} />}>
                <Switch>
                    <Route path="/" component={Home} />
                    <Route path="/vps" component={VpsListPage} />
                    <Route path="/vps/new" component={VpsCreate} />
                    <Route path="/vps/:id/:tab?">{({ id, tab }) => <VpsDetail key={id} id={id} tab={tab ?? "overview"} />}</Route>
                    <Route path="/account/*?" component={Account} />
                    <Route path="/billing/*?" component={Billing} />
                    {operator && <Route path="/operator/prices/*?" component={Selling} />}
                    {operator && <Route path="/operator/taxes" component={Selling} />}
                    {operator && <Route path="/operator/*?" component={Operator} />}
                    {reseller && <Route path="/reselling/customers/*?" component={Reseller} />}
                    {reseller && <Route path="/reselling/selling" component={Reseller} />}
                    {reseller && <Route path="/reselling/*?" component={Selling} />}
                    <Route component={Missing} />
                </Switch>
            </Suspense>
        </Boundary>
    );
}

function Inside() {
    const state = useStore(session);
    const operator = useOperator();
    const queries = useQueryClient();
    const who = `${state.principal?.user?.id}/${state.tenant}/${state.acting?.expires ?? ""}`;
    useEffect(() => {
        queries.clear(); // of whom one was before
        return subscribe(operator ? "/v1/admin/events/stream" : "/v1/events/stream", queries);
    }, [who, operator, queries]);
    return (
        <Frame key={who}>
            <Rooms />
            {state.phase === "expired" && <SignInAgain />}
        </Frame>
    );
}

export function App() {
    const t = useT();
    const { phase } = useStore(session);
    const [at] = useLocation();
    if (at === "/invitations" || at.startsWith("/password-resets")) {
        return (
            <Suspense>
                <Links at={at} />
            </Suspense>
        );
    }
    switch (phase) {
        case "starting":
            return null;
        case "away":
            return (
                <Outside title={t("away")} text={t("away.text")}>
                    <Button onClick={() => void start()}>{t("retry")}</Button>
                </Outside>
            );
        case "out":
            return <SignIn />;
        default:
            return <Inside />;
    }
}
