// Under an operator's path and under a reseller's: each with prices and taxes of its own.
import { Suspense, lazy } from "react";
import { Route, Switch } from "wouter";
import { Loading } from "../../ui/States";
import type { Selling } from "./data";
import { asReseller, asStaff } from "./data";

const Books = lazy(() => import("./PriceBooksPage"));
const Book = lazy(() => import("./PriceBookPage"));
const Taxes = lazy(() => import("./TaxesPage"));

const pages = (selling: Selling, taxes: string) => [
    <Route key={selling.base} path={selling.base}>
        <Books selling={selling} />
    </Route>,
    <Route key={`${selling.base}/`} path={`${selling.base}/:id`}>
        {({ id }) => <Book key={id} selling={selling} id={id!} />}
    </Route>,
    <Route key={taxes} path={taxes}>
        <Taxes selling={selling} />
    </Route>,
];

export default function SellingRoutes() {
    return (
        <Suspense fallback={<Loading rows={6} />}>
            <Switch>
                {pages(asStaff, "/operator/taxes")}
                {pages(asReseller, "/reselling/taxes")}
            </Switch>
        </Suspense>
    );
}
