import { casesOf, faultTests } from "./faults.js";

faultTests("a death at each step of a delete", casesOf(["vps_delete"]));
faultTests(
    "a death while a create is taken back",
    casesOf(["vps_create"], (step) => step.includes(".undo_")),
);
faultTests(
    "a worker's death at each step of a start and a stop",
    casesOf(["vps_start", "vps_stop"], (step) => !step.includes(".undo_")).filter(({ who }) => who === "worker"),
);
