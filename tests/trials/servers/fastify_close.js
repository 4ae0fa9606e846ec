const { port } = require('./handler');
const app = require('fastify')();
app.get('/', async () => 'quick\n');
app.get('/slow', async () => {
  await new Promise((resolve) => setTimeout(resolve, 800));
  return 'slow\n';
});
app.listen({ port, host: '0.0.0.0' });
process.on('SIGTERM', () => app.close().then(() => process.exit(0)));
