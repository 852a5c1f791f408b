import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { run, until } from "./command.js";
async function certificate(sandbox) {
  const [cert, key] = [sandbox.path("receiver.pem"), sandbox.path("receiver.key")];
  await run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=receiver",
    "-addext",
    "subjectAltName=IP:127.0.0.1,DNS:localhost",
    "-out",
    cert,
    "-keyout",
    key
  ]);
  return { cert, key };
}
class Receiver {
  received = [];
  answer = () => ({ status: 204 });
  #server;
  static async create(files) {
    const receiver = new Receiver();
    receiver.#server = createServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, (request, response) => {
      let body = "";
      request.setEncoding("utf8");
      request.on("data", (text) => body += text);
      request.on("end", () => {
        const header = (name) => String(request.headers[name] ?? "");
        const one = {
          path: request.url,
          id: header("webhook-id"),
          timestamp: header("webhook-timestamp"),
          type: header("content-type"),
          signatures: header("webhook-signature").split(" "),
          body,
          event: JSON.parse(body)
        };
        receiver.received.push(one);
        const answer = receiver.answer(one);
        setTimeout(() => {
          response.writeHead(answer.status, answer.headers);
          response.end(answer.body);
        }, answer.afterMs ?? 0);
      });
    });
    await new Promise((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }
  get port() {
    return this.#server.address().port;
  }
  url(path, host = "127.0.0.1") {
    return `https://${host}:${this.port}${path}`;
  }
  at(path) {
    return this.received.filter((one) => one.path === path);
  }
  async has(path, count, timeoutMs = 2e4) {
    await until(`${count} deliveries at ${path} (${this.at(path).length})`, () => this.at(path).length >= count, timeoutMs);
    return this.at(path);
  }
  close() {
    this.#server.closeAllConnections?.();
    this.#server.close();
  }
}
function signedBy(secret, received) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const wanted = createHmac("sha256", key).update(`${received.id}.${received.timestamp}.${received.body}`).digest();
  return received.signatures.some((signature) => {
    const [version, value] = signature.split(",");
    const given = Buffer.from(value ?? "", "base64");
    return version === "v1" && given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}
export {
  Receiver,
  certificate,
  signedBy
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9yZWNlaXZlci50cyJdLAogICJzb3VyY2VzQ29udGVudCI6IFsiLy8gQSB0YXJnZXQgb2Ygd2ViaG9va3Mgb3ZlciBIVFRQUywgd2l0aCBhIGNlcnRpZmljYXRlIG9mIGl0cyBvd24uIFdoYXQgaXQgY2hlY2tzIGlzIHdyaXR0ZW4gZnJvbSB0aGUgdGV4dHMgb2YgU3RhbmRhcmRcbi8vIFdlYmhvb2tzIGFuZCBDbG91ZEV2ZW50cywgbm90IGZyb20gdGhlIHNlcnZlcidzIGNvZGUuXG5pbXBvcnQgeyBjcmVhdGVIbWFjLCB0aW1pbmdTYWZlRXF1YWwgfSBmcm9tIFwibm9kZTpjcnlwdG9cIjtcbmltcG9ydCB7IHJlYWRGaWxlU3luYyB9IGZyb20gXCJub2RlOmZzXCI7XG5pbXBvcnQgeyBjcmVhdGVTZXJ2ZXIsIHR5cGUgU2VydmVyIH0gZnJvbSBcIm5vZGU6aHR0cHNcIjtcbmltcG9ydCB0eXBlIHsgQWRkcmVzc0luZm8gfSBmcm9tIFwibm9kZTpuZXRcIjtcbmltcG9ydCB7IHJ1biwgdW50aWwgfSBmcm9tIFwiLi9jb21tYW5kLmpzXCI7XG5pbXBvcnQgdHlwZSB7IFNhbmRib3ggfSBmcm9tIFwiLi9zYW5kYm94LmpzXCI7XG5cbmV4cG9ydCBpbnRlcmZhY2UgUmVjZWl2ZWQge1xuICAgIHBhdGg6IHN0cmluZztcbiAgICBpZDogc3RyaW5nO1xuICAgIHRpbWVzdGFtcDogc3RyaW5nO1xuICAgIHNpZ25hdHVyZXM6IHN0cmluZ1tdO1xuICAgIHR5cGU6IHN0cmluZztcbiAgICBib2R5OiBzdHJpbmc7XG4gICAgZXZlbnQ6IGFueTtcbn1cblxuZXhwb3J0IGludGVyZmFjZSBBbnN3ZXIge1xuICAgIHN0YXR1czogbnVtYmVyO1xuICAgIGhlYWRlcnM/OiBSZWNvcmQ8c3RyaW5nLCBzdHJpbmc+O1xuICAgIGJvZHk/OiBzdHJpbmc7XG4gICAgYWZ0ZXJNcz86IG51bWJlcjtcbn1cblxuZXhwb3J0IGFzeW5jIGZ1bmN0aW9uIGNlcnRpZmljYXRlKHNhbmRib3g6IFNhbmRib3gpOiBQcm9taXNlPHsgY2VydDogc3RyaW5nOyBrZXk6IHN0cmluZyB9PiB7XG4gICAgY29uc3QgW2NlcnQsIGtleV0gPSBbc2FuZGJveC5wYXRoKFwicmVjZWl2ZXIucGVtXCIpLCBzYW5kYm94LnBhdGgoXCJyZWNlaXZlci5rZXlcIildO1xuICAgIGF3YWl0IHJ1bihbXCJvcGVuc3NsXCIsIFwicmVxXCIsIFwiLXg1MDlcIiwgXCItbmV3a2V5XCIsIFwiZWNcIiwgXCItcGtleW9wdFwiLCBcImVjX3BhcmFtZ2VuX2N1cnZlOlAtMjU2XCIsIFwiLW5vZGVzXCIsIFwiLWRheXNcIiwgXCIyXCIsIFwiLXN1YmpcIiwgXCIvQ049cmVjZWl2ZXJcIixcbiAgICAgICAgXCItYWRkZXh0XCIsIFwic3ViamVjdEFsdE5hbWU9SVA6MTI3LjAuMC4xLEROUzpsb2NhbGhvc3RcIiwgXCItb3V0XCIsIGNlcnQsIFwiLWtleW91dFwiLCBrZXldKTtcbiAgICByZXR1cm4geyBjZXJ0LCBrZXkgfTtcbn1cblxuZXhwb3J0IGNsYXNzIFJlY2VpdmVyIHtcbiAgICByZWFkb25seSByZWNlaXZlZDogUmVjZWl2ZWRbXSA9IFtdO1xuICAgIGFuc3dlcjogKHJlY2VpdmVkOiBSZWNlaXZlZCkgPT4gQW5zd2VyID0gKCkgPT4gKHsgc3RhdHVzOiAyMDQgfSk7XG4gICAgI3NlcnZlciE6IFNlcnZlcjtcblxuICAgIHN0YXRpYyBhc3luYyBjcmVhdGUoZmlsZXM6IHsgY2VydDogc3RyaW5nOyBrZXk6IHN0cmluZyB9KTogUHJvbWlzZTxSZWNlaXZlcj4ge1xuICAgICAgICBjb25zdCByZWNlaXZlciA9IG5ldyBSZWNlaXZlcigpO1xuICAgICAgICByZWNlaXZlci4jc2VydmVyID0gY3JlYXRlU2VydmVyKHsgY2VydDogcmVhZEZpbGVTeW5jKGZpbGVzLmNlcnQpLCBrZXk6IHJlYWRGaWxlU3luYyhmaWxlcy5rZXkpIH0sIChyZXF1ZXN0LCByZXNwb25zZSkgPT4ge1xuICAgICAgICAgICAgbGV0IGJvZHkgPSBcIlwiO1xuICAgICAgICAgICAgcmVxdWVzdC5zZXRFbmNvZGluZyhcInV0ZjhcIik7XG4gICAgICAgICAgICByZXF1ZXN0Lm9uKFwiZGF0YVwiLCAodGV4dCkgPT4gKGJvZHkgKz0gdGV4dCkpO1xuICAgICAgICAgICAgcmVxdWVzdC5vbihcImVuZFwiLCAoKSA9PiB7XG4gICAgICAgICAgICAgICAgY29uc3QgaGVhZGVyID0gKG5hbWU6IHN0cmluZykgPT4gU3RyaW5nKHJlcXVlc3QuaGVhZGVyc1tuYW1lXSA/PyBcIlwiKTtcbiAgICAgICAgICAgICAgICBjb25zdCBvbmUgPSB7IHBhdGg6IHJlcXVlc3QudXJsISwgaWQ6IGhlYWRlcihcIndlYmhvb2staWRcIiksIHRpbWVzdGFtcDogaGVhZGVyKFwid2ViaG9vay10aW1lc3RhbXBcIiksIHR5cGU6IGhlYWRlcihcImNvbnRlbnQtdHlwZVwiKSxcbiAgICAgICAgICAgICAgICAgICAgc2lnbmF0dXJlczogaGVhZGVyKFwid2ViaG9vay1zaWduYXR1cmVcIikuc3BsaXQoXCIgXCIpLCBib2R5LCBldmVudDogSlNPTi5wYXJzZShib2R5KSB9O1xuICAgICAgICAgICAgICAgIHJlY2VpdmVyLnJlY2VpdmVkLnB1c2gob25lKTtcbiAgICAgICAgICAgICAgICBjb25zdCBhbnN3ZXIgPSByZWNlaXZlci5hbnN3ZXIob25lKTtcbiAgICAgICAgICAgICAgICBzZXRUaW1lb3V0KCgpID0+IHtcbiAgICAgICAgICAgICAgICAgICAgcmVzcG9uc2Uud3JpdGVIZWFkKGFuc3dlci5zdGF0dXMsIGFuc3dlci5oZWFkZXJzKTtcbiAgICAgICAgICAgICAgICAgICAgcmVzcG9uc2UuZW5kKGFuc3dlci5ib2R5KTtcbiAgICAgICAgICAgICAgICB9LCBhbnN3ZXIuYWZ0ZXJNcyA/PyAwKTtcbiAgICAgICAgICAgIH0pO1xuICAgICAgICB9KTtcbiAgICAgICAgYXdhaXQgbmV3IFByb21pc2U8dm9pZD4oKHJlc29sdmUpID0+IHJlY2VpdmVyLiNzZXJ2ZXIubGlzdGVuKDAsIFwiMTI3LjAuMC4xXCIsIHJlc29sdmUpKTtcbiAgICAgICAgcmV0dXJuIHJlY2VpdmVyO1xuICAgIH1cblxuICAgIGdldCBwb3J0KCk6IG51bWJlciB7XG4gICAgICAgIHJldHVybiAodGhpcy4jc2VydmVyLmFkZHJlc3MoKSBhcyBBZGRyZXNzSW5mbykucG9ydDtcbiAgICB9XG5cbiAgICB1cmwocGF0aDogc3RyaW5nLCBob3N0ID0gXCIxMjcuMC4wLjFcIik6IHN0cmluZyB7XG4gICAgICAgIHJldHVybiBgaHR0cHM6Ly8ke2hvc3R9OiR7dGhpcy5wb3J0fSR7cGF0aH1gO1xuICAgIH1cblxuICAgIGF0KHBhdGg6IHN0cmluZyk6IFJlY2VpdmVkW10ge1xuICAgICAgICByZXR1cm4gdGhpcy5yZWNlaXZlZC5maWx0ZXIoKG9uZSkgPT4gb25lLnBhdGggPT09IHBhdGgpO1xuICAgIH1cblxuICAgIGFzeW5jIGhhcyhwYXRoOiBzdHJpbmcsIGNvdW50OiBudW1iZXIsIHRpbWVvdXRNcyA9IDIwXzAwMCk6IFByb21pc2U8UmVjZWl2ZWRbXT4ge1xuICAgICAgICBhd2FpdCB1bnRpbChgJHtjb3VudH0gZGVsaXZlcmllcyBhdCAke3BhdGh9ICgke3RoaXMuYXQocGF0aCkubGVuZ3RofSlgLCAoKSA9PiB0aGlzLmF0KHBhdGgpLmxlbmd0aCA+PSBjb3VudCwgdGltZW91dE1zKTtcbiAgICAgICAgcmV0dXJuIHRoaXMuYXQocGF0aCk7XG4gICAgfVxuXG4gICAgY2xvc2UoKTogdm9pZCB7XG4gICAgICAgIHRoaXMuI3NlcnZlci5jbG9zZUFsbENvbm5lY3Rpb25zPy4oKTtcbiAgICAgICAgdGhpcy4jc2VydmVyLmNsb3NlKCk7XG4gICAgfVxufVxuXG4vLyBXaGV0aGVyIG9uZSBvZiB0aGUgc2lnbmF0dXJlcyBpcyB0aGF0IG9mIHRoaXMgc2VjcmV0LlxuZXhwb3J0IGZ1bmN0aW9uIHNpZ25lZEJ5KHNlY3JldDogc3RyaW5nLCByZWNlaXZlZDogUmVjZWl2ZWQpOiBib29sZWFuIHtcbiAgICBjb25zdCBrZXkgPSBCdWZmZXIuZnJvbShzZWNyZXQucmVwbGFjZSgvXndoc2VjXy8sIFwiXCIpLCBcImJhc2U2NFwiKTtcbiAgICBjb25zdCB3YW50ZWQgPSBjcmVhdGVIbWFjKFwic2hhMjU2XCIsIGtleSkudXBkYXRlKGAke3JlY2VpdmVkLmlkfS4ke3JlY2VpdmVkLnRpbWVzdGFtcH0uJHtyZWNlaXZlZC5ib2R5fWApLmRpZ2VzdCgpO1xuICAgIHJldHVybiByZWNlaXZlZC5zaWduYXR1cmVzLnNvbWUoKHNpZ25hdHVyZSkgPT4ge1xuICAgICAgICBjb25zdCBbdmVyc2lvbiwgdmFsdWVdID0gc2lnbmF0dXJlLnNwbGl0KFwiLFwiKTtcbiAgICAgICAgY29uc3QgZ2l2ZW4gPSBCdWZmZXIuZnJvbSh2YWx1ZSA/PyBcIlwiLCBcImJhc2U2NFwiKTtcbiAgICAgICAgcmV0dXJuIHZlcnNpb24gPT09IFwidjFcIiAmJiBnaXZlbi5sZW5ndGggPT09IHdhbnRlZC5sZW5ndGggJiYgdGltaW5nU2FmZUVxdWFsKGdpdmVuLCB3YW50ZWQpO1xuICAgIH0pO1xufVxuIl0sCiAgIm1hcHBpbmdzIjogIkFBRUEsU0FBUyxZQUFZLHVCQUF1QjtBQUM1QyxTQUFTLG9CQUFvQjtBQUM3QixTQUFTLG9CQUFpQztBQUUxQyxTQUFTLEtBQUssYUFBYTtBQW9CM0IsZUFBc0IsWUFBWSxTQUEwRDtBQUN4RixRQUFNLENBQUMsTUFBTSxHQUFHLElBQUksQ0FBQyxRQUFRLEtBQUssY0FBYyxHQUFHLFFBQVEsS0FBSyxjQUFjLENBQUM7QUFDL0UsUUFBTSxJQUFJO0FBQUEsSUFBQztBQUFBLElBQVc7QUFBQSxJQUFPO0FBQUEsSUFBUztBQUFBLElBQVc7QUFBQSxJQUFNO0FBQUEsSUFBWTtBQUFBLElBQTJCO0FBQUEsSUFBVTtBQUFBLElBQVM7QUFBQSxJQUFLO0FBQUEsSUFBUztBQUFBLElBQzNIO0FBQUEsSUFBVztBQUFBLElBQTZDO0FBQUEsSUFBUTtBQUFBLElBQU07QUFBQSxJQUFXO0FBQUEsRUFBRyxDQUFDO0FBQ3pGLFNBQU8sRUFBRSxNQUFNLElBQUk7QUFDdkI7QUFFTyxNQUFNLFNBQVM7QUFBQSxFQUNULFdBQXVCLENBQUM7QUFBQSxFQUNqQyxTQUF5QyxPQUFPLEVBQUUsUUFBUSxJQUFJO0FBQUEsRUFDOUQ7QUFBQSxFQUVBLGFBQWEsT0FBTyxPQUF5RDtBQUN6RSxVQUFNLFdBQVcsSUFBSSxTQUFTO0FBQzlCLGFBQVMsVUFBVSxhQUFhLEVBQUUsTUFBTSxhQUFhLE1BQU0sSUFBSSxHQUFHLEtBQUssYUFBYSxNQUFNLEdBQUcsRUFBRSxHQUFHLENBQUMsU0FBUyxhQUFhO0FBQ3JILFVBQUksT0FBTztBQUNYLGNBQVEsWUFBWSxNQUFNO0FBQzFCLGNBQVEsR0FBRyxRQUFRLENBQUMsU0FBVSxRQUFRLElBQUs7QUFDM0MsY0FBUSxHQUFHLE9BQU8sTUFBTTtBQUNwQixjQUFNLFNBQVMsQ0FBQyxTQUFpQixPQUFPLFFBQVEsUUFBUSxJQUFJLEtBQUssRUFBRTtBQUNuRSxjQUFNLE1BQU07QUFBQSxVQUFFLE1BQU0sUUFBUTtBQUFBLFVBQU0sSUFBSSxPQUFPLFlBQVk7QUFBQSxVQUFHLFdBQVcsT0FBTyxtQkFBbUI7QUFBQSxVQUFHLE1BQU0sT0FBTyxjQUFjO0FBQUEsVUFDM0gsWUFBWSxPQUFPLG1CQUFtQixFQUFFLE1BQU0sR0FBRztBQUFBLFVBQUc7QUFBQSxVQUFNLE9BQU8sS0FBSyxNQUFNLElBQUk7QUFBQSxRQUFFO0FBQ3RGLGlCQUFTLFNBQVMsS0FBSyxHQUFHO0FBQzFCLGNBQU0sU0FBUyxTQUFTLE9BQU8sR0FBRztBQUNsQyxtQkFBVyxNQUFNO0FBQ2IsbUJBQVMsVUFBVSxPQUFPLFFBQVEsT0FBTyxPQUFPO0FBQ2hELG1CQUFTLElBQUksT0FBTyxJQUFJO0FBQUEsUUFDNUIsR0FBRyxPQUFPLFdBQVcsQ0FBQztBQUFBLE1BQzFCLENBQUM7QUFBQSxJQUNMLENBQUM7QUFDRCxVQUFNLElBQUksUUFBYyxDQUFDLFlBQVksU0FBUyxRQUFRLE9BQU8sR0FBRyxhQUFhLE9BQU8sQ0FBQztBQUNyRixXQUFPO0FBQUEsRUFDWDtBQUFBLEVBRUEsSUFBSSxPQUFlO0FBQ2YsV0FBUSxLQUFLLFFBQVEsUUFBUSxFQUFrQjtBQUFBLEVBQ25EO0FBQUEsRUFFQSxJQUFJLE1BQWMsT0FBTyxhQUFxQjtBQUMxQyxXQUFPLFdBQVcsSUFBSSxJQUFJLEtBQUssSUFBSSxHQUFHLElBQUk7QUFBQSxFQUM5QztBQUFBLEVBRUEsR0FBRyxNQUEwQjtBQUN6QixXQUFPLEtBQUssU0FBUyxPQUFPLENBQUMsUUFBUSxJQUFJLFNBQVMsSUFBSTtBQUFBLEVBQzFEO0FBQUEsRUFFQSxNQUFNLElBQUksTUFBYyxPQUFlLFlBQVksS0FBNkI7QUFDNUUsVUFBTSxNQUFNLEdBQUcsS0FBSyxrQkFBa0IsSUFBSSxLQUFLLEtBQUssR0FBRyxJQUFJLEVBQUUsTUFBTSxLQUFLLE1BQU0sS0FBSyxHQUFHLElBQUksRUFBRSxVQUFVLE9BQU8sU0FBUztBQUN0SCxXQUFPLEtBQUssR0FBRyxJQUFJO0FBQUEsRUFDdkI7QUFBQSxFQUVBLFFBQWM7QUFDVixTQUFLLFFBQVEsc0JBQXNCO0FBQ25DLFNBQUssUUFBUSxNQUFNO0FBQUEsRUFDdkI7QUFDSjtBQUdPLFNBQVMsU0FBUyxRQUFnQixVQUE2QjtBQUNsRSxRQUFNLE1BQU0sT0FBTyxLQUFLLE9BQU8sUUFBUSxXQUFXLEVBQUUsR0FBRyxRQUFRO0FBQy9ELFFBQU0sU0FBUyxXQUFXLFVBQVUsR0FBRyxFQUFFLE9BQU8sR0FBRyxTQUFTLEVBQUUsSUFBSSxTQUFTLFNBQVMsSUFBSSxTQUFTLElBQUksRUFBRSxFQUFFLE9BQU87QUFDaEgsU0FBTyxTQUFTLFdBQVcsS0FBSyxDQUFDLGNBQWM7QUFDM0MsVUFBTSxDQUFDLFNBQVMsS0FBSyxJQUFJLFVBQVUsTUFBTSxHQUFHO0FBQzVDLFVBQU0sUUFBUSxPQUFPLEtBQUssU0FBUyxJQUFJLFFBQVE7QUFDL0MsV0FBTyxZQUFZLFFBQVEsTUFBTSxXQUFXLE9BQU8sVUFBVSxnQkFBZ0IsT0FBTyxNQUFNO0FBQUEsRUFDOUYsQ0FBQztBQUNMOyIsCiAgIm5hbWVzIjogW10KfQo=
