import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading, Missing } from "../../ui/States";

const Images = lazy(() => import("./ImagesPage"));
const Networks = lazy(() => import("./NetworksPage"));
const Keys = lazy(() => import("./KeysPage"));
const Members = lazy(() => import("./MembersPage"));
const Tokens = lazy(() => import("./TokensPage"));
const Webhooks = lazy(() => import("./WebhooksPage"));
const Webhook = lazy(() => import("./WebhookPage"));
const Quotas = lazy(() => import("./QuotasPage"));
const Audit = lazy(() => import("./AuditPage"));
const Profile = lazy(() => import("./ProfilePage"));

export default function AccountRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/account/images" component={Images} />
                <Route path="/account/networks" component={Networks} />
                <Route path="/account/keys" component={Keys} />
                <Route path="/account/members" component={Members} />
                <Route path="/account/tokens" component={Tokens} />
                <Route path="/account/webhooks" component={Webhooks} />
                <Route path="/account/webhooks/:id">{({ id }) => <Webhook id={id} />}</Route>
                <Route path="/account/quotas" component={Quotas} />
                <Route path="/account/audit" component={Audit} />
                <Route path="/account/profile" component={Profile} />
                <Route component={Missing} />
            </Switch>
        </Suspense>
    );
}
