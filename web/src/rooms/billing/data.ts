// Reads that the rooms of billing share.
import { api, ask, type Schema } from "../../api/client";
import { useOne } from "../../api/hooks";

export type Account = Schema["BillingAccount"];
export const useAccount = () => useOne(["billing", "account"], () => ask(api.GET("/v1/billing/account")));
