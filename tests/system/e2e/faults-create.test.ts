import { casesOf, faultTests } from "./faults.js";

faultTests(
    "a death at each step of a create",
    casesOf(["vps_create"], (step) => !step.includes(".undo_")),
);
