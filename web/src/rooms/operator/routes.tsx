import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading, Missing } from "../../ui/States";

const Fleet = lazy(() => import("./FleetPage"));
const Node = lazy(() => import("./NodePage"));
const AllVps = lazy(() => import("./AllVpsPage"));
const Tenants = lazy(() => import("./TenantsPage"));
const Tenant = lazy(() => import("./TenantPage"));
const Users = lazy(() => import("./UsersPage"));
const Plans = lazy(() => import("./PlansPage"));
const Plan = lazy(() => import("./PlanPage"));
const Images = lazy(() => import("./CataloguePage"));
const Pools = lazy(() => import("./PoolsPage"));
const Tasks = lazy(() => import("./TasksPage"));
const MonthEnds = lazy(() => import("./billing/MonthEndsPage"));
const Invoices = lazy(() => import("./billing/AdminInvoicesPage"));
const Invoice = lazy(() => import("./billing/AdminInvoicePage"));
const Payments = lazy(() => import("./billing/PaymentsPage"));
const Selling = lazy(() => import("./billing/SellingPage"));
const Billing = lazy(() => import("./billing/TenantBilling"));
const System = lazy(() => import("./SystemPage"));
const Audit = lazy(() => import("./AdminAuditPage"));

export default function OperatorRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/operator/fleet" component={Fleet} />
                <Route path="/operator/fleet/:id">{({ id }) => <Node key={id} id={id} />}</Route>
                <Route path="/operator/vps" component={AllVps} />
                <Route path="/operator/tenants" component={Tenants} />
                <Route path="/operator/tenants/:id">{({ id }) => <Tenant key={id} id={id} />}</Route>
                <Route path="/operator/tenants/:id/billing">{({ id }) => <Billing key={id} id={id} />}</Route>
                <Route path="/operator/months" component={MonthEnds} />
                <Route path="/operator/invoices" component={Invoices} />
                <Route path="/operator/invoices/:id">{({ id }) => <Invoice key={id} id={id} />}</Route>
                <Route path="/operator/payments" component={Payments} />
                <Route path="/operator/selling" component={Selling} />
                <Route path="/operator/users" component={Users} />
                <Route path="/operator/plans" component={Plans} />
                <Route path="/operator/plans/:id">{({ id }) => <Plan key={id} id={id} />}</Route>
                <Route path="/operator/images" component={Images} />
                <Route path="/operator/pools" component={Pools} />
                <Route path="/operator/tasks" component={Tasks} />
                <Route path="/operator/system" component={System} />
                <Route path="/operator/audit" component={Audit} />
                <Route component={Missing} />
            </Switch>
        </Suspense>
    );
}
