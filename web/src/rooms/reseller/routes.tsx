import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading } from "../../ui/States";

const Customers = lazy(() => import("./CustomersPage"));
const Customer = lazy(() => import("./CustomerPage"));

export default function ResellerRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/reselling/customers" component={Customers} />
                <Route path="/reselling/customers/:id">{({ id }) => <Customer key={id} id={id} />}</Route>
            </Switch>
        </Suspense>
    );
}
