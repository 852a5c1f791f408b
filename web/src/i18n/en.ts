import { common } from "./en/common";
import { vps } from "./en/vps";
import { account } from "./en/account";
import { words } from "./en/words";
import { operator } from "./en/operator";
import { billing } from "./en/billing";
import { prices } from "./en/prices";

export const en = { ...common, ...vps, ...account, ...words, ...operator, ...billing, ...prices };
