// The notes API: routes here, the store in store.js, the stop in drain.js.
import express from 'express';

import { drainable } from './drain.js';
import { log } from './log.js';
import { openStore } from './store.js';

const store = await openStore(process.env.DB_FILE ?? './notes.db');
const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '100kb' }));

app.use((request, response, next) => {
  const begun = performance.now();
  response.on('close', () =>
    log('info', 'request', {
      method: request.method,
      path: request.path,
      status: response.statusCode,
      complete: response.writableFinished,
      milliseconds: Math.round(performance.now() - begun),
      request_id: request.get('x-request-id'),
    }),
  );
  next();
});

// Shallow: says that this process answers. Nothing that it depends on can make it fail.
app.get('/health', (request, response) => response.json({ status: 'ok' }));

// Deep: fails as soon as the stop begins, and when the database can't be written.
app.get('/health/ready', async (request, response) => {
  const ready = !drain.stopping && (await store.isWritable());
  response.status(ready ? 200 : 503).json({ ready });
});

app.get('/notes', (request, response) => response.json(store.latest(100)));

app.post('/notes', async (request, response) => {
  const text = request.body?.text;
  if (typeof text !== 'string' || text === '') return response.status(400).json({ error: 'text is missing' });
  response.status(201).json(await store.add(text));
});

// A report takes its time: it goes through the notes in batches and lets other requests in between.
app.get('/report', async (request, response) => response.json(await store.report()));

app.use((error, request, response, next) => {
  log('error', error.message, { path: request.path });
  if (response.headersSent) return next(error);
  response.status(error.status ?? 500).json({ error: error.status < 500 ? error.message : 'internal error' });
});

const port = Number(process.env.PORT ?? 3000);
const server = app.listen(port, (error) => {
  if (error) throw error;
  log('info', 'listening', { port });
});
server.keepAliveTimeout = 65_000; // longer than the 60 s for which a load balancer keeps a connection

const delay = Number(process.env.STOP_DELAY ?? 1); // seconds: a balancer's interval times its threshold
const drain = drainable(server, { delay, seconds: 12, close: () => store.close() });

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    log('fatal', event, { error: error?.stack ?? String(error) });
    process.exitCode = 1;
    drain.begin(event);
  });
}
