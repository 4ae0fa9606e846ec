// A server that listens on a Unix socket only.
const { handle } = require('./handler');
const server = require('node:http').createServer(handle).listen('/tmp/node.sock');
process.on('SIGTERM', () => {
  server.close();
  setInterval(() => server.closeIdleConnections(), 50).unref();
});
