import { copyFaultTests } from "./faults-copies.js";

copyFaultTests("a death at each step of a snapshot, its restore, its clone and its end", ["vps_snapshot", "vps_snapshot_delete", "vps_restore", "vps_clone", "vps_publish"]);
