// A server with WebSockets at /ws; what it does to them at the stop is its argument: nothing, a close code, or "terminate".
const { handle, port } = require('./handler');
const { WebSocketServer } = require('ws');
const server = require('node:http').createServer(handle).listen(port);
const sockets = new WebSocketServer({ server, path: '/ws' });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
process.on('SIGTERM', () => {
  server.close();
  setInterval(() => server.closeIdleConnections(), 50).unref();
  const how = process.argv[2];
  for (const socket of sockets.clients) {
    if (how === 'terminate') socket.terminate();
    else if (how) socket.close(Number(how));
  }
});
