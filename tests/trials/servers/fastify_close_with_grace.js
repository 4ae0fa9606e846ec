const { port } = require('./handler');
const closeWithGrace = require('close-with-grace');
const app = require('fastify')();
app.get('/', async () => 'quick\n');
app.get('/slow', async () => {
  await new Promise((resolve) => setTimeout(resolve, 800));
  return 'slow\n';
});
(closeWithGrace.default || closeWithGrace)(() => app.close());
app.listen({ port, host: '0.0.0.0' });
