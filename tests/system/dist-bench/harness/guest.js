import { readFileSync } from "node:fs";
import { run, until } from "./command.js";
class Guests {
  constructor(world, key, publicKey) {
    this.world = world;
    this.key = key;
    this.publicKey = publicKey;
  }
  static async create(world) {
    const key = world.sandbox.path("ssh");
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
    return new Guests(world, key, readFileSync(`${key}.pub`, "utf8").trim());
  }
  address(vps, family = 4) {
    return vps.addresses.find((one) => one.family === family).address;
  }
  // A running vps that lets us in.
  async make() {
    const vps = await this.world.createVps({ ssh_keys: [this.publicKey] });
    await until("ssh works", () => this.run(vps, "true"), 2e4);
    return vps;
  }
  run(vps, command, accept = []) {
    const options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=3"];
    const argv = ["ssh", "-n", "-i", this.key, ...options.flatMap((one) => ["-o", one]), `root@${this.address(vps)}`, command];
    return run(this.world.netns.command(...argv), { accept, timeoutMs: 6e4 });
  }
}
export {
  Guests
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9ndWVzdC50cyJdLAogICJzb3VyY2VzQ29udGVudCI6IFsiLy8gVGhlIGluc2lkZSBvZiBhIHZwcywgYnkgc3NoIGZyb20gaXRzIG5vZGUsIHdpdGggYSBrZXkgb2YgdGhlIHRlc3QncyBvd24uXG5pbXBvcnQgeyByZWFkRmlsZVN5bmMgfSBmcm9tIFwibm9kZTpmc1wiO1xuaW1wb3J0IHR5cGUgeyBWcHMgfSBmcm9tIFwiLi9jbGllbnQuanNcIjtcbmltcG9ydCB7IHR5cGUgQ29tbWFuZFJlc3VsdCwgcnVuLCB1bnRpbCB9IGZyb20gXCIuL2NvbW1hbmQuanNcIjtcbmltcG9ydCB0eXBlIHsgV29ybGQgfSBmcm9tIFwiLi93b3JsZC5qc1wiO1xuXG5leHBvcnQgY2xhc3MgR3Vlc3RzIHtcbiAgICBwcml2YXRlIGNvbnN0cnVjdG9yKFxuICAgICAgICByZWFkb25seSB3b3JsZDogV29ybGQsXG4gICAgICAgIHJlYWRvbmx5IGtleTogc3RyaW5nLFxuICAgICAgICByZWFkb25seSBwdWJsaWNLZXk6IHN0cmluZyxcbiAgICApIHt9XG5cbiAgICBzdGF0aWMgYXN5bmMgY3JlYXRlKHdvcmxkOiBXb3JsZCk6IFByb21pc2U8R3Vlc3RzPiB7XG4gICAgICAgIGNvbnN0IGtleSA9IHdvcmxkLnNhbmRib3gucGF0aChcInNzaFwiKTtcbiAgICAgICAgYXdhaXQgcnVuKFtcInNzaC1rZXlnZW5cIiwgXCItcVwiLCBcIi10XCIsIFwiZWQyNTUxOVwiLCBcIi1OXCIsIFwiXCIsIFwiLUNcIiwgXCJ0ZXN0XCIsIFwiLWZcIiwga2V5XSk7XG4gICAgICAgIHJldHVybiBuZXcgR3Vlc3RzKHdvcmxkLCBrZXksIHJlYWRGaWxlU3luYyhgJHtrZXl9LnB1YmAsIFwidXRmOFwiKS50cmltKCkpO1xuICAgIH1cblxuICAgIGFkZHJlc3ModnBzOiBWcHMsIGZhbWlseSA9IDQpOiBzdHJpbmcge1xuICAgICAgICByZXR1cm4gdnBzLmFkZHJlc3Nlcy5maW5kKChvbmUpID0+IG9uZS5mYW1pbHkgPT09IGZhbWlseSkhLmFkZHJlc3M7XG4gICAgfVxuXG4gICAgLy8gQSBydW5uaW5nIHZwcyB0aGF0IGxldHMgdXMgaW4uXG4gICAgYXN5bmMgbWFrZSgpOiBQcm9taXNlPFZwcz4ge1xuICAgICAgICBjb25zdCB2cHMgPSBhd2FpdCB0aGlzLndvcmxkLmNyZWF0ZVZwcyh7IHNzaF9rZXlzOiBbdGhpcy5wdWJsaWNLZXldIH0pO1xuICAgICAgICBhd2FpdCB1bnRpbChcInNzaCB3b3Jrc1wiLCAoKSA9PiB0aGlzLnJ1bih2cHMsIFwidHJ1ZVwiKSwgMjBfMDAwKTtcbiAgICAgICAgcmV0dXJuIHZwcztcbiAgICB9XG5cbiAgICBydW4odnBzOiBWcHMsIGNvbW1hbmQ6IHN0cmluZywgYWNjZXB0OiBudW1iZXJbXSA9IFtdKTogUHJvbWlzZTxDb21tYW5kUmVzdWx0PiB7XG4gICAgICAgIGNvbnN0IG9wdGlvbnMgPSBbXCJCYXRjaE1vZGU9eWVzXCIsIFwiU3RyaWN0SG9zdEtleUNoZWNraW5nPW5vXCIsIFwiVXNlcktub3duSG9zdHNGaWxlPS9kZXYvbnVsbFwiLCBcIkxvZ0xldmVsPUVSUk9SXCIsIFwiQ29ubmVjdFRpbWVvdXQ9M1wiXTtcbiAgICAgICAgY29uc3QgYXJndiA9IFtcInNzaFwiLCBcIi1uXCIsIFwiLWlcIiwgdGhpcy5rZXksIC4uLm9wdGlvbnMuZmxhdE1hcCgob25lKSA9PiBbXCItb1wiLCBvbmVdKSwgYHJvb3RAJHt0aGlzLmFkZHJlc3ModnBzKX1gLCBjb21tYW5kXTtcbiAgICAgICAgcmV0dXJuIHJ1bih0aGlzLndvcmxkLm5ldG5zIS5jb21tYW5kKC4uLmFyZ3YpLCB7IGFjY2VwdCwgdGltZW91dE1zOiA2MF8wMDAgfSk7XG4gICAgfVxufVxuIl0sCiAgIm1hcHBpbmdzIjogIkFBQ0EsU0FBUyxvQkFBb0I7QUFFN0IsU0FBNkIsS0FBSyxhQUFhO0FBR3hDLE1BQU0sT0FBTztBQUFBLEVBQ1IsWUFDSyxPQUNBLEtBQ0EsV0FDWDtBQUhXO0FBQ0E7QUFDQTtBQUFBLEVBQ1Y7QUFBQSxFQUVILGFBQWEsT0FBTyxPQUErQjtBQUMvQyxVQUFNLE1BQU0sTUFBTSxRQUFRLEtBQUssS0FBSztBQUNwQyxVQUFNLElBQUksQ0FBQyxjQUFjLE1BQU0sTUFBTSxXQUFXLE1BQU0sSUFBSSxNQUFNLFFBQVEsTUFBTSxHQUFHLENBQUM7QUFDbEYsV0FBTyxJQUFJLE9BQU8sT0FBTyxLQUFLLGFBQWEsR0FBRyxHQUFHLFFBQVEsTUFBTSxFQUFFLEtBQUssQ0FBQztBQUFBLEVBQzNFO0FBQUEsRUFFQSxRQUFRLEtBQVUsU0FBUyxHQUFXO0FBQ2xDLFdBQU8sSUFBSSxVQUFVLEtBQUssQ0FBQyxRQUFRLElBQUksV0FBVyxNQUFNLEVBQUc7QUFBQSxFQUMvRDtBQUFBO0FBQUEsRUFHQSxNQUFNLE9BQXFCO0FBQ3ZCLFVBQU0sTUFBTSxNQUFNLEtBQUssTUFBTSxVQUFVLEVBQUUsVUFBVSxDQUFDLEtBQUssU0FBUyxFQUFFLENBQUM7QUFDckUsVUFBTSxNQUFNLGFBQWEsTUFBTSxLQUFLLElBQUksS0FBSyxNQUFNLEdBQUcsR0FBTTtBQUM1RCxXQUFPO0FBQUEsRUFDWDtBQUFBLEVBRUEsSUFBSSxLQUFVLFNBQWlCLFNBQW1CLENBQUMsR0FBMkI7QUFDMUUsVUFBTSxVQUFVLENBQUMsaUJBQWlCLDRCQUE0QixnQ0FBZ0Msa0JBQWtCLGtCQUFrQjtBQUNsSSxVQUFNLE9BQU8sQ0FBQyxPQUFPLE1BQU0sTUFBTSxLQUFLLEtBQUssR0FBRyxRQUFRLFFBQVEsQ0FBQyxRQUFRLENBQUMsTUFBTSxHQUFHLENBQUMsR0FBRyxRQUFRLEtBQUssUUFBUSxHQUFHLENBQUMsSUFBSSxPQUFPO0FBQ3pILFdBQU8sSUFBSSxLQUFLLE1BQU0sTUFBTyxRQUFRLEdBQUcsSUFBSSxHQUFHLEVBQUUsUUFBUSxXQUFXLElBQU8sQ0FBQztBQUFBLEVBQ2hGO0FBQ0o7IiwKICAibmFtZXMiOiBbXQp9Cg==
