import { copyFaultTests } from "./faults-copies.js";

copyFaultTests("a death at each step of a reinstall and a rescue", ["vps_reinstall", "vps_rescue"]);
