import { common } from "./de/common";
import { vps } from "./de/vps";
import { account } from "./de/account";
import { words } from "./de/words";
import { operator } from "./de/operator";
import { billing } from "./de/billing";
import { prices } from "./de/prices";
import type { en } from "./en";

export const de: Record<keyof typeof en, string> = { ...common, ...vps, ...account, ...words, ...operator, ...billing, ...prices };
