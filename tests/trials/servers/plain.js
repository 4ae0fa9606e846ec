const { handle, port } = require('./handler');
require('node:http').createServer(handle).listen(port);
