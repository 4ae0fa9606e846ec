// HTTP/2 without TLS, and HTTP/1.1 on the same port; what it does to HTTP/2 at the stop is its argument: "nothing", "goaway" or "destroy".
const { handle, port } = require('./handler');
const net = require('node:net');
const old = require('node:http').createServer(handle);
const server = require('node:http2').createServer(handle);
const sessions = new Set();
server.on('session', (session) => sessions.add(session.on('close', () => sessions.delete(session))));
const front = net.createServer((socket) => {
  socket.once('data', (first) => {
    socket.pause();
    (first.toString('latin1', 0, 3) === 'PRI' ? server : old).emit('connection', socket);
    socket.unshift(first);
    process.nextTick(() => socket.resume());
  });
});
front.listen(port);
process.on('SIGTERM', () => {
  front.close();
  setTimeout(() => process.exit(0), 1200);
  for (const session of sessions) {
    if (process.argv[2] === 'goaway') session.close();
    else if (process.argv[2] === 'destroy') session.destroy();
  }
});
