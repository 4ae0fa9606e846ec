// The Fluent project's own server of the forward protocol. Prints its port, then each entry as a line of JSON.
"use strict";
const { FluentServer, EventTime } = require("@fluent-org/logger");

class Printing extends FluentServer {
  onEntry(tag, time, record) {
    const precise = time instanceof EventTime || typeof time === "object";
    const shown = precise ? { seconds: time.epoch, nanoseconds: time.nano } : time;
    process.stdout.write(JSON.stringify({ tag, time: shown, record }) + "\n");
  }
}

const server = new Printing({ listenOptions: { port: Number(process.argv[2] || 0), host: "127.0.0.1" } });
server.listen().then(() => process.stdout.write(JSON.stringify({ port: server.port }) + "\n"));
