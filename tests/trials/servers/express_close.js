const { handle, port } = require('./handler');
const app = require('express')();
app.use(handle);
const server = app.listen(port);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
