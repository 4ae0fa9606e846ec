const { handle, port } = require('./handler');
const server = require('node:http').createServer(handle).listen(port);
process.on('SIGTERM', () => server.close());
