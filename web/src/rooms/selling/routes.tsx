// Under an operator's path and under a reseller's: each with prices and taxes of its own.
import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading, Missing } from "../../ui/States";
import { asReseller, asStaff } from "./data";

const Books = lazy(() => import("./PriceBooksPage"));
const Book = lazy(() => import("./PriceBookPage"));
const Taxes = lazy(() => import("./TaxesPage"));

export default function SellingRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                <Route path="/operator/prices">
                    <Books selling={asStaff} />
                </Route>
                <Route path="/operator/prices/:id">{({ id }) => <Book key={id} selling={asStaff} id={id} />}</Route>
                <Route path="/operator/taxes">
                    <Taxes selling={asStaff} />
                </Route>
                <Route path="/reselling/prices">
                    <Books selling={asReseller} />
                </Route>
                <Route path="/reselling/prices/:id">{({ id }) => <Book key={id} selling={asReseller} id={id} />}</Route>
                <Route path="/reselling/taxes">
                    <Taxes selling={asReseller} />
                </Route>
                <Route component={Missing} />
            </Switch>
        </Suspense>
    );
}
