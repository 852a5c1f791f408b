import { run, output } from "./command.js";
class Netns {
  name;
  hostAddress;
  nodeAddress;
  #hostLink;
  #nodeLink;
  constructor(sandbox) {
    const third = process.pid >> 6;
    const network = `10.${192 + (third >> 8 & 31)}.${third & 255}`;
    const low = (process.pid & 63) << 2;
    this.name = `croft-test-${sandbox.id}`;
    this.#hostLink = `ct${sandbox.id}h`;
    this.#nodeLink = `ct${sandbox.id}n`;
    this.hostAddress = `${network}.${low + 1}`;
    this.nodeAddress = `${network}.${low + 2}`;
  }
  static async create(sandbox) {
    const ns = new Netns(sandbox);
    sandbox.undo(`! ip netns list | grep -q '^${ns.name}\\b' || ip netns del ${ns.name}`);
    sandbox.undo(`! ip link show ${ns.#hostLink} >/dev/null 2>&1 || ip link del ${ns.#hostLink}`);
    await run(["ip", "netns", "add", ns.name]);
    await run(["ip", "link", "add", ns.#hostLink, "type", "veth", "peer", "name", ns.#nodeLink, "netns", ns.name]);
    await run(["ip", "addr", "add", `${ns.hostAddress}/30`, "dev", ns.#hostLink]);
    await run(["ip", "link", "set", ns.#hostLink, "up"]);
    await ns.run("ip", "link", "set", "lo", "up");
    await ns.run("ip", "addr", "add", `${ns.nodeAddress}/30`, "dev", ns.#nodeLink);
    await ns.run("ip", "link", "set", ns.#nodeLink, "up");
    return ns;
  }
  command(...argv) {
    return ["nsenter", `--net=/run/netns/${this.name}`, ...argv];
  }
  run(...argv) {
    return run(this.command(...argv));
  }
  output(...argv) {
    return output(this.command(...argv));
  }
  // Pulls the plug between node and server, and puts it back.
  async link(state) {
    await run(["ip", "link", "set", this.#hostLink, state]);
  }
}
export {
  Netns
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9uZXRucy50cyJdLAogICJzb3VyY2VzQ29udGVudCI6IFsiLy8gQSBuZXR3b3JrIG5hbWVzcGFjZSB0aGF0IHN0YW5kcyBmb3IgYSBub2RlLCBqb2luZWQgdG8gdGhlIGhvc3QgYnkgYSB2ZXRoIHBhaXIuIEd1ZXN0cycgcm91dGVzLCBuZnRhYmxlc1xuLy8gYW5kIGRldmljZXMgc3RheSBpbnNpZGUuIGBpcCBuZXRucyBleGVjYCB3b3VsZCByZXBsYWNlIC9zeXMgYW5kIGhpZGUgdGhlIGNncm91cHMsIHNvIG5zZW50ZXIgZW50ZXJzLlxuaW1wb3J0IHsgcnVuLCBvdXRwdXQgfSBmcm9tIFwiLi9jb21tYW5kLmpzXCI7XG5pbXBvcnQgeyBTYW5kYm94IH0gZnJvbSBcIi4vc2FuZGJveC5qc1wiO1xuXG5leHBvcnQgY2xhc3MgTmV0bnMge1xuICAgIHJlYWRvbmx5IG5hbWU6IHN0cmluZztcbiAgICByZWFkb25seSBob3N0QWRkcmVzczogc3RyaW5nO1xuICAgIHJlYWRvbmx5IG5vZGVBZGRyZXNzOiBzdHJpbmc7XG4gICAgcmVhZG9ubHkgI2hvc3RMaW5rOiBzdHJpbmc7XG4gICAgcmVhZG9ubHkgI25vZGVMaW5rOiBzdHJpbmc7XG5cbiAgICBwcml2YXRlIGNvbnN0cnVjdG9yKHNhbmRib3g6IFNhbmRib3gpIHtcbiAgICAgICAgLy8gQSAvMzAgb2YgMTAuMTkyLjAuMC8xMSwgZnJvbSB0aGlzIHByb2Nlc3MncyBpZDogdW5pcXVlIGFtb25nIHRlc3RzIHRoYXQgcnVuIGF0IG9uY2UuXG4gICAgICAgIGNvbnN0IHRoaXJkID0gcHJvY2Vzcy5waWQgPj4gNjtcbiAgICAgICAgY29uc3QgbmV0d29yayA9IGAxMC4kezE5MiArICgodGhpcmQgPj4gOCkgJiAzMSl9LiR7dGhpcmQgJiAyNTV9YDtcbiAgICAgICAgY29uc3QgbG93ID0gKHByb2Nlc3MucGlkICYgNjMpIDw8IDI7XG4gICAgICAgIHRoaXMubmFtZSA9IGBjcm9mdC10ZXN0LSR7c2FuZGJveC5pZH1gO1xuICAgICAgICB0aGlzLiNob3N0TGluayA9IGBjdCR7c2FuZGJveC5pZH1oYDtcbiAgICAgICAgdGhpcy4jbm9kZUxpbmsgPSBgY3Qke3NhbmRib3guaWR9bmA7XG4gICAgICAgIHRoaXMuaG9zdEFkZHJlc3MgPSBgJHtuZXR3b3JrfS4ke2xvdyArIDF9YDtcbiAgICAgICAgdGhpcy5ub2RlQWRkcmVzcyA9IGAke25ldHdvcmt9LiR7bG93ICsgMn1gO1xuICAgIH1cblxuICAgIHN0YXRpYyBhc3luYyBjcmVhdGUoc2FuZGJveDogU2FuZGJveCk6IFByb21pc2U8TmV0bnM+IHtcbiAgICAgICAgY29uc3QgbnMgPSBuZXcgTmV0bnMoc2FuZGJveCk7XG4gICAgICAgIHNhbmRib3gudW5kbyhgISBpcCBuZXRucyBsaXN0IHwgZ3JlcCAtcSAnXiR7bnMubmFtZX1cXFxcYicgfHwgaXAgbmV0bnMgZGVsICR7bnMubmFtZX1gKTtcbiAgICAgICAgc2FuZGJveC51bmRvKGAhIGlwIGxpbmsgc2hvdyAke25zLiNob3N0TGlua30gPi9kZXYvbnVsbCAyPiYxIHx8IGlwIGxpbmsgZGVsICR7bnMuI2hvc3RMaW5rfWApO1xuICAgICAgICBhd2FpdCBydW4oW1wiaXBcIiwgXCJuZXRuc1wiLCBcImFkZFwiLCBucy5uYW1lXSk7XG4gICAgICAgIGF3YWl0IHJ1bihbXCJpcFwiLCBcImxpbmtcIiwgXCJhZGRcIiwgbnMuI2hvc3RMaW5rLCBcInR5cGVcIiwgXCJ2ZXRoXCIsIFwicGVlclwiLCBcIm5hbWVcIiwgbnMuI25vZGVMaW5rLCBcIm5ldG5zXCIsIG5zLm5hbWVdKTtcbiAgICAgICAgYXdhaXQgcnVuKFtcImlwXCIsIFwiYWRkclwiLCBcImFkZFwiLCBgJHtucy5ob3N0QWRkcmVzc30vMzBgLCBcImRldlwiLCBucy4jaG9zdExpbmtdKTtcbiAgICAgICAgYXdhaXQgcnVuKFtcImlwXCIsIFwibGlua1wiLCBcInNldFwiLCBucy4jaG9zdExpbmssIFwidXBcIl0pO1xuICAgICAgICBhd2FpdCBucy5ydW4oXCJpcFwiLCBcImxpbmtcIiwgXCJzZXRcIiwgXCJsb1wiLCBcInVwXCIpO1xuICAgICAgICBhd2FpdCBucy5ydW4oXCJpcFwiLCBcImFkZHJcIiwgXCJhZGRcIiwgYCR7bnMubm9kZUFkZHJlc3N9LzMwYCwgXCJkZXZcIiwgbnMuI25vZGVMaW5rKTtcbiAgICAgICAgYXdhaXQgbnMucnVuKFwiaXBcIiwgXCJsaW5rXCIsIFwic2V0XCIsIG5zLiNub2RlTGluaywgXCJ1cFwiKTtcbiAgICAgICAgcmV0dXJuIG5zO1xuICAgIH1cblxuICAgIGNvbW1hbmQoLi4uYXJndjogc3RyaW5nW10pOiBzdHJpbmdbXSB7XG4gICAgICAgIHJldHVybiBbXCJuc2VudGVyXCIsIGAtLW5ldD0vcnVuL25ldG5zLyR7dGhpcy5uYW1lfWAsIC4uLmFyZ3ZdO1xuICAgIH1cblxuICAgIHJ1biguLi5hcmd2OiBzdHJpbmdbXSkge1xuICAgICAgICByZXR1cm4gcnVuKHRoaXMuY29tbWFuZCguLi5hcmd2KSk7XG4gICAgfVxuXG4gICAgb3V0cHV0KC4uLmFyZ3Y6IHN0cmluZ1tdKTogUHJvbWlzZTxzdHJpbmc+IHtcbiAgICAgICAgcmV0dXJuIG91dHB1dCh0aGlzLmNvbW1hbmQoLi4uYXJndikpO1xuICAgIH1cblxuICAgIC8vIFB1bGxzIHRoZSBwbHVnIGJldHdlZW4gbm9kZSBhbmQgc2VydmVyLCBhbmQgcHV0cyBpdCBiYWNrLlxuICAgIGFzeW5jIGxpbmsoc3RhdGU6IFwidXBcIiB8IFwiZG93blwiKTogUHJvbWlzZTx2b2lkPiB7XG4gICAgICAgIGF3YWl0IHJ1bihbXCJpcFwiLCBcImxpbmtcIiwgXCJzZXRcIiwgdGhpcy4jaG9zdExpbmssIHN0YXRlXSk7XG4gICAgfVxufVxuIl0sCiAgIm1hcHBpbmdzIjogIkFBRUEsU0FBUyxLQUFLLGNBQWM7QUFHckIsTUFBTSxNQUFNO0FBQUEsRUFDTjtBQUFBLEVBQ0E7QUFBQSxFQUNBO0FBQUEsRUFDQTtBQUFBLEVBQ0E7QUFBQSxFQUVELFlBQVksU0FBa0I7QUFFbEMsVUFBTSxRQUFRLFFBQVEsT0FBTztBQUM3QixVQUFNLFVBQVUsTUFBTSxPQUFRLFNBQVMsSUFBSyxHQUFHLElBQUksUUFBUSxHQUFHO0FBQzlELFVBQU0sT0FBTyxRQUFRLE1BQU0sT0FBTztBQUNsQyxTQUFLLE9BQU8sY0FBYyxRQUFRLEVBQUU7QUFDcEMsU0FBSyxZQUFZLEtBQUssUUFBUSxFQUFFO0FBQ2hDLFNBQUssWUFBWSxLQUFLLFFBQVEsRUFBRTtBQUNoQyxTQUFLLGNBQWMsR0FBRyxPQUFPLElBQUksTUFBTSxDQUFDO0FBQ3hDLFNBQUssY0FBYyxHQUFHLE9BQU8sSUFBSSxNQUFNLENBQUM7QUFBQSxFQUM1QztBQUFBLEVBRUEsYUFBYSxPQUFPLFNBQWtDO0FBQ2xELFVBQU0sS0FBSyxJQUFJLE1BQU0sT0FBTztBQUM1QixZQUFRLEtBQUssK0JBQStCLEdBQUcsSUFBSSx3QkFBd0IsR0FBRyxJQUFJLEVBQUU7QUFDcEYsWUFBUSxLQUFLLGtCQUFrQixHQUFHLFNBQVMsbUNBQW1DLEdBQUcsU0FBUyxFQUFFO0FBQzVGLFVBQU0sSUFBSSxDQUFDLE1BQU0sU0FBUyxPQUFPLEdBQUcsSUFBSSxDQUFDO0FBQ3pDLFVBQU0sSUFBSSxDQUFDLE1BQU0sUUFBUSxPQUFPLEdBQUcsV0FBVyxRQUFRLFFBQVEsUUFBUSxRQUFRLEdBQUcsV0FBVyxTQUFTLEdBQUcsSUFBSSxDQUFDO0FBQzdHLFVBQU0sSUFBSSxDQUFDLE1BQU0sUUFBUSxPQUFPLEdBQUcsR0FBRyxXQUFXLE9BQU8sT0FBTyxHQUFHLFNBQVMsQ0FBQztBQUM1RSxVQUFNLElBQUksQ0FBQyxNQUFNLFFBQVEsT0FBTyxHQUFHLFdBQVcsSUFBSSxDQUFDO0FBQ25ELFVBQU0sR0FBRyxJQUFJLE1BQU0sUUFBUSxPQUFPLE1BQU0sSUFBSTtBQUM1QyxVQUFNLEdBQUcsSUFBSSxNQUFNLFFBQVEsT0FBTyxHQUFHLEdBQUcsV0FBVyxPQUFPLE9BQU8sR0FBRyxTQUFTO0FBQzdFLFVBQU0sR0FBRyxJQUFJLE1BQU0sUUFBUSxPQUFPLEdBQUcsV0FBVyxJQUFJO0FBQ3BELFdBQU87QUFBQSxFQUNYO0FBQUEsRUFFQSxXQUFXLE1BQTBCO0FBQ2pDLFdBQU8sQ0FBQyxXQUFXLG9CQUFvQixLQUFLLElBQUksSUFBSSxHQUFHLElBQUk7QUFBQSxFQUMvRDtBQUFBLEVBRUEsT0FBTyxNQUFnQjtBQUNuQixXQUFPLElBQUksS0FBSyxRQUFRLEdBQUcsSUFBSSxDQUFDO0FBQUEsRUFDcEM7QUFBQSxFQUVBLFVBQVUsTUFBaUM7QUFDdkMsV0FBTyxPQUFPLEtBQUssUUFBUSxHQUFHLElBQUksQ0FBQztBQUFBLEVBQ3ZDO0FBQUE7QUFBQSxFQUdBLE1BQU0sS0FBSyxPQUFxQztBQUM1QyxVQUFNLElBQUksQ0FBQyxNQUFNLFFBQVEsT0FBTyxLQUFLLFdBQVcsS0FBSyxDQUFDO0FBQUEsRUFDMUQ7QUFDSjsiLAogICJuYW1lcyI6IFtdCn0K
