// Plain node:http without a handler for any signal; slow on /slow.
require('node:http')
  .createServer((request, response) => setTimeout(() => response.end('complete'), request.url === '/slow' ? 1000 : 0))
  .listen(Number(process.argv[2]), '127.0.0.1')
