const { handle, port } = require('./handler');
const { createTerminus } = require('@godaddy/terminus');
const server = require('node:http').createServer(handle);
createTerminus(server, { signal: 'SIGTERM' });
server.listen(port);
