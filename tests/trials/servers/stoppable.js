const { handle, port } = require('./handler');
const stoppable = require('stoppable');
const server = stoppable(require('node:http').createServer(handle)).listen(port);
process.on('SIGTERM', () => server.stop(() => process.exit(0)));
