// The worker process: one task on standard input, progress and result as JSON lines on standard output.
#pragma once

struct agent_config;

// Input: {"kind","vps","generation","spec","undo":bool}. Lines: {"step","progress"}, {"aside":true} when the vps's other tasks
// need not wait any more, at last
// {"status":"done"|"failed","observed","generation","error":{"code","detail"}}. Returns the exit status:
// 0 when the last line was written, whatever it says.
int worker_main(const struct agent_config *config);
