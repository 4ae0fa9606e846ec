// HTTP/2 without TLS and nothing else; at the stop each session says goodbye and ends when it has nothing in flight.
const { handle, port } = require('./handler');
const server = require('node:http2').createServer(handle).listen(port);
const sessions = new Set();
server.on('session', (session) => sessions.add(session.on('close', () => sessions.delete(session))));
process.on('SIGTERM', () => {
  server.close();
  for (const session of sessions) session.close();
});
