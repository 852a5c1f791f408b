import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { run, until } from "./command.js";
import { agentProgram, harnessFolder } from "./paths.js";
import { alive, quote } from "./sandbox.js";
import { merge, sanitizers } from "./server.js";
let agents = 0;
class Agent {
  constructor(sandbox, options) {
    this.sandbox = sandbox;
    this.options = options;
    const name = options.name ?? "node1";
    this.state = sandbox.path(name);
    this.config = sandbox.path(`${name}.yaml`);
    this.log = options.log ?? (options.stateBytes ? `${this.state}/agent.log` : sandbox.path(`${name}.log`));
    mkdirSync(this.state, { mode: 493, recursive: true });
    const pool = options.stateBytes ? { device: this.#smallDisk(options.stateBytes) } : {};
    const fake = options.drivers === "fake";
    const idBase = 2e8 + (process.pid % 400 * 8 + agents++) * 65536 * 100;
    const settings = merge(
      {
        state_dir: this.state,
        server: options.server,
        name,
        link_user: "nobody",
        log_level: "debug",
        drivers: { container: fake ? "fake" : "lxc", volume: fake ? "fake" : "btrfs", network: fake ? "fake" : "routed" },
        pool: { size_bytes: 2 ** 31, ...pool },
        ids: { base: idBase % 4e9, count: 100 },
        capacity: { vcpus: 64, memory_bytes: 2 ** 37, disk_bytes: 2 ** 41 },
        sample_s: 1,
        report_s: 2,
        stop_timeout_s: 5,
        restart_max_ms: 200
        // many deaths in a row
      },
      options.config
    );
    writeFileSync(this.config, stringify(settings), { mode: 420 });
    sandbox.undo(`${quote(`${harnessFolder}/undo-agent.sh`)} ${quote(this.state)}`);
  }
  state;
  config;
  log;
  #child;
  // Returns the device of the pool.
  #smallDisk(bytes) {
    const run2 = (...argv) => execFileSync(argv[0], argv.slice(1), { encoding: "utf8" }).trim();
    const file = `${this.state}.pool`;
    this.sandbox.undo(`! mountpoint -q ${quote(this.state)} || umount ${quote(this.state)}`);
    run2("mount", "-t", "tmpfs", "-o", `mode=0755,size=${bytes}`, "croft-test", this.state);
    run2("truncate", "-s", "2G", file);
    this.sandbox.undo(`losetup -j ${quote(file)} | cut -d: -f1 | xargs -r losetup -d`);
    const device = run2("losetup", "--find", "--show", file);
    run2("mkfs.btrfs", "-q", device);
    return device;
  }
  get program() {
    return this.options.program ?? agentProgram;
  }
  // Leak detection is off: a worker's liblxc children end inside other namespaces, where the leak
  // checker may not trace, and liblxc keeps what it allocates until exit.
  get environment() {
    return sanitizers(this.sandbox, false);
  }
  command(...args) {
    const argv = [this.program, ...args];
    return this.options.netns ? this.options.netns.command(...argv) : argv;
  }
  async join(token) {
    await run(this.command("join", "--config", this.config, "--server", this.options.server, "--token", token), { env: this.environment });
  }
  // Without waiting: on a full disk there are no pid files to wait for.
  launch() {
    const log = openSync(this.log, "a");
    const argv = this.command("run", "--config", this.config);
    this.#child = spawn(argv[0], argv.slice(1), {
      env: { ...process.env, ...this.environment },
      stdio: ["ignore", log, log]
    });
    closeSync(log);
    this.sandbox.undoProcess(this.#child.pid);
  }
  async start() {
    this.launch();
    await until("the agent's processes run", () => {
      if (this.#child.exitCode !== null) {
        throw new Error(`croft-agent ended: ${this.tail()}`);
      }
      return alive(this.pid("broker")) && alive(this.pid("link"));
    }, 6e4);
  }
  // From run/, as the agent recorded it.
  // Its children are broker, link and the template of workers.
  get master() {
    return this.#child.pid;
  }
  pid(which) {
    return Number(readFileSync(`${this.state}/run/${which}.pid`, "utf8"));
  }
  kill(which) {
    process.kill(this.pid(which), "SIGKILL");
  }
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await until("croft-agent ends", () => child.exitCode !== null || child.signalCode !== null, 3e4);
    }
  }
  tail(lines = 30) {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").split("\n").slice(-lines).join("\n") : "";
  }
  // The next worker that begins this step kills the process named.
  fault(who, step) {
    writeFileSync(`${this.state}/fault`, `${who} ${step}
`);
  }
  faultPending() {
    return existsSync(`${this.state}/fault`);
  }
  async steps() {
    const { stdout } = await run([this.program, "steps"], { env: this.environment });
    return stdout.split("\n").filter(Boolean);
  }
  vpsFolders() {
    const folder = `${this.state}/vps`;
    return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f-]{36}$/.test(name)) : [];
  }
}
export {
  Agent
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9hZ2VudC50cyJdLAogICJzb3VyY2VzQ29udGVudCI6IFsiLy8gY3JvZnQtYWdlbnQgd2l0aCBhIHN0YXRlIGZvbGRlciBvZiBpdHMgb3duLCByZWFsIG9yIGZha2UgZHJpdmVycywgaW4gYSBuZXR3b3JrIG5hbWVzcGFjZSBvciB3aXRob3V0LlxuaW1wb3J0IHsgdHlwZSBDaGlsZFByb2Nlc3MsIGV4ZWNGaWxlU3luYywgc3Bhd24gfSBmcm9tIFwibm9kZTpjaGlsZF9wcm9jZXNzXCI7XG5pbXBvcnQgeyBjbG9zZVN5bmMsIGV4aXN0c1N5bmMsIG1rZGlyU3luYywgb3BlblN5bmMsIHJlYWRGaWxlU3luYywgcmVhZGRpclN5bmMsIHdyaXRlRmlsZVN5bmMgfSBmcm9tIFwibm9kZTpmc1wiO1xuaW1wb3J0IHsgc3RyaW5naWZ5IH0gZnJvbSBcInlhbWxcIjtcbmltcG9ydCB7IHJ1biwgdW50aWwgfSBmcm9tIFwiLi9jb21tYW5kLmpzXCI7XG5pbXBvcnQgdHlwZSB7IE5ldG5zIH0gZnJvbSBcIi4vbmV0bnMuanNcIjtcbmltcG9ydCB7IGFnZW50UHJvZ3JhbSwgaGFybmVzc0ZvbGRlciB9IGZyb20gXCIuL3BhdGhzLmpzXCI7XG5pbXBvcnQgeyBhbGl2ZSwgcXVvdGUsIHR5cGUgU2FuZGJveCB9IGZyb20gXCIuL3NhbmRib3guanNcIjtcbmltcG9ydCB7IG1lcmdlLCBzYW5pdGl6ZXJzLCB0eXBlIE92ZXJyaWRlcyB9IGZyb20gXCIuL3NlcnZlci5qc1wiO1xuXG5leHBvcnQgaW50ZXJmYWNlIEFnZW50T3B0aW9ucyB7XG4gICAgcHJvZ3JhbT86IHN0cmluZztcbiAgICBzZXJ2ZXI6IHN0cmluZzsgLy8gaG9zdDpwb3J0XG4gICAgbmFtZT86IHN0cmluZztcbiAgICBkcml2ZXJzOiBcInJlYWxcIiB8IFwiZmFrZVwiO1xuICAgIG5ldG5zPzogTmV0bnM7XG4gICAgY29uZmlnPzogT3ZlcnJpZGVzO1xuICAgIGxvZz86IHN0cmluZzsgLy8gcGF0aCBvZiBpdHMgbG9nXG4gICAgc3RhdGVCeXRlcz86IG51bWJlcjsgLy8gdGhlIHN0YXRlIGZvbGRlciBvbiBhIGRpc2sgb2YgaXRzIG93biBvZiB0aGF0IHNpemUsIGl0cyBsb2cgdG9vOyB0aGUgcG9vbCBlbHNld2hlcmVcbn1cblxuZXhwb3J0IHR5cGUgUHJvY2VzcyA9IFwibWFzdGVyXCIgfCBcImJyb2tlclwiIHwgXCJsaW5rXCI7XG5cbmxldCBhZ2VudHMgPSAwO1xuXG5leHBvcnQgY2xhc3MgQWdlbnQge1xuICAgIHJlYWRvbmx5IHN0YXRlOiBzdHJpbmc7XG4gICAgcmVhZG9ubHkgY29uZmlnOiBzdHJpbmc7XG4gICAgcmVhZG9ubHkgbG9nOiBzdHJpbmc7XG4gICAgI2NoaWxkOiBDaGlsZFByb2Nlc3MgfCB1bmRlZmluZWQ7XG5cbiAgICBjb25zdHJ1Y3RvcihcbiAgICAgICAgcmVhZG9ubHkgc2FuZGJveDogU2FuZGJveCxcbiAgICAgICAgcmVhZG9ubHkgb3B0aW9uczogQWdlbnRPcHRpb25zLFxuICAgICkge1xuICAgICAgICBjb25zdCBuYW1lID0gb3B0aW9ucy5uYW1lID8/IFwibm9kZTFcIjtcbiAgICAgICAgdGhpcy5zdGF0ZSA9IHNhbmRib3gucGF0aChuYW1lKTtcbiAgICAgICAgdGhpcy5jb25maWcgPSBzYW5kYm94LnBhdGgoYCR7bmFtZX0ueWFtbGApO1xuICAgICAgICB0aGlzLmxvZyA9IG9wdGlvbnMubG9nID8/IChvcHRpb25zLnN0YXRlQnl0ZXMgPyBgJHt0aGlzLnN0YXRlfS9hZ2VudC5sb2dgIDogc2FuZGJveC5wYXRoKGAke25hbWV9LmxvZ2ApKTtcbiAgICAgICAgbWtkaXJTeW5jKHRoaXMuc3RhdGUsIHsgbW9kZTogMG83NTUsIHJlY3Vyc2l2ZTogdHJ1ZSB9KTtcbiAgICAgICAgY29uc3QgcG9vbCA9IG9wdGlvbnMuc3RhdGVCeXRlcyA/IHsgZGV2aWNlOiB0aGlzLiNzbWFsbERpc2sob3B0aW9ucy5zdGF0ZUJ5dGVzKSB9IDoge307XG4gICAgICAgIGNvbnN0IGZha2UgPSBvcHRpb25zLmRyaXZlcnMgPT09IFwiZmFrZVwiO1xuICAgICAgICAvLyBJZCByYW5nZXMgb2YgYWdlbnRzIG9uIG9uZSBtYWNoaW5lIG11c3Qgbm90IG1lZXQuXG4gICAgICAgIGNvbnN0IGlkQmFzZSA9IDIwMF8wMDBfMDAwICsgKChwcm9jZXNzLnBpZCAlIDQwMCkgKiA4ICsgYWdlbnRzKyspICogNjU1MzYgKiAxMDA7XG4gICAgICAgIGNvbnN0IHNldHRpbmdzID0gbWVyZ2UoXG4gICAgICAgICAgICB7XG4gICAgICAgICAgICAgICAgc3RhdGVfZGlyOiB0aGlzLnN0YXRlLFxuICAgICAgICAgICAgICAgIHNlcnZlcjogb3B0aW9ucy5zZXJ2ZXIsXG4gICAgICAgICAgICAgICAgbmFtZSxcbiAgICAgICAgICAgICAgICBsaW5rX3VzZXI6IFwibm9ib2R5XCIsXG4gICAgICAgICAgICAgICAgbG9nX2xldmVsOiBcImRlYnVnXCIsXG4gICAgICAgICAgICAgICAgZHJpdmVyczogeyBjb250YWluZXI6IGZha2UgPyBcImZha2VcIiA6IFwibHhjXCIsIHZvbHVtZTogZmFrZSA/IFwiZmFrZVwiIDogXCJidHJmc1wiLCBuZXR3b3JrOiBmYWtlID8gXCJmYWtlXCIgOiBcInJvdXRlZFwiIH0sXG4gICAgICAgICAgICAgICAgcG9vbDogeyBzaXplX2J5dGVzOiAyICoqIDMxLCAuLi5wb29sIH0sXG4gICAgICAgICAgICAgICAgaWRzOiB7IGJhc2U6IGlkQmFzZSAlIDRfMDAwXzAwMF8wMDAsIGNvdW50OiAxMDAgfSxcbiAgICAgICAgICAgICAgICBjYXBhY2l0eTogeyB2Y3B1czogNjQsIG1lbW9yeV9ieXRlczogMiAqKiAzNywgZGlza19ieXRlczogMiAqKiA0MSB9LFxuICAgICAgICAgICAgICAgIHNhbXBsZV9zOiAxLFxuICAgICAgICAgICAgICAgIHJlcG9ydF9zOiAyLFxuICAgICAgICAgICAgICAgIHN0b3BfdGltZW91dF9zOiA1LFxuICAgICAgICAgICAgICAgIHJlc3RhcnRfbWF4X21zOiAyMDAsIC8vIG1hbnkgZGVhdGhzIGluIGEgcm93XG4gICAgICAgICAgICB9LFxuICAgICAgICAgICAgb3B0aW9ucy5jb25maWcsXG4gICAgICAgICk7XG4gICAgICAgIHdyaXRlRmlsZVN5bmModGhpcy5jb25maWcsIHN0cmluZ2lmeShzZXR0aW5ncyksIHsgbW9kZTogMG82NDQgfSk7XG4gICAgICAgIHNhbmRib3gudW5kbyhgJHtxdW90ZShgJHtoYXJuZXNzRm9sZGVyfS91bmRvLWFnZW50LnNoYCl9ICR7cXVvdGUodGhpcy5zdGF0ZSl9YCk7XG4gICAgfVxuXG4gICAgLy8gUmV0dXJucyB0aGUgZGV2aWNlIG9mIHRoZSBwb29sLlxuICAgICNzbWFsbERpc2soYnl0ZXM6IG51bWJlcik6IHN0cmluZyB7XG4gICAgICAgIGNvbnN0IHJ1biA9ICguLi5hcmd2OiBzdHJpbmdbXSkgPT4gZXhlY0ZpbGVTeW5jKGFyZ3ZbMF0hLCBhcmd2LnNsaWNlKDEpLCB7IGVuY29kaW5nOiBcInV0ZjhcIiB9KS50cmltKCk7XG4gICAgICAgIGNvbnN0IGZpbGUgPSBgJHt0aGlzLnN0YXRlfS5wb29sYDtcbiAgICAgICAgdGhpcy5zYW5kYm94LnVuZG8oYCEgbW91bnRwb2ludCAtcSAke3F1b3RlKHRoaXMuc3RhdGUpfSB8fCB1bW91bnQgJHtxdW90ZSh0aGlzLnN0YXRlKX1gKTtcbiAgICAgICAgcnVuKFwibW91bnRcIiwgXCItdFwiLCBcInRtcGZzXCIsIFwiLW9cIiwgYG1vZGU9MDc1NSxzaXplPSR7Ynl0ZXN9YCwgXCJjcm9mdC10ZXN0XCIsIHRoaXMuc3RhdGUpO1xuICAgICAgICBydW4oXCJ0cnVuY2F0ZVwiLCBcIi1zXCIsIFwiMkdcIiwgZmlsZSk7XG4gICAgICAgIHRoaXMuc2FuZGJveC51bmRvKGBsb3NldHVwIC1qICR7cXVvdGUoZmlsZSl9IHwgY3V0IC1kOiAtZjEgfCB4YXJncyAtciBsb3NldHVwIC1kYCk7XG4gICAgICAgIGNvbnN0IGRldmljZSA9IHJ1bihcImxvc2V0dXBcIiwgXCItLWZpbmRcIiwgXCItLXNob3dcIiwgZmlsZSk7XG4gICAgICAgIHJ1bihcIm1rZnMuYnRyZnNcIiwgXCItcVwiLCBkZXZpY2UpO1xuICAgICAgICByZXR1cm4gZGV2aWNlO1xuICAgIH1cblxuICAgIGdldCBwcm9ncmFtKCk6IHN0cmluZyB7XG4gICAgICAgIHJldHVybiB0aGlzLm9wdGlvbnMucHJvZ3JhbSA/PyBhZ2VudFByb2dyYW07XG4gICAgfVxuXG4gICAgLy8gTGVhayBkZXRlY3Rpb24gaXMgb2ZmOiBhIHdvcmtlcidzIGxpYmx4YyBjaGlsZHJlbiBlbmQgaW5zaWRlIG90aGVyIG5hbWVzcGFjZXMsIHdoZXJlIHRoZSBsZWFrXG4gICAgLy8gY2hlY2tlciBtYXkgbm90IHRyYWNlLCBhbmQgbGlibHhjIGtlZXBzIHdoYXQgaXQgYWxsb2NhdGVzIHVudGlsIGV4aXQuXG4gICAgZ2V0IGVudmlyb25tZW50KCk6IFJlY29yZDxzdHJpbmcsIHN0cmluZz4ge1xuICAgICAgICByZXR1cm4gc2FuaXRpemVycyh0aGlzLnNhbmRib3gsIGZhbHNlKTtcbiAgICB9XG5cbiAgICBjb21tYW5kKC4uLmFyZ3M6IHN0cmluZ1tdKTogc3RyaW5nW10ge1xuICAgICAgICBjb25zdCBhcmd2ID0gW3RoaXMucHJvZ3JhbSwgLi4uYXJnc107XG4gICAgICAgIHJldHVybiB0aGlzLm9wdGlvbnMubmV0bnMgPyB0aGlzLm9wdGlvbnMubmV0bnMuY29tbWFuZCguLi5hcmd2KSA6IGFyZ3Y7XG4gICAgfVxuXG4gICAgYXN5bmMgam9pbih0b2tlbjogc3RyaW5nKTogUHJvbWlzZTx2b2lkPiB7XG4gICAgICAgIGF3YWl0IHJ1bih0aGlzLmNvbW1hbmQoXCJqb2luXCIsIFwiLS1jb25maWdcIiwgdGhpcy5jb25maWcsIFwiLS1zZXJ2ZXJcIiwgdGhpcy5vcHRpb25zLnNlcnZlciwgXCItLXRva2VuXCIsIHRva2VuKSwgeyBlbnY6IHRoaXMuZW52aXJvbm1lbnQgfSk7XG4gICAgfVxuXG4gICAgLy8gV2l0aG91dCB3YWl0aW5nOiBvbiBhIGZ1bGwgZGlzayB0aGVyZSBhcmUgbm8gcGlkIGZpbGVzIHRvIHdhaXQgZm9yLlxuICAgIGxhdW5jaCgpOiB2b2lkIHtcbiAgICAgICAgY29uc3QgbG9nID0gb3BlblN5bmModGhpcy5sb2csIFwiYVwiKTtcbiAgICAgICAgY29uc3QgYXJndiA9IHRoaXMuY29tbWFuZChcInJ1blwiLCBcIi0tY29uZmlnXCIsIHRoaXMuY29uZmlnKTtcbiAgICAgICAgdGhpcy4jY2hpbGQgPSBzcGF3bihhcmd2WzBdISwgYXJndi5zbGljZSgxKSwge1xuICAgICAgICAgICAgZW52OiB7IC4uLnByb2Nlc3MuZW52LCAuLi50aGlzLmVudmlyb25tZW50IH0sXG4gICAgICAgICAgICBzdGRpbzogW1wiaWdub3JlXCIsIGxvZywgbG9nXSxcbiAgICAgICAgfSk7XG4gICAgICAgIGNsb3NlU3luYyhsb2cpO1xuICAgICAgICB0aGlzLnNhbmRib3gudW5kb1Byb2Nlc3ModGhpcy4jY2hpbGQucGlkISk7XG4gICAgfVxuXG4gICAgYXN5bmMgc3RhcnQoKTogUHJvbWlzZTx2b2lkPiB7XG4gICAgICAgIHRoaXMubGF1bmNoKCk7XG4gICAgICAgIGF3YWl0IHVudGlsKFwidGhlIGFnZW50J3MgcHJvY2Vzc2VzIHJ1blwiLCAoKSA9PiB7XG4gICAgICAgICAgICBpZiAodGhpcy4jY2hpbGQhLmV4aXRDb2RlICE9PSBudWxsKSB7XG4gICAgICAgICAgICAgICAgdGhyb3cgbmV3IEVycm9yKGBjcm9mdC1hZ2VudCBlbmRlZDogJHt0aGlzLnRhaWwoKX1gKTtcbiAgICAgICAgICAgIH1cbiAgICAgICAgICAgIHJldHVybiBhbGl2ZSh0aGlzLnBpZChcImJyb2tlclwiKSkgJiYgYWxpdmUodGhpcy5waWQoXCJsaW5rXCIpKTtcbiAgICAgICAgfSwgNjBfMDAwKTtcbiAgICB9XG5cbiAgICAvLyBGcm9tIHJ1bi8sIGFzIHRoZSBhZ2VudCByZWNvcmRlZCBpdC5cbiAgICAvLyBJdHMgY2hpbGRyZW4gYXJlIGJyb2tlciwgbGluayBhbmQgdGhlIHRlbXBsYXRlIG9mIHdvcmtlcnMuXG4gICAgZ2V0IG1hc3RlcigpOiBudW1iZXIge1xuICAgICAgICByZXR1cm4gdGhpcy4jY2hpbGQhLnBpZCE7XG4gICAgfVxuXG4gICAgcGlkKHdoaWNoOiBQcm9jZXNzKTogbnVtYmVyIHtcbiAgICAgICAgcmV0dXJuIE51bWJlcihyZWFkRmlsZVN5bmMoYCR7dGhpcy5zdGF0ZX0vcnVuLyR7d2hpY2h9LnBpZGAsIFwidXRmOFwiKSk7XG4gICAgfVxuXG4gICAga2lsbCh3aGljaDogUHJvY2Vzcyk6IHZvaWQge1xuICAgICAgICBwcm9jZXNzLmtpbGwodGhpcy5waWQod2hpY2gpLCBcIlNJR0tJTExcIik7XG4gICAgfVxuXG4gICAgYXN5bmMgc3RvcChzaWduYWw6IE5vZGVKUy5TaWduYWxzID0gXCJTSUdURVJNXCIpOiBQcm9taXNlPHZvaWQ+IHtcbiAgICAgICAgY29uc3QgY2hpbGQgPSB0aGlzLiNjaGlsZDtcbiAgICAgICAgaWYgKGNoaWxkICYmIGNoaWxkLmV4aXRDb2RlID09PSBudWxsICYmIGNoaWxkLnNpZ25hbENvZGUgPT09IG51bGwpIHtcbiAgICAgICAgICAgIGNoaWxkLmtpbGwoc2lnbmFsKTtcbiAgICAgICAgICAgIGF3YWl0IHVudGlsKFwiY3JvZnQtYWdlbnQgZW5kc1wiLCAoKSA9PiBjaGlsZC5leGl0Q29kZSAhPT0gbnVsbCB8fCBjaGlsZC5zaWduYWxDb2RlICE9PSBudWxsLCAzMF8wMDApO1xuICAgICAgICB9XG4gICAgfVxuXG4gICAgdGFpbChsaW5lcyA9IDMwKTogc3RyaW5nIHtcbiAgICAgICAgcmV0dXJuIGV4aXN0c1N5bmModGhpcy5sb2cpID8gcmVhZEZpbGVTeW5jKHRoaXMubG9nLCBcInV0ZjhcIikuc3BsaXQoXCJcXG5cIikuc2xpY2UoLWxpbmVzKS5qb2luKFwiXFxuXCIpIDogXCJcIjtcbiAgICB9XG5cbiAgICAvLyBUaGUgbmV4dCB3b3JrZXIgdGhhdCBiZWdpbnMgdGhpcyBzdGVwIGtpbGxzIHRoZSBwcm9jZXNzIG5hbWVkLlxuICAgIGZhdWx0KHdobzogXCJ3b3JrZXJcIiB8IFwiYnJva2VyXCIgfCBcImxpbmtcIiwgc3RlcDogc3RyaW5nKTogdm9pZCB7XG4gICAgICAgIHdyaXRlRmlsZVN5bmMoYCR7dGhpcy5zdGF0ZX0vZmF1bHRgLCBgJHt3aG99ICR7c3RlcH1cXG5gKTtcbiAgICB9XG5cbiAgICBmYXVsdFBlbmRpbmcoKTogYm9vbGVhbiB7XG4gICAgICAgIHJldHVybiBleGlzdHNTeW5jKGAke3RoaXMuc3RhdGV9L2ZhdWx0YCk7XG4gICAgfVxuXG4gICAgYXN5bmMgc3RlcHMoKTogUHJvbWlzZTxzdHJpbmdbXT4ge1xuICAgICAgICBjb25zdCB7IHN0ZG91dCB9ID0gYXdhaXQgcnVuKFt0aGlzLnByb2dyYW0sIFwic3RlcHNcIl0sIHsgZW52OiB0aGlzLmVudmlyb25tZW50IH0pO1xuICAgICAgICByZXR1cm4gc3Rkb3V0LnNwbGl0KFwiXFxuXCIpLmZpbHRlcihCb29sZWFuKTtcbiAgICB9XG5cbiAgICB2cHNGb2xkZXJzKCk6IHN0cmluZ1tdIHtcbiAgICAgICAgY29uc3QgZm9sZGVyID0gYCR7dGhpcy5zdGF0ZX0vdnBzYDtcbiAgICAgICAgcmV0dXJuIGV4aXN0c1N5bmMoZm9sZGVyKSA/IHJlYWRkaXJTeW5jKGZvbGRlcikuZmlsdGVyKChuYW1lKSA9PiAvXlswLTlhLWYtXXszNn0kLy50ZXN0KG5hbWUpKSA6IFtdO1xuICAgIH1cbn1cbiJdLAogICJtYXBwaW5ncyI6ICJBQUNBLFNBQTRCLGNBQWMsYUFBYTtBQUN2RCxTQUFTLFdBQVcsWUFBWSxXQUFXLFVBQVUsY0FBYyxhQUFhLHFCQUFxQjtBQUNyRyxTQUFTLGlCQUFpQjtBQUMxQixTQUFTLEtBQUssYUFBYTtBQUUzQixTQUFTLGNBQWMscUJBQXFCO0FBQzVDLFNBQVMsT0FBTyxhQUEyQjtBQUMzQyxTQUFTLE9BQU8sa0JBQWtDO0FBZWxELElBQUksU0FBUztBQUVOLE1BQU0sTUFBTTtBQUFBLEVBTWYsWUFDYSxTQUNBLFNBQ1g7QUFGVztBQUNBO0FBRVQsVUFBTSxPQUFPLFFBQVEsUUFBUTtBQUM3QixTQUFLLFFBQVEsUUFBUSxLQUFLLElBQUk7QUFDOUIsU0FBSyxTQUFTLFFBQVEsS0FBSyxHQUFHLElBQUksT0FBTztBQUN6QyxTQUFLLE1BQU0sUUFBUSxRQUFRLFFBQVEsYUFBYSxHQUFHLEtBQUssS0FBSyxlQUFlLFFBQVEsS0FBSyxHQUFHLElBQUksTUFBTTtBQUN0RyxjQUFVLEtBQUssT0FBTyxFQUFFLE1BQU0sS0FBTyxXQUFXLEtBQUssQ0FBQztBQUN0RCxVQUFNLE9BQU8sUUFBUSxhQUFhLEVBQUUsUUFBUSxLQUFLLFdBQVcsUUFBUSxVQUFVLEVBQUUsSUFBSSxDQUFDO0FBQ3JGLFVBQU0sT0FBTyxRQUFRLFlBQVk7QUFFakMsVUFBTSxTQUFTLE9BQWdCLFFBQVEsTUFBTSxNQUFPLElBQUksWUFBWSxRQUFRO0FBQzVFLFVBQU0sV0FBVztBQUFBLE1BQ2I7QUFBQSxRQUNJLFdBQVcsS0FBSztBQUFBLFFBQ2hCLFFBQVEsUUFBUTtBQUFBLFFBQ2hCO0FBQUEsUUFDQSxXQUFXO0FBQUEsUUFDWCxXQUFXO0FBQUEsUUFDWCxTQUFTLEVBQUUsV0FBVyxPQUFPLFNBQVMsT0FBTyxRQUFRLE9BQU8sU0FBUyxTQUFTLFNBQVMsT0FBTyxTQUFTLFNBQVM7QUFBQSxRQUNoSCxNQUFNLEVBQUUsWUFBWSxLQUFLLElBQUksR0FBRyxLQUFLO0FBQUEsUUFDckMsS0FBSyxFQUFFLE1BQU0sU0FBUyxLQUFlLE9BQU8sSUFBSTtBQUFBLFFBQ2hELFVBQVUsRUFBRSxPQUFPLElBQUksY0FBYyxLQUFLLElBQUksWUFBWSxLQUFLLEdBQUc7QUFBQSxRQUNsRSxVQUFVO0FBQUEsUUFDVixVQUFVO0FBQUEsUUFDVixnQkFBZ0I7QUFBQSxRQUNoQixnQkFBZ0I7QUFBQTtBQUFBLE1BQ3BCO0FBQUEsTUFDQSxRQUFRO0FBQUEsSUFDWjtBQUNBLGtCQUFjLEtBQUssUUFBUSxVQUFVLFFBQVEsR0FBRyxFQUFFLE1BQU0sSUFBTSxDQUFDO0FBQy9ELFlBQVEsS0FBSyxHQUFHLE1BQU0sR0FBRyxhQUFhLGdCQUFnQixDQUFDLElBQUksTUFBTSxLQUFLLEtBQUssQ0FBQyxFQUFFO0FBQUEsRUFDbEY7QUFBQSxFQXRDUztBQUFBLEVBQ0E7QUFBQSxFQUNBO0FBQUEsRUFDVDtBQUFBO0FBQUEsRUFzQ0EsV0FBVyxPQUF1QjtBQUM5QixVQUFNQSxPQUFNLElBQUksU0FBbUIsYUFBYSxLQUFLLENBQUMsR0FBSSxLQUFLLE1BQU0sQ0FBQyxHQUFHLEVBQUUsVUFBVSxPQUFPLENBQUMsRUFBRSxLQUFLO0FBQ3BHLFVBQU0sT0FBTyxHQUFHLEtBQUssS0FBSztBQUMxQixTQUFLLFFBQVEsS0FBSyxtQkFBbUIsTUFBTSxLQUFLLEtBQUssQ0FBQyxjQUFjLE1BQU0sS0FBSyxLQUFLLENBQUMsRUFBRTtBQUN2RixJQUFBQSxLQUFJLFNBQVMsTUFBTSxTQUFTLE1BQU0sa0JBQWtCLEtBQUssSUFBSSxjQUFjLEtBQUssS0FBSztBQUNyRixJQUFBQSxLQUFJLFlBQVksTUFBTSxNQUFNLElBQUk7QUFDaEMsU0FBSyxRQUFRLEtBQUssY0FBYyxNQUFNLElBQUksQ0FBQyxzQ0FBc0M7QUFDakYsVUFBTSxTQUFTQSxLQUFJLFdBQVcsVUFBVSxVQUFVLElBQUk7QUFDdEQsSUFBQUEsS0FBSSxjQUFjLE1BQU0sTUFBTTtBQUM5QixXQUFPO0FBQUEsRUFDWDtBQUFBLEVBRUEsSUFBSSxVQUFrQjtBQUNsQixXQUFPLEtBQUssUUFBUSxXQUFXO0FBQUEsRUFDbkM7QUFBQTtBQUFBO0FBQUEsRUFJQSxJQUFJLGNBQXNDO0FBQ3RDLFdBQU8sV0FBVyxLQUFLLFNBQVMsS0FBSztBQUFBLEVBQ3pDO0FBQUEsRUFFQSxXQUFXLE1BQTBCO0FBQ2pDLFVBQU0sT0FBTyxDQUFDLEtBQUssU0FBUyxHQUFHLElBQUk7QUFDbkMsV0FBTyxLQUFLLFFBQVEsUUFBUSxLQUFLLFFBQVEsTUFBTSxRQUFRLEdBQUcsSUFBSSxJQUFJO0FBQUEsRUFDdEU7QUFBQSxFQUVBLE1BQU0sS0FBSyxPQUE4QjtBQUNyQyxVQUFNLElBQUksS0FBSyxRQUFRLFFBQVEsWUFBWSxLQUFLLFFBQVEsWUFBWSxLQUFLLFFBQVEsUUFBUSxXQUFXLEtBQUssR0FBRyxFQUFFLEtBQUssS0FBSyxZQUFZLENBQUM7QUFBQSxFQUN6STtBQUFBO0FBQUEsRUFHQSxTQUFlO0FBQ1gsVUFBTSxNQUFNLFNBQVMsS0FBSyxLQUFLLEdBQUc7QUFDbEMsVUFBTSxPQUFPLEtBQUssUUFBUSxPQUFPLFlBQVksS0FBSyxNQUFNO0FBQ3hELFNBQUssU0FBUyxNQUFNLEtBQUssQ0FBQyxHQUFJLEtBQUssTUFBTSxDQUFDLEdBQUc7QUFBQSxNQUN6QyxLQUFLLEVBQUUsR0FBRyxRQUFRLEtBQUssR0FBRyxLQUFLLFlBQVk7QUFBQSxNQUMzQyxPQUFPLENBQUMsVUFBVSxLQUFLLEdBQUc7QUFBQSxJQUM5QixDQUFDO0FBQ0QsY0FBVSxHQUFHO0FBQ2IsU0FBSyxRQUFRLFlBQVksS0FBSyxPQUFPLEdBQUk7QUFBQSxFQUM3QztBQUFBLEVBRUEsTUFBTSxRQUF1QjtBQUN6QixTQUFLLE9BQU87QUFDWixVQUFNLE1BQU0sNkJBQTZCLE1BQU07QUFDM0MsVUFBSSxLQUFLLE9BQVEsYUFBYSxNQUFNO0FBQ2hDLGNBQU0sSUFBSSxNQUFNLHNCQUFzQixLQUFLLEtBQUssQ0FBQyxFQUFFO0FBQUEsTUFDdkQ7QUFDQSxhQUFPLE1BQU0sS0FBSyxJQUFJLFFBQVEsQ0FBQyxLQUFLLE1BQU0sS0FBSyxJQUFJLE1BQU0sQ0FBQztBQUFBLElBQzlELEdBQUcsR0FBTTtBQUFBLEVBQ2I7QUFBQTtBQUFBO0FBQUEsRUFJQSxJQUFJLFNBQWlCO0FBQ2pCLFdBQU8sS0FBSyxPQUFRO0FBQUEsRUFDeEI7QUFBQSxFQUVBLElBQUksT0FBd0I7QUFDeEIsV0FBTyxPQUFPLGFBQWEsR0FBRyxLQUFLLEtBQUssUUFBUSxLQUFLLFFBQVEsTUFBTSxDQUFDO0FBQUEsRUFDeEU7QUFBQSxFQUVBLEtBQUssT0FBc0I7QUFDdkIsWUFBUSxLQUFLLEtBQUssSUFBSSxLQUFLLEdBQUcsU0FBUztBQUFBLEVBQzNDO0FBQUEsRUFFQSxNQUFNLEtBQUssU0FBeUIsV0FBMEI7QUFDMUQsVUFBTSxRQUFRLEtBQUs7QUFDbkIsUUFBSSxTQUFTLE1BQU0sYUFBYSxRQUFRLE1BQU0sZUFBZSxNQUFNO0FBQy9ELFlBQU0sS0FBSyxNQUFNO0FBQ2pCLFlBQU0sTUFBTSxvQkFBb0IsTUFBTSxNQUFNLGFBQWEsUUFBUSxNQUFNLGVBQWUsTUFBTSxHQUFNO0FBQUEsSUFDdEc7QUFBQSxFQUNKO0FBQUEsRUFFQSxLQUFLLFFBQVEsSUFBWTtBQUNyQixXQUFPLFdBQVcsS0FBSyxHQUFHLElBQUksYUFBYSxLQUFLLEtBQUssTUFBTSxFQUFFLE1BQU0sSUFBSSxFQUFFLE1BQU0sQ0FBQyxLQUFLLEVBQUUsS0FBSyxJQUFJLElBQUk7QUFBQSxFQUN4RztBQUFBO0FBQUEsRUFHQSxNQUFNLEtBQW1DLE1BQW9CO0FBQ3pELGtCQUFjLEdBQUcsS0FBSyxLQUFLLFVBQVUsR0FBRyxHQUFHLElBQUksSUFBSTtBQUFBLENBQUk7QUFBQSxFQUMzRDtBQUFBLEVBRUEsZUFBd0I7QUFDcEIsV0FBTyxXQUFXLEdBQUcsS0FBSyxLQUFLLFFBQVE7QUFBQSxFQUMzQztBQUFBLEVBRUEsTUFBTSxRQUEyQjtBQUM3QixVQUFNLEVBQUUsT0FBTyxJQUFJLE1BQU0sSUFBSSxDQUFDLEtBQUssU0FBUyxPQUFPLEdBQUcsRUFBRSxLQUFLLEtBQUssWUFBWSxDQUFDO0FBQy9FLFdBQU8sT0FBTyxNQUFNLElBQUksRUFBRSxPQUFPLE9BQU87QUFBQSxFQUM1QztBQUFBLEVBRUEsYUFBdUI7QUFDbkIsVUFBTSxTQUFTLEdBQUcsS0FBSyxLQUFLO0FBQzVCLFdBQU8sV0FBVyxNQUFNLElBQUksWUFBWSxNQUFNLEVBQUUsT0FBTyxDQUFDLFNBQVMsa0JBQWtCLEtBQUssSUFBSSxDQUFDLElBQUksQ0FBQztBQUFBLEVBQ3RHO0FBQ0o7IiwKICAibmFtZXMiOiBbInJ1biJdCn0K
