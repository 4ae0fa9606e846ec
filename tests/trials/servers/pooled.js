// A service with a pool of connections to PostgreSQL; KIND is what is wrong with it, if anything.
const { Pool } = require('pg');

const kind = process.env.KIND;
const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  connectionTimeoutMillis: 700,
  query_timeout: 700,
});
if (kind !== 'dies') pool.on('error', (error) => console.error(error.message));
let only; // one connection for ever: when it is lost, so is the service
const first = async () => {
  const client = await pool.connect();
  client.on('error', (error) => console.error(error.message));
  return client;
};
const query = async (text) => (kind === 'never back' ? (await (only ??= first())).query(text) : pool.query(text));

require('node:http').createServer(async (request, response) => {
  try {
    if (request.url === '/ready') await query('SELECT count(*) FROM pg_database');
  } catch (error) {
    console.error(error.message);
    response.statusCode = 503;
  }
  response.end();
}).listen(3000);
