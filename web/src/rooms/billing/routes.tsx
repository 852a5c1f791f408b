import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading, Missing } from "../../ui/States";

const Costs = lazy(() => import("./CostsPage"));
const Charge = lazy(() => import("./ChargePage"));
const Invoices = lazy(() => import("./InvoicesPage"));
const Invoice = lazy(() => import("./InvoicePage"));
const Account = lazy(() => import("./AccountPage"));

export default function BillingRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/billing" component={Costs} />
                <Route path="/billing/charges/:id">{({ id }) => <Charge key={id} id={id} />}</Route>
                <Route path="/billing/invoices" component={Invoices} />
                <Route path="/billing/invoices/:id">{({ id }) => <Invoice key={id} id={id} />}</Route>
                <Route path="/billing/account" component={Account} />
                <Route component={Missing} />
            </Switch>
        </Suspense>
    );
}
