import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const runName = process.env.CROFT_RUN ?? "hand";
class Sandbox {
  dir;
  // searchable by others: PostgreSQL and guests live below
  id;
  // unique on this machine while the sandbox lives; short enough for a link name
  #reaper;
  constructor() {
    const script = fileURLToPath(new URL("./reaper.js", import.meta.url));
    this.#reaper = spawn(process.execPath, [script], { stdio: ["pipe", "inherit", "inherit"], detached: true });
    this.dir = mkdtempSync(`/var/lib/croft-test-${runName}-`);
    this.id = runName + this.dir.slice(-6);
    this.undo(`chmod 700 ${quote(this.dir)}; rm -rf --one-file-system ${quote(this.dir)}`);
  }
  undo(command) {
    this.#reaper.stdin.write(`${JSON.stringify(command)}
`);
  }
  // Registers the end of a process: by its id and its start time, so that a later process with
  // the same id is spared.
  undoProcess(pid) {
    this.undo(`[ "$(awk '{print $22}' /proc/${pid}/stat 2>/dev/null)" != "${startTime(pid)}" ] || kill -9 ${pid}`);
  }
  path(...names) {
    return join(this.dir, ...names);
  }
  // Reports of the sanitizers, from all programs that ran here.
  sanitizerReports() {
    return readdirSync(this.dir).filter((name) => name.startsWith("sanitizer.")).map((name) => readFileSync(join(this.dir, name), "utf8")).join("\n");
  }
  // Takes everything back. Throws if something could not be taken back, or a sanitizer complained.
  async close() {
    const ended = new Promise((resolve) => this.#reaper.on("exit", resolve));
    const reports = this.sanitizerReports();
    this.#reaper.stdin.end();
    if (await ended !== 0) {
      throw new Error("not everything could be cleaned up");
    }
    if (reports) {
      throw new Error(`sanitizer reports:
${reports}`);
    }
  }
}
function startTime(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
function alive(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "0.0.0.0", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
export {
  Sandbox,
  alive,
  freePort,
  quote,
  startTime
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9zYW5kYm94LnRzIl0sCiAgInNvdXJjZXNDb250ZW50IjogWyIvLyBXaGF0IG9uZSB0ZXN0IGZpbGUgbWFrZXMgb24gdGhlIG1hY2hpbmUuIEV2ZXJ5IHRoaW5nIGlzIHJlZ2lzdGVyZWQgd2l0aCB0aGUgc2hlbGwgY29tbWFuZCB0aGF0XG4vLyB0YWtlcyBpdCBiYWNrIGJlZm9yZSBpdCBpcyBtYWRlOyBhIHJlYXBlciBwcm9jZXNzIHJ1bnMgdGhlbSwgZXZlbiBpZiB0aGlzIHByb2Nlc3MgaXMga2lsbGVkLlxuaW1wb3J0IHsgdHlwZSBDaGlsZFByb2Nlc3MsIHNwYXduIH0gZnJvbSBcIm5vZGU6Y2hpbGRfcHJvY2Vzc1wiO1xuaW1wb3J0IHsgbWtkdGVtcFN5bmMsIHJlYWRkaXJTeW5jLCByZWFkRmlsZVN5bmMgfSBmcm9tIFwibm9kZTpmc1wiO1xuaW1wb3J0IHsgY3JlYXRlU2VydmVyIH0gZnJvbSBcIm5vZGU6bmV0XCI7XG5pbXBvcnQgeyBqb2luIH0gZnJvbSBcIm5vZGU6cGF0aFwiO1xuaW1wb3J0IHsgZmlsZVVSTFRvUGF0aCB9IGZyb20gXCJub2RlOnVybFwiO1xuXG5leHBvcnQgY29uc3QgcXVvdGUgPSAodGV4dDogc3RyaW5nKSA9PiBgJyR7dGV4dC5yZXBsYWNlQWxsKFwiJ1wiLCBgJ1xcXFwnJ2ApfSdgO1xuXG4vLyBJbiB0aGUgbmFtZSBvZiBldmVyeXRoaW5nIHRoYXQgYSBydW4gb2YgdGVzdHMvcnVuIG1ha2VzLCBzbyB0aGF0IGl0IGtub3dzIGl0cyBvd24uXG5jb25zdCBydW5OYW1lID0gcHJvY2Vzcy5lbnYuQ1JPRlRfUlVOID8/IFwiaGFuZFwiO1xuXG5leHBvcnQgY2xhc3MgU2FuZGJveCB7XG4gICAgcmVhZG9ubHkgZGlyOiBzdHJpbmc7IC8vIHNlYXJjaGFibGUgYnkgb3RoZXJzOiBQb3N0Z3JlU1FMIGFuZCBndWVzdHMgbGl2ZSBiZWxvd1xuICAgIHJlYWRvbmx5IGlkOiBzdHJpbmc7IC8vIHVuaXF1ZSBvbiB0aGlzIG1hY2hpbmUgd2hpbGUgdGhlIHNhbmRib3ggbGl2ZXM7IHNob3J0IGVub3VnaCBmb3IgYSBsaW5rIG5hbWVcbiAgICByZWFkb25seSAjcmVhcGVyOiBDaGlsZFByb2Nlc3M7XG5cbiAgICBjb25zdHJ1Y3RvcigpIHtcbiAgICAgICAgY29uc3Qgc2NyaXB0ID0gZmlsZVVSTFRvUGF0aChuZXcgVVJMKFwiLi9yZWFwZXIuanNcIiwgaW1wb3J0Lm1ldGEudXJsKSk7XG4gICAgICAgIHRoaXMuI3JlYXBlciA9IHNwYXduKHByb2Nlc3MuZXhlY1BhdGgsIFtzY3JpcHRdLCB7IHN0ZGlvOiBbXCJwaXBlXCIsIFwiaW5oZXJpdFwiLCBcImluaGVyaXRcIl0sIGRldGFjaGVkOiB0cnVlIH0pO1xuICAgICAgICB0aGlzLmRpciA9IG1rZHRlbXBTeW5jKGAvdmFyL2xpYi9jcm9mdC10ZXN0LSR7cnVuTmFtZX0tYCk7XG4gICAgICAgIHRoaXMuaWQgPSBydW5OYW1lICsgdGhpcy5kaXIuc2xpY2UoLTYpO1xuICAgICAgICB0aGlzLnVuZG8oYGNobW9kIDcwMCAke3F1b3RlKHRoaXMuZGlyKX07IHJtIC1yZiAtLW9uZS1maWxlLXN5c3RlbSAke3F1b3RlKHRoaXMuZGlyKX1gKTtcbiAgICB9XG5cbiAgICB1bmRvKGNvbW1hbmQ6IHN0cmluZyk6IHZvaWQge1xuICAgICAgICB0aGlzLiNyZWFwZXIuc3RkaW4hLndyaXRlKGAke0pTT04uc3RyaW5naWZ5KGNvbW1hbmQpfVxcbmApO1xuICAgIH1cblxuICAgIC8vIFJlZ2lzdGVycyB0aGUgZW5kIG9mIGEgcHJvY2VzczogYnkgaXRzIGlkIGFuZCBpdHMgc3RhcnQgdGltZSwgc28gdGhhdCBhIGxhdGVyIHByb2Nlc3Mgd2l0aFxuICAgIC8vIHRoZSBzYW1lIGlkIGlzIHNwYXJlZC5cbiAgICB1bmRvUHJvY2VzcyhwaWQ6IG51bWJlcik6IHZvaWQge1xuICAgICAgICB0aGlzLnVuZG8oYFsgXCIkKGF3ayAne3ByaW50ICQyMn0nIC9wcm9jLyR7cGlkfS9zdGF0IDI+L2Rldi9udWxsKVwiICE9IFwiJHtzdGFydFRpbWUocGlkKX1cIiBdIHx8IGtpbGwgLTkgJHtwaWR9YCk7XG4gICAgfVxuXG4gICAgcGF0aCguLi5uYW1lczogc3RyaW5nW10pOiBzdHJpbmcge1xuICAgICAgICByZXR1cm4gam9pbih0aGlzLmRpciwgLi4ubmFtZXMpO1xuICAgIH1cblxuICAgIC8vIFJlcG9ydHMgb2YgdGhlIHNhbml0aXplcnMsIGZyb20gYWxsIHByb2dyYW1zIHRoYXQgcmFuIGhlcmUuXG4gICAgc2FuaXRpemVyUmVwb3J0cygpOiBzdHJpbmcge1xuICAgICAgICByZXR1cm4gcmVhZGRpclN5bmModGhpcy5kaXIpXG4gICAgICAgICAgICAuZmlsdGVyKChuYW1lKSA9PiBuYW1lLnN0YXJ0c1dpdGgoXCJzYW5pdGl6ZXIuXCIpKVxuICAgICAgICAgICAgLm1hcCgobmFtZSkgPT4gcmVhZEZpbGVTeW5jKGpvaW4odGhpcy5kaXIsIG5hbWUpLCBcInV0ZjhcIikpXG4gICAgICAgICAgICAuam9pbihcIlxcblwiKTtcbiAgICB9XG5cbiAgICAvLyBUYWtlcyBldmVyeXRoaW5nIGJhY2suIFRocm93cyBpZiBzb21ldGhpbmcgY291bGQgbm90IGJlIHRha2VuIGJhY2ssIG9yIGEgc2FuaXRpemVyIGNvbXBsYWluZWQuXG4gICAgYXN5bmMgY2xvc2UoKTogUHJvbWlzZTx2b2lkPiB7XG4gICAgICAgIGNvbnN0IGVuZGVkID0gbmV3IFByb21pc2U8bnVtYmVyIHwgbnVsbD4oKHJlc29sdmUpID0+IHRoaXMuI3JlYXBlci5vbihcImV4aXRcIiwgcmVzb2x2ZSkpO1xuICAgICAgICBjb25zdCByZXBvcnRzID0gdGhpcy5zYW5pdGl6ZXJSZXBvcnRzKCk7XG4gICAgICAgIHRoaXMuI3JlYXBlci5zdGRpbiEuZW5kKCk7XG4gICAgICAgIGlmICgoYXdhaXQgZW5kZWQpICE9PSAwKSB7XG4gICAgICAgICAgICB0aHJvdyBuZXcgRXJyb3IoXCJub3QgZXZlcnl0aGluZyBjb3VsZCBiZSBjbGVhbmVkIHVwXCIpO1xuICAgICAgICB9XG4gICAgICAgIGlmIChyZXBvcnRzKSB7XG4gICAgICAgICAgICB0aHJvdyBuZXcgRXJyb3IoYHNhbml0aXplciByZXBvcnRzOlxcbiR7cmVwb3J0c31gKTtcbiAgICAgICAgfVxuICAgIH1cbn1cblxuZXhwb3J0IGZ1bmN0aW9uIHN0YXJ0VGltZShwaWQ6IG51bWJlcik6IHN0cmluZyB7XG4gICAgY29uc3Qgc3RhdCA9IHJlYWRGaWxlU3luYyhgL3Byb2MvJHtwaWR9L3N0YXRgLCBcInV0ZjhcIik7XG4gICAgcmV0dXJuIHN0YXQuc2xpY2Uoc3RhdC5sYXN0SW5kZXhPZihcIilcIikgKyAyKS5zcGxpdChcIiBcIilbMTldITtcbn1cblxuZXhwb3J0IGZ1bmN0aW9uIGFsaXZlKHBpZDogbnVtYmVyKTogYm9vbGVhbiB7XG4gICAgdHJ5IHtcbiAgICAgICAgY29uc3Qgc3RhdCA9IHJlYWRGaWxlU3luYyhgL3Byb2MvJHtwaWR9L3N0YXRgLCBcInV0ZjhcIik7XG4gICAgICAgIHJldHVybiAhL1xcKSBbWlhdIC8udGVzdChzdGF0KTtcbiAgICB9IGNhdGNoIHtcbiAgICAgICAgcmV0dXJuIGZhbHNlO1xuICAgIH1cbn1cblxuLy8gQSBUQ1AgcG9ydCB0aGF0IG5vdGhpbmcgbGlzdGVucyBvbiBub3cuXG4vLyBUaGUga2VybmVsIGhhbmRzIG91dCBlcGhlbWVyYWwgcG9ydHMgaW4gcmFuZG9tIG9yZGVyLCBzbyB0d28gc3VpdGVzIGhhcmRseSBtZWV0LlxuZXhwb3J0IGZ1bmN0aW9uIGZyZWVQb3J0KCk6IFByb21pc2U8bnVtYmVyPiB7XG4gICAgcmV0dXJuIG5ldyBQcm9taXNlKChyZXNvbHZlLCByZWplY3QpID0+IHtcbiAgICAgICAgY29uc3Qgc2VydmVyID0gY3JlYXRlU2VydmVyKCk7XG4gICAgICAgIHNlcnZlci5vbihcImVycm9yXCIsIHJlamVjdCk7XG4gICAgICAgIHNlcnZlci5saXN0ZW4oMCwgXCIwLjAuMC4wXCIsICgpID0+IHtcbiAgICAgICAgICAgIGNvbnN0IGFkZHJlc3MgPSBzZXJ2ZXIuYWRkcmVzcygpO1xuICAgICAgICAgICAgc2VydmVyLmNsb3NlKCgpID0+IHJlc29sdmUodHlwZW9mIGFkZHJlc3MgPT09IFwib2JqZWN0XCIgJiYgYWRkcmVzcyA/IGFkZHJlc3MucG9ydCA6IDApKTtcbiAgICAgICAgfSk7XG4gICAgfSk7XG59XG4iXSwKICAibWFwcGluZ3MiOiAiQUFFQSxTQUE0QixhQUFhO0FBQ3pDLFNBQVMsYUFBYSxhQUFhLG9CQUFvQjtBQUN2RCxTQUFTLG9CQUFvQjtBQUM3QixTQUFTLFlBQVk7QUFDckIsU0FBUyxxQkFBcUI7QUFFdkIsTUFBTSxRQUFRLENBQUMsU0FBaUIsSUFBSSxLQUFLLFdBQVcsS0FBSyxPQUFPLENBQUM7QUFHeEUsTUFBTSxVQUFVLFFBQVEsSUFBSSxhQUFhO0FBRWxDLE1BQU0sUUFBUTtBQUFBLEVBQ1I7QUFBQTtBQUFBLEVBQ0E7QUFBQTtBQUFBLEVBQ0E7QUFBQSxFQUVULGNBQWM7QUFDVixVQUFNLFNBQVMsY0FBYyxJQUFJLElBQUksZUFBZSxZQUFZLEdBQUcsQ0FBQztBQUNwRSxTQUFLLFVBQVUsTUFBTSxRQUFRLFVBQVUsQ0FBQyxNQUFNLEdBQUcsRUFBRSxPQUFPLENBQUMsUUFBUSxXQUFXLFNBQVMsR0FBRyxVQUFVLEtBQUssQ0FBQztBQUMxRyxTQUFLLE1BQU0sWUFBWSx1QkFBdUIsT0FBTyxHQUFHO0FBQ3hELFNBQUssS0FBSyxVQUFVLEtBQUssSUFBSSxNQUFNLEVBQUU7QUFDckMsU0FBSyxLQUFLLGFBQWEsTUFBTSxLQUFLLEdBQUcsQ0FBQyw4QkFBOEIsTUFBTSxLQUFLLEdBQUcsQ0FBQyxFQUFFO0FBQUEsRUFDekY7QUFBQSxFQUVBLEtBQUssU0FBdUI7QUFDeEIsU0FBSyxRQUFRLE1BQU8sTUFBTSxHQUFHLEtBQUssVUFBVSxPQUFPLENBQUM7QUFBQSxDQUFJO0FBQUEsRUFDNUQ7QUFBQTtBQUFBO0FBQUEsRUFJQSxZQUFZLEtBQW1CO0FBQzNCLFNBQUssS0FBSyxnQ0FBZ0MsR0FBRywyQkFBMkIsVUFBVSxHQUFHLENBQUMsa0JBQWtCLEdBQUcsRUFBRTtBQUFBLEVBQ2pIO0FBQUEsRUFFQSxRQUFRLE9BQXlCO0FBQzdCLFdBQU8sS0FBSyxLQUFLLEtBQUssR0FBRyxLQUFLO0FBQUEsRUFDbEM7QUFBQTtBQUFBLEVBR0EsbUJBQTJCO0FBQ3ZCLFdBQU8sWUFBWSxLQUFLLEdBQUcsRUFDdEIsT0FBTyxDQUFDLFNBQVMsS0FBSyxXQUFXLFlBQVksQ0FBQyxFQUM5QyxJQUFJLENBQUMsU0FBUyxhQUFhLEtBQUssS0FBSyxLQUFLLElBQUksR0FBRyxNQUFNLENBQUMsRUFDeEQsS0FBSyxJQUFJO0FBQUEsRUFDbEI7QUFBQTtBQUFBLEVBR0EsTUFBTSxRQUF1QjtBQUN6QixVQUFNLFFBQVEsSUFBSSxRQUF1QixDQUFDLFlBQVksS0FBSyxRQUFRLEdBQUcsUUFBUSxPQUFPLENBQUM7QUFDdEYsVUFBTSxVQUFVLEtBQUssaUJBQWlCO0FBQ3RDLFNBQUssUUFBUSxNQUFPLElBQUk7QUFDeEIsUUFBSyxNQUFNLFVBQVcsR0FBRztBQUNyQixZQUFNLElBQUksTUFBTSxvQ0FBb0M7QUFBQSxJQUN4RDtBQUNBLFFBQUksU0FBUztBQUNULFlBQU0sSUFBSSxNQUFNO0FBQUEsRUFBdUIsT0FBTyxFQUFFO0FBQUEsSUFDcEQ7QUFBQSxFQUNKO0FBQ0o7QUFFTyxTQUFTLFVBQVUsS0FBcUI7QUFDM0MsUUFBTSxPQUFPLGFBQWEsU0FBUyxHQUFHLFNBQVMsTUFBTTtBQUNyRCxTQUFPLEtBQUssTUFBTSxLQUFLLFlBQVksR0FBRyxJQUFJLENBQUMsRUFBRSxNQUFNLEdBQUcsRUFBRSxFQUFFO0FBQzlEO0FBRU8sU0FBUyxNQUFNLEtBQXNCO0FBQ3hDLE1BQUk7QUFDQSxVQUFNLE9BQU8sYUFBYSxTQUFTLEdBQUcsU0FBUyxNQUFNO0FBQ3JELFdBQU8sQ0FBQyxXQUFXLEtBQUssSUFBSTtBQUFBLEVBQ2hDLFFBQVE7QUFDSixXQUFPO0FBQUEsRUFDWDtBQUNKO0FBSU8sU0FBUyxXQUE0QjtBQUN4QyxTQUFPLElBQUksUUFBUSxDQUFDLFNBQVMsV0FBVztBQUNwQyxVQUFNLFNBQVMsYUFBYTtBQUM1QixXQUFPLEdBQUcsU0FBUyxNQUFNO0FBQ3pCLFdBQU8sT0FBTyxHQUFHLFdBQVcsTUFBTTtBQUM5QixZQUFNLFVBQVUsT0FBTyxRQUFRO0FBQy9CLGFBQU8sTUFBTSxNQUFNLFFBQVEsT0FBTyxZQUFZLFlBQVksVUFBVSxRQUFRLE9BQU8sQ0FBQyxDQUFDO0FBQUEsSUFDekYsQ0FBQztBQUFBLEVBQ0wsQ0FBQztBQUNMOyIsCiAgIm5hbWVzIjogW10KfQo=
