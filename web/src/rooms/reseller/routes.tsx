import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading, Missing } from "../../ui/States";

const Customers = lazy(() => import("./CustomersPage"));
const Customer = lazy(() => import("./CustomerPage"));
const Seller = lazy(() => import("./SellerPage"));

export default function ResellerRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/reselling/customers" component={Customers} />
                <Route path="/reselling/customers/:id">{({ id }) => <Customer key={id} id={id} />}</Route>
                <Route path="/reselling/selling" component={Seller} />
                <Route component={Missing} />
            </Switch>
        </Suspense>
    );
}
