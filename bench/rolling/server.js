// A Node service that drains: it stops accepting on SIGTERM, answers what it has, and ends. LISTEN_FDS, or PORT.
const http = require("node:http");
let stopping = false;
const server = http.createServer((request, response) => {
  setTimeout(() => {
    if (stopping) response.setHeader("Connection", "close");
    response.end("ok");
  }, 5);
});
if (process.env.LISTEN_FDS) server.listen({ fd: 3 });
else server.listen({ port: Number(process.env.PORT), host: "127.0.0.1", reusePort: true, backlog: 4096 });
process.on("SIGTERM", () => {
  stopping = true;
  // not server.close(), which ends idle connections at once: they may still send, and are told then that it was the last
  require("node:net").Server.prototype.close.call(server, () => process.exit(0));
  setTimeout(() => process.exit(0), 8000);
});
