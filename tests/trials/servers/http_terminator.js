const { handle, port } = require('./handler');
const { createHttpTerminator } = require('http-terminator');
const server = require('node:http').createServer(handle).listen(port);
const terminator = createHttpTerminator({ server });
process.on('SIGTERM', () => terminator.terminate().then(() => process.exit(0)));
