// A service that does all right. Each mutant of tests/drill/mutants.py changes one thing of it.
const { writeSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');

const log = (level, message, fields) =>
  writeSync(1, JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }) + '\n');

// Whether the cache answers, within a time limit of its own.
const isCacheThere = () =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:1');
    const socket = net.connect(Number(port), hostname, () => socket.write('PING\r\n'));
    const done = (is) => (resolve(is), socket.destroy());
    socket.setTimeout(500, () => done(false));
    socket.on('data', () => done(true)).on('error', () => done(false)).on('close', () => done(false));
  });

const sockets = new Map(); // socket → number of its requests in flight
const responses = new Set();
let stopping = false;

const server = http.createServer(async (request, response) => {
  const { socket, url } = request;
  sockets.set(socket, (sockets.get(socket) ?? 0) + 1);
  responses.add(response);
  if (stopping) response.setHeader('Connection', 'close');
  response.once('close', () => {
    log('info', 'request', { url, id: request.headers['x-request-id'] });
    responses.delete(response);
    sockets.set(socket, sockets.get(socket) - 1);
    if (stopping && sockets.get(socket) === 0) socket.end();
  });
  if (url === '/health') return response.end('ok');
  if (url === '/ready') {
    const ready = !stopping && (await isCacheThere());
    return response.writeHead(ready ? 200 : 503).end(String(ready));
  }
  if (url === '/slow') return setTimeout(() => response.end('slow'), 1200);
  if (url === '/upload') {
    for await (const part of request) part.length;
    return response.end('taken');
  }
  response.end('hello');
});
server.keepAliveTimeout = 65_000;
server.on('connection', (socket) => {
  sockets.set(socket, 0);
  socket.on('close', () => sockets.delete(socket));
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function stop(why) {
  if (stopping) return log('info', 'already stopping', { why });
  stopping = true;
  log('info', 'stopping', { why });
  setTimeout(() => process.exit(1), 3500).unref(); // within the grace period
  for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close');
  await pause(800); // for as long as a balancer may still send
  const closed = new Promise((resolve) => server.close(resolve));
  setTimeout(() => {
    for (const [socket, requests] of sockets) if (!requests) socket.destroySoon();
  }, 200);
  await closed;
  log('info', 'stopped');
  process.exit();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    log('fatal', event, { error: String(error) });
    process.exitCode = 1;
    stop(event);
  });
}
server.on('error', (error) => {
  log('fatal', error.message);
  process.exit(1);
});
server.listen(Number(process.env.PORT), () => log('info', 'listening'));
