// The image has no curl and needs none: exit 0 if the API answers 200 within its time, else 1.
import { get } from 'node:http';

const port = process.env.PORT ?? 3000;
const request = get({ host: '127.0.0.1', port, path: '/health', timeout: 1500 }, (response) => {
  response.resume();
  process.exit(response.statusCode === 200 ? 0 : 1);
});
request.on('timeout', () => request.destroy(new Error('no answer in time')));
request.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
