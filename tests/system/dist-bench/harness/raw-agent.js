import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { until } from "./command.js";
import { Console } from "./websocket.js";
function post(url, body) {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
    const call = request(url, { method: "POST", headers, agent: false, rejectUnauthorized: false }, (answer) => {
      let got = "";
      answer.on("data", (part) => got += part);
      answer.on("end", () => answer.statusCode === 201 ? resolve(JSON.parse(got)) : reject(new Error(`${answer.statusCode} ${got}`)));
    });
    call.on("error", reject);
    call.end(text);
  });
}
class RawLink {
  constructor(wire) {
    this.wire = wire;
  }
  epoch = 0;
  boot = randomUUID();
  said(type) {
    return this.wire.messages.filter((one) => one.type === type);
  }
  say(message) {
    this.wire.say({ epoch: this.epoch, ...message });
  }
  async hello(inventory) {
    const node = {
      kernel: "6.1.0",
      cpus: 64,
      memory_bytes: 2 ** 37,
      disk_bytes: 2 ** 41,
      disk_free_bytes: 2 ** 40,
      pool_bytes: 2 ** 41,
      id_base: 1e6,
      id_count: 1e3,
      cgroup: "v2",
      apparmor: false,
      lxcfs: true,
      drivers: { container: "lxc", volume: "btrfs", network: "routed" },
      warnings: []
    };
    this.wire.say({ type: "hello", agent: "0.1.0", boot: this.boot, name: "raw", node, images: [], inventory, alarms: [] });
    this.epoch = (await until("the server welcomes", () => this.said("welcome")[0] ?? this.#ended())).epoch;
  }
  #ended() {
    if (this.wire.closed) {
      throw new Error(`closed: ${JSON.stringify([this.wire.closed, this.wire.messages])}`);
    }
    return false;
  }
  task(id) {
    return until(`task ${id} is sent`, () => this.said("task").find((one) => one.task === id) ?? this.#ended());
  }
  // A result may be confirmed any number of times: once for each time that it is said.
  confirmed(id, times = 1) {
    return until(`${id} is confirmed ${times} times`, () => this.said("task_confirm").filter((one) => one.task === id).length >= times || this.#ended());
  }
  result(task, status, observed, change = {}) {
    const error = status === "failed" ? { code: "internal", detail: "The test says so." } : null;
    this.say({ type: "task_result", task: task.task, status, vps: task.vps, generation: task.generation, observed, error, ...change });
  }
  // All said before has been dealt with: the lane of a link keeps the order, and confirms what it does not know.
  async settled() {
    const task = randomUUID();
    this.say({ type: "task_result", task, status: "done", vps: randomUUID(), generation: 1, observed: "absent", error: null });
    await this.confirmed(task);
  }
}
class RawAgent {
  constructor(server, node, tls) {
    this.server = server;
    this.node = node;
    this.tls = tls;
  }
  static async join(world, name = "raw") {
    const key = world.sandbox.path(`${name}.key`);
    const csr = execFileSync("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`, "-keyout", key], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const { token } = await world.operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id } });
    const joined = await post(`https://${world.server.agentAddress}/agent/v1/join`, { token, name, csr });
    const tls = { key: readFileSync(key), cert: joined.certificate, ca: joined.ca, checkServerIdentity: () => void 0 };
    return new RawAgent(world.server.agentAddress, joined.node, tls);
  }
  async connect(inventory = []) {
    const wire = await Console.connect(`wss://${this.server}/agent/v1/link`, "", { "Sec-WebSocket-Protocol": "croft.v1" }, this.tls);
    if (!(wire instanceof Console)) {
      throw new Error(`refused: ${JSON.stringify(wire)}`);
    }
    const link = new RawLink(wire);
    await link.hello(inventory);
    return link;
  }
}
export {
  RawAgent,
  RawLink
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9yYXctYWdlbnQudHMiXSwKICAic291cmNlc0NvbnRlbnQiOiBbIi8vIEFuIGFnZW50IHRoYXQgZG9lcyBub3RoaW5nIGJ5IGl0c2VsZjogYSB0ZXN0IHNheXMgZWFjaCBtZXNzYWdlIG9mIGRvY3MvYWdlbnQtcHJvdG9jb2wubWQsIG92ZXIgVExTIHdpdGggYSBjZXJ0aWZpY2F0ZSBvZiBpdHMgb3duLlxuaW1wb3J0IHsgZXhlY0ZpbGVTeW5jIH0gZnJvbSBcIm5vZGU6Y2hpbGRfcHJvY2Vzc1wiO1xuaW1wb3J0IHsgcmFuZG9tVVVJRCB9IGZyb20gXCJub2RlOmNyeXB0b1wiO1xuaW1wb3J0IHsgcmVhZEZpbGVTeW5jIH0gZnJvbSBcIm5vZGU6ZnNcIjtcbmltcG9ydCB7IHR5cGUgUmVxdWVzdE9wdGlvbnMsIHJlcXVlc3QgfSBmcm9tIFwibm9kZTpodHRwc1wiO1xuaW1wb3J0IHsgdW50aWwgfSBmcm9tIFwiLi9jb21tYW5kLmpzXCI7XG5pbXBvcnQgeyBDb25zb2xlIH0gZnJvbSBcIi4vd2Vic29ja2V0LmpzXCI7XG5pbXBvcnQgdHlwZSB7IFdvcmxkIH0gZnJvbSBcIi4vd29ybGQuanNcIjtcblxuZnVuY3Rpb24gcG9zdCh1cmw6IHN0cmluZywgYm9keTogb2JqZWN0KTogUHJvbWlzZTxhbnk+IHtcbiAgICBjb25zdCB0ZXh0ID0gSlNPTi5zdHJpbmdpZnkoYm9keSk7XG4gICAgcmV0dXJuIG5ldyBQcm9taXNlKChyZXNvbHZlLCByZWplY3QpID0+IHtcbiAgICAgICAgY29uc3QgaGVhZGVycyA9IHsgXCJDb250ZW50LVR5cGVcIjogXCJhcHBsaWNhdGlvbi9qc29uXCIsIFwiQ29udGVudC1MZW5ndGhcIjogQnVmZmVyLmJ5dGVMZW5ndGgodGV4dCkgfTtcbiAgICAgICAgY29uc3QgY2FsbCA9IHJlcXVlc3QodXJsLCB7IG1ldGhvZDogXCJQT1NUXCIsIGhlYWRlcnMsIGFnZW50OiBmYWxzZSwgcmVqZWN0VW5hdXRob3JpemVkOiBmYWxzZSB9LCAoYW5zd2VyKSA9PiB7XG4gICAgICAgICAgICBsZXQgZ290ID0gXCJcIjtcbiAgICAgICAgICAgIGFuc3dlci5vbihcImRhdGFcIiwgKHBhcnQpID0+IChnb3QgKz0gcGFydCkpO1xuICAgICAgICAgICAgYW5zd2VyLm9uKFwiZW5kXCIsICgpID0+IChhbnN3ZXIuc3RhdHVzQ29kZSA9PT0gMjAxID8gcmVzb2x2ZShKU09OLnBhcnNlKGdvdCkpIDogcmVqZWN0KG5ldyBFcnJvcihgJHthbnN3ZXIuc3RhdHVzQ29kZX0gJHtnb3R9YCkpKSk7XG4gICAgICAgIH0pO1xuICAgICAgICBjYWxsLm9uKFwiZXJyb3JcIiwgcmVqZWN0KTtcbiAgICAgICAgY2FsbC5lbmQodGV4dCk7XG4gICAgfSk7XG59XG5cbmV4cG9ydCBpbnRlcmZhY2UgSXRlbSB7XG4gICAgdnBzOiBzdHJpbmc7XG4gICAgZ2VuZXJhdGlvbjogbnVtYmVyO1xuICAgIG9ic2VydmVkOiBzdHJpbmc7XG59XG5cbi8vIE9uZSBjb25uZWN0aW9uIG9mIGl0LiBBIG5ldyBvbmUgZmVuY2VzIG9mZiB0aG9zZSBiZWZvcmUuXG5leHBvcnQgY2xhc3MgUmF3TGluayB7XG4gICAgZXBvY2ggPSAwO1xuICAgIGJvb3QgPSByYW5kb21VVUlEKCk7XG5cbiAgICBjb25zdHJ1Y3RvcihyZWFkb25seSB3aXJlOiBDb25zb2xlKSB7fVxuXG4gICAgc2FpZCh0eXBlOiBzdHJpbmcpOiBhbnlbXSB7XG4gICAgICAgIHJldHVybiB0aGlzLndpcmUubWVzc2FnZXMuZmlsdGVyKChvbmUpID0+IG9uZS50eXBlID09PSB0eXBlKTtcbiAgICB9XG5cbiAgICBzYXkobWVzc2FnZTogb2JqZWN0KTogdm9pZCB7XG4gICAgICAgIHRoaXMud2lyZS5zYXkoeyBlcG9jaDogdGhpcy5lcG9jaCwgLi4ubWVzc2FnZSB9KTtcbiAgICB9XG5cbiAgICBhc3luYyBoZWxsbyhpbnZlbnRvcnk6IEl0ZW1bXSk6IFByb21pc2U8dm9pZD4ge1xuICAgICAgICBjb25zdCBub2RlID0ge1xuICAgICAgICAgICAga2VybmVsOiBcIjYuMS4wXCIsIGNwdXM6IDY0LCBtZW1vcnlfYnl0ZXM6IDIgKiogMzcsIGRpc2tfYnl0ZXM6IDIgKiogNDEsIGRpc2tfZnJlZV9ieXRlczogMiAqKiA0MCwgcG9vbF9ieXRlczogMiAqKiA0MSwgaWRfYmFzZTogMV8wMDBfMDAwLFxuICAgICAgICAgICAgaWRfY291bnQ6IDEwMDAsIGNncm91cDogXCJ2MlwiLCBhcHBhcm1vcjogZmFsc2UsIGx4Y2ZzOiB0cnVlLCBkcml2ZXJzOiB7IGNvbnRhaW5lcjogXCJseGNcIiwgdm9sdW1lOiBcImJ0cmZzXCIsIG5ldHdvcms6IFwicm91dGVkXCIgfSwgd2FybmluZ3M6IFtdLFxuICAgICAgICB9O1xuICAgICAgICB0aGlzLndpcmUuc2F5KHsgdHlwZTogXCJoZWxsb1wiLCBhZ2VudDogXCIwLjEuMFwiLCBib290OiB0aGlzLmJvb3QsIG5hbWU6IFwicmF3XCIsIG5vZGUsIGltYWdlczogW10sIGludmVudG9yeSwgYWxhcm1zOiBbXSB9KTtcbiAgICAgICAgdGhpcy5lcG9jaCA9IChhd2FpdCB1bnRpbChcInRoZSBzZXJ2ZXIgd2VsY29tZXNcIiwgKCkgPT4gdGhpcy5zYWlkKFwid2VsY29tZVwiKVswXSA/PyB0aGlzLiNlbmRlZCgpKSkuZXBvY2g7XG4gICAgfVxuXG4gICAgI2VuZGVkKCk6IGZhbHNlIHtcbiAgICAgICAgaWYgKHRoaXMud2lyZS5jbG9zZWQpIHtcbiAgICAgICAgICAgIHRocm93IG5ldyBFcnJvcihgY2xvc2VkOiAke0pTT04uc3RyaW5naWZ5KFt0aGlzLndpcmUuY2xvc2VkLCB0aGlzLndpcmUubWVzc2FnZXNdKX1gKTtcbiAgICAgICAgfVxuICAgICAgICByZXR1cm4gZmFsc2U7XG4gICAgfVxuXG4gICAgdGFzayhpZDogc3RyaW5nKTogUHJvbWlzZTxhbnk+IHtcbiAgICAgICAgcmV0dXJuIHVudGlsKGB0YXNrICR7aWR9IGlzIHNlbnRgLCAoKSA9PiB0aGlzLnNhaWQoXCJ0YXNrXCIpLmZpbmQoKG9uZSkgPT4gb25lLnRhc2sgPT09IGlkKSA/PyB0aGlzLiNlbmRlZCgpKTtcbiAgICB9XG5cbiAgICAvLyBBIHJlc3VsdCBtYXkgYmUgY29uZmlybWVkIGFueSBudW1iZXIgb2YgdGltZXM6IG9uY2UgZm9yIGVhY2ggdGltZSB0aGF0IGl0IGlzIHNhaWQuXG4gICAgY29uZmlybWVkKGlkOiBzdHJpbmcsIHRpbWVzID0gMSk6IFByb21pc2U8Ym9vbGVhbj4ge1xuICAgICAgICByZXR1cm4gdW50aWwoYCR7aWR9IGlzIGNvbmZpcm1lZCAke3RpbWVzfSB0aW1lc2AsICgpID0+IHRoaXMuc2FpZChcInRhc2tfY29uZmlybVwiKS5maWx0ZXIoKG9uZSkgPT4gb25lLnRhc2sgPT09IGlkKS5sZW5ndGggPj0gdGltZXMgfHwgdGhpcy4jZW5kZWQoKSk7XG4gICAgfVxuXG4gICAgcmVzdWx0KHRhc2s6IGFueSwgc3RhdHVzOiBcImRvbmVcIiB8IFwiZmFpbGVkXCIsIG9ic2VydmVkOiBzdHJpbmcsIGNoYW5nZTogb2JqZWN0ID0ge30pOiB2b2lkIHtcbiAgICAgICAgY29uc3QgZXJyb3IgPSBzdGF0dXMgPT09IFwiZmFpbGVkXCIgPyB7IGNvZGU6IFwiaW50ZXJuYWxcIiwgZGV0YWlsOiBcIlRoZSB0ZXN0IHNheXMgc28uXCIgfSA6IG51bGw7XG4gICAgICAgIHRoaXMuc2F5KHsgdHlwZTogXCJ0YXNrX3Jlc3VsdFwiLCB0YXNrOiB0YXNrLnRhc2ssIHN0YXR1cywgdnBzOiB0YXNrLnZwcywgZ2VuZXJhdGlvbjogdGFzay5nZW5lcmF0aW9uLCBvYnNlcnZlZCwgZXJyb3IsIC4uLmNoYW5nZSB9KTtcbiAgICB9XG5cbiAgICAvLyBBbGwgc2FpZCBiZWZvcmUgaGFzIGJlZW4gZGVhbHQgd2l0aDogdGhlIGxhbmUgb2YgYSBsaW5rIGtlZXBzIHRoZSBvcmRlciwgYW5kIGNvbmZpcm1zIHdoYXQgaXQgZG9lcyBub3Qga25vdy5cbiAgICBhc3luYyBzZXR0bGVkKCk6IFByb21pc2U8dm9pZD4ge1xuICAgICAgICBjb25zdCB0YXNrID0gcmFuZG9tVVVJRCgpO1xuICAgICAgICB0aGlzLnNheSh7IHR5cGU6IFwidGFza19yZXN1bHRcIiwgdGFzaywgc3RhdHVzOiBcImRvbmVcIiwgdnBzOiByYW5kb21VVUlEKCksIGdlbmVyYXRpb246IDEsIG9ic2VydmVkOiBcImFic2VudFwiLCBlcnJvcjogbnVsbCB9KTtcbiAgICAgICAgYXdhaXQgdGhpcy5jb25maXJtZWQodGFzayk7XG4gICAgfVxufVxuXG5leHBvcnQgY2xhc3MgUmF3QWdlbnQge1xuICAgIHByaXZhdGUgY29uc3RydWN0b3IoXG4gICAgICAgIHJlYWRvbmx5IHNlcnZlcjogc3RyaW5nLFxuICAgICAgICByZWFkb25seSBub2RlOiBzdHJpbmcsXG4gICAgICAgIHJlYWRvbmx5IHRsczogUmVxdWVzdE9wdGlvbnMsXG4gICAgKSB7fVxuXG4gICAgc3RhdGljIGFzeW5jIGpvaW4od29ybGQ6IFdvcmxkLCBuYW1lID0gXCJyYXdcIik6IFByb21pc2U8UmF3QWdlbnQ+IHtcbiAgICAgICAgY29uc3Qga2V5ID0gd29ybGQuc2FuZGJveC5wYXRoKGAke25hbWV9LmtleWApO1xuICAgICAgICBjb25zdCBjc3IgPSBleGVjRmlsZVN5bmMoXCJvcGVuc3NsXCIsIFtcInJlcVwiLCBcIi1uZXdcIiwgXCItbmV3a2V5XCIsIFwiZWNcIiwgXCItcGtleW9wdFwiLCBcImVjX3BhcmFtZ2VuX2N1cnZlOlAtMjU2XCIsIFwiLW5vZGVzXCIsIFwiLXN1YmpcIiwgYC9DTj0ke25hbWV9YCwgXCIta2V5b3V0XCIsIGtleV0sIHsgZW5jb2Rpbmc6IFwidXRmOFwiLCBzdGRpbzogW1wiaWdub3JlXCIsIFwicGlwZVwiLCBcImlnbm9yZVwiXSB9KTtcbiAgICAgICAgY29uc3QgeyB0b2tlbiB9ID0gYXdhaXQgd29ybGQub3BlcmF0b3IuZXhwZWN0KDIwMSwgXCJQT1NUXCIsIFwiL3YxL2FkbWluL2pvaW4tdG9rZW5zXCIsIHsgYm9keTogeyBsb2NhdGlvbl9pZDogd29ybGQubG9jYXRpb24uaWQgfSB9KTtcbiAgICAgICAgY29uc3Qgam9pbmVkID0gYXdhaXQgcG9zdChgaHR0cHM6Ly8ke3dvcmxkLnNlcnZlci5hZ2VudEFkZHJlc3N9L2FnZW50L3YxL2pvaW5gLCB7IHRva2VuLCBuYW1lLCBjc3IgfSk7XG4gICAgICAgIGNvbnN0IHRscyA9IHsga2V5OiByZWFkRmlsZVN5bmMoa2V5KSwgY2VydDogam9pbmVkLmNlcnRpZmljYXRlLCBjYTogam9pbmVkLmNhLCBjaGVja1NlcnZlcklkZW50aXR5OiAoKSA9PiB1bmRlZmluZWQgfTtcbiAgICAgICAgcmV0dXJuIG5ldyBSYXdBZ2VudCh3b3JsZC5zZXJ2ZXIuYWdlbnRBZGRyZXNzLCBqb2luZWQubm9kZSwgdGxzKTtcbiAgICB9XG5cbiAgICBhc3luYyBjb25uZWN0KGludmVudG9yeTogSXRlbVtdID0gW10pOiBQcm9taXNlPFJhd0xpbms+IHtcbiAgICAgICAgY29uc3Qgd2lyZSA9IGF3YWl0IENvbnNvbGUuY29ubmVjdChgd3NzOi8vJHt0aGlzLnNlcnZlcn0vYWdlbnQvdjEvbGlua2AsIFwiXCIsIHsgXCJTZWMtV2ViU29ja2V0LVByb3RvY29sXCI6IFwiY3JvZnQudjFcIiB9LCB0aGlzLnRscyk7XG4gICAgICAgIGlmICghKHdpcmUgaW5zdGFuY2VvZiBDb25zb2xlKSkge1xuICAgICAgICAgICAgdGhyb3cgbmV3IEVycm9yKGByZWZ1c2VkOiAke0pTT04uc3RyaW5naWZ5KHdpcmUpfWApO1xuICAgICAgICB9XG4gICAgICAgIGNvbnN0IGxpbmsgPSBuZXcgUmF3TGluayh3aXJlKTtcbiAgICAgICAgYXdhaXQgbGluay5oZWxsbyhpbnZlbnRvcnkpO1xuICAgICAgICByZXR1cm4gbGluaztcbiAgICB9XG59XG4iXSwKICAibWFwcGluZ3MiOiAiQUFDQSxTQUFTLG9CQUFvQjtBQUM3QixTQUFTLGtCQUFrQjtBQUMzQixTQUFTLG9CQUFvQjtBQUM3QixTQUE4QixlQUFlO0FBQzdDLFNBQVMsYUFBYTtBQUN0QixTQUFTLGVBQWU7QUFHeEIsU0FBUyxLQUFLLEtBQWEsTUFBNEI7QUFDbkQsUUFBTSxPQUFPLEtBQUssVUFBVSxJQUFJO0FBQ2hDLFNBQU8sSUFBSSxRQUFRLENBQUMsU0FBUyxXQUFXO0FBQ3BDLFVBQU0sVUFBVSxFQUFFLGdCQUFnQixvQkFBb0Isa0JBQWtCLE9BQU8sV0FBVyxJQUFJLEVBQUU7QUFDaEcsVUFBTSxPQUFPLFFBQVEsS0FBSyxFQUFFLFFBQVEsUUFBUSxTQUFTLE9BQU8sT0FBTyxvQkFBb0IsTUFBTSxHQUFHLENBQUMsV0FBVztBQUN4RyxVQUFJLE1BQU07QUFDVixhQUFPLEdBQUcsUUFBUSxDQUFDLFNBQVUsT0FBTyxJQUFLO0FBQ3pDLGFBQU8sR0FBRyxPQUFPLE1BQU8sT0FBTyxlQUFlLE1BQU0sUUFBUSxLQUFLLE1BQU0sR0FBRyxDQUFDLElBQUksT0FBTyxJQUFJLE1BQU0sR0FBRyxPQUFPLFVBQVUsSUFBSSxHQUFHLEVBQUUsQ0FBQyxDQUFFO0FBQUEsSUFDcEksQ0FBQztBQUNELFNBQUssR0FBRyxTQUFTLE1BQU07QUFDdkIsU0FBSyxJQUFJLElBQUk7QUFBQSxFQUNqQixDQUFDO0FBQ0w7QUFTTyxNQUFNLFFBQVE7QUFBQSxFQUlqQixZQUFxQixNQUFlO0FBQWY7QUFBQSxFQUFnQjtBQUFBLEVBSHJDLFFBQVE7QUFBQSxFQUNSLE9BQU8sV0FBVztBQUFBLEVBSWxCLEtBQUssTUFBcUI7QUFDdEIsV0FBTyxLQUFLLEtBQUssU0FBUyxPQUFPLENBQUMsUUFBUSxJQUFJLFNBQVMsSUFBSTtBQUFBLEVBQy9EO0FBQUEsRUFFQSxJQUFJLFNBQXVCO0FBQ3ZCLFNBQUssS0FBSyxJQUFJLEVBQUUsT0FBTyxLQUFLLE9BQU8sR0FBRyxRQUFRLENBQUM7QUFBQSxFQUNuRDtBQUFBLEVBRUEsTUFBTSxNQUFNLFdBQWtDO0FBQzFDLFVBQU0sT0FBTztBQUFBLE1BQ1QsUUFBUTtBQUFBLE1BQVMsTUFBTTtBQUFBLE1BQUksY0FBYyxLQUFLO0FBQUEsTUFBSSxZQUFZLEtBQUs7QUFBQSxNQUFJLGlCQUFpQixLQUFLO0FBQUEsTUFBSSxZQUFZLEtBQUs7QUFBQSxNQUFJLFNBQVM7QUFBQSxNQUMvSCxVQUFVO0FBQUEsTUFBTSxRQUFRO0FBQUEsTUFBTSxVQUFVO0FBQUEsTUFBTyxPQUFPO0FBQUEsTUFBTSxTQUFTLEVBQUUsV0FBVyxPQUFPLFFBQVEsU0FBUyxTQUFTLFNBQVM7QUFBQSxNQUFHLFVBQVUsQ0FBQztBQUFBLElBQzlJO0FBQ0EsU0FBSyxLQUFLLElBQUksRUFBRSxNQUFNLFNBQVMsT0FBTyxTQUFTLE1BQU0sS0FBSyxNQUFNLE1BQU0sT0FBTyxNQUFNLFFBQVEsQ0FBQyxHQUFHLFdBQVcsUUFBUSxDQUFDLEVBQUUsQ0FBQztBQUN0SCxTQUFLLFNBQVMsTUFBTSxNQUFNLHVCQUF1QixNQUFNLEtBQUssS0FBSyxTQUFTLEVBQUUsQ0FBQyxLQUFLLEtBQUssT0FBTyxDQUFDLEdBQUc7QUFBQSxFQUN0RztBQUFBLEVBRUEsU0FBZ0I7QUFDWixRQUFJLEtBQUssS0FBSyxRQUFRO0FBQ2xCLFlBQU0sSUFBSSxNQUFNLFdBQVcsS0FBSyxVQUFVLENBQUMsS0FBSyxLQUFLLFFBQVEsS0FBSyxLQUFLLFFBQVEsQ0FBQyxDQUFDLEVBQUU7QUFBQSxJQUN2RjtBQUNBLFdBQU87QUFBQSxFQUNYO0FBQUEsRUFFQSxLQUFLLElBQTBCO0FBQzNCLFdBQU8sTUFBTSxRQUFRLEVBQUUsWUFBWSxNQUFNLEtBQUssS0FBSyxNQUFNLEVBQUUsS0FBSyxDQUFDLFFBQVEsSUFBSSxTQUFTLEVBQUUsS0FBSyxLQUFLLE9BQU8sQ0FBQztBQUFBLEVBQzlHO0FBQUE7QUFBQSxFQUdBLFVBQVUsSUFBWSxRQUFRLEdBQXFCO0FBQy9DLFdBQU8sTUFBTSxHQUFHLEVBQUUsaUJBQWlCLEtBQUssVUFBVSxNQUFNLEtBQUssS0FBSyxjQUFjLEVBQUUsT0FBTyxDQUFDLFFBQVEsSUFBSSxTQUFTLEVBQUUsRUFBRSxVQUFVLFNBQVMsS0FBSyxPQUFPLENBQUM7QUFBQSxFQUN2SjtBQUFBLEVBRUEsT0FBTyxNQUFXLFFBQTJCLFVBQWtCLFNBQWlCLENBQUMsR0FBUztBQUN0RixVQUFNLFFBQVEsV0FBVyxXQUFXLEVBQUUsTUFBTSxZQUFZLFFBQVEsb0JBQW9CLElBQUk7QUFDeEYsU0FBSyxJQUFJLEVBQUUsTUFBTSxlQUFlLE1BQU0sS0FBSyxNQUFNLFFBQVEsS0FBSyxLQUFLLEtBQUssWUFBWSxLQUFLLFlBQVksVUFBVSxPQUFPLEdBQUcsT0FBTyxDQUFDO0FBQUEsRUFDckk7QUFBQTtBQUFBLEVBR0EsTUFBTSxVQUF5QjtBQUMzQixVQUFNLE9BQU8sV0FBVztBQUN4QixTQUFLLElBQUksRUFBRSxNQUFNLGVBQWUsTUFBTSxRQUFRLFFBQVEsS0FBSyxXQUFXLEdBQUcsWUFBWSxHQUFHLFVBQVUsVUFBVSxPQUFPLEtBQUssQ0FBQztBQUN6SCxVQUFNLEtBQUssVUFBVSxJQUFJO0FBQUEsRUFDN0I7QUFDSjtBQUVPLE1BQU0sU0FBUztBQUFBLEVBQ1YsWUFDSyxRQUNBLE1BQ0EsS0FDWDtBQUhXO0FBQ0E7QUFDQTtBQUFBLEVBQ1Y7QUFBQSxFQUVILGFBQWEsS0FBSyxPQUFjLE9BQU8sT0FBMEI7QUFDN0QsVUFBTSxNQUFNLE1BQU0sUUFBUSxLQUFLLEdBQUcsSUFBSSxNQUFNO0FBQzVDLFVBQU0sTUFBTSxhQUFhLFdBQVcsQ0FBQyxPQUFPLFFBQVEsV0FBVyxNQUFNLFlBQVksMkJBQTJCLFVBQVUsU0FBUyxPQUFPLElBQUksSUFBSSxXQUFXLEdBQUcsR0FBRyxFQUFFLFVBQVUsUUFBUSxPQUFPLENBQUMsVUFBVSxRQUFRLFFBQVEsRUFBRSxDQUFDO0FBQ3hOLFVBQU0sRUFBRSxNQUFNLElBQUksTUFBTSxNQUFNLFNBQVMsT0FBTyxLQUFLLFFBQVEseUJBQXlCLEVBQUUsTUFBTSxFQUFFLGFBQWEsTUFBTSxTQUFTLEdBQUcsRUFBRSxDQUFDO0FBQ2hJLFVBQU0sU0FBUyxNQUFNLEtBQUssV0FBVyxNQUFNLE9BQU8sWUFBWSxrQkFBa0IsRUFBRSxPQUFPLE1BQU0sSUFBSSxDQUFDO0FBQ3BHLFVBQU0sTUFBTSxFQUFFLEtBQUssYUFBYSxHQUFHLEdBQUcsTUFBTSxPQUFPLGFBQWEsSUFBSSxPQUFPLElBQUkscUJBQXFCLE1BQU0sT0FBVTtBQUNwSCxXQUFPLElBQUksU0FBUyxNQUFNLE9BQU8sY0FBYyxPQUFPLE1BQU0sR0FBRztBQUFBLEVBQ25FO0FBQUEsRUFFQSxNQUFNLFFBQVEsWUFBb0IsQ0FBQyxHQUFxQjtBQUNwRCxVQUFNLE9BQU8sTUFBTSxRQUFRLFFBQVEsU0FBUyxLQUFLLE1BQU0sa0JBQWtCLElBQUksRUFBRSwwQkFBMEIsV0FBVyxHQUFHLEtBQUssR0FBRztBQUMvSCxRQUFJLEVBQUUsZ0JBQWdCLFVBQVU7QUFDNUIsWUFBTSxJQUFJLE1BQU0sWUFBWSxLQUFLLFVBQVUsSUFBSSxDQUFDLEVBQUU7QUFBQSxJQUN0RDtBQUNBLFVBQU0sT0FBTyxJQUFJLFFBQVEsSUFBSTtBQUM3QixVQUFNLEtBQUssTUFBTSxTQUFTO0FBQzFCLFdBQU87QUFBQSxFQUNYO0FBQ0o7IiwKICAibmFtZXMiOiBbXQp9Cg==
