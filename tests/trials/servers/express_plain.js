const { handle, port } = require('./handler');
const app = require('express')();
app.use(handle);
app.listen(port);
