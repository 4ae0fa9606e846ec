// The stop, in order: announce the close and say "not ready", go on serving until balancers have noticed, stop listening,
// let what is in flight finish, close what is idle, close what was never used, close the store, exit. A second signal
// changes nothing: the drain is already on its way.
import { setTimeout as pause } from 'node:timers/promises';

import { log } from './log.js';

export function drainable(server, { delay, seconds, close }) {
  const sockets = new Map(); // socket → number of its requests in flight; undefined before its first one
  const drain = { stopping: false, begin };

  server.on('connection', (socket) => {
    sockets.set(socket, undefined);
    socket.on('close', () => sockets.delete(socket));
  });

  // Before the application's own listener, so that it can still add its header.
  server.prependListener('request', (request, response) => {
    const { socket } = request;
    sockets.set(socket, (sockets.get(socket) ?? 0) + 1);
    if (drain.stopping) response.setHeader('Connection', 'close');
    response.once('close', () => {
      sockets.set(socket, sockets.get(socket) - 1);
      if (drain.stopping && sockets.get(socket) === 0) socket.end();
    });
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
  const responses = new Set();

  async function begin(reason) {
    if (drain.stopping) return log('info', 'already stopping', { reason });
    drain.stopping = true;
    log('info', 'stopping', { reason, in_flight: responses.size });
    const overtime = setTimeout(() => {
      log('error', 'not everything finished in time', { in_flight: responses.size });
      process.exit(1);
    }, seconds * 1000);
    overtime.unref();

    for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close');
    await pause(delay * 1000); // for as long as a balancer may still send
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections?.(); // node ≥ 19 does so by itself
    // One that has not sent anything yet may be sending now; 200 ms later it is simply unused.
    setTimeout(() => {
      for (const [socket, requests] of sockets) if (!requests) socket.end(() => socket.destroySoon());
    }, 200);
    await closed;
    await close();
    log('info', 'stopped');
    process.exit(process.exitCode ?? 0);
  }

  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => begin(signal));
  return drain;
}
