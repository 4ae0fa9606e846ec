// One JSON object a line, written synchronously: nothing sits in a buffer when the process ends.
import { writeSync } from 'node:fs';

export function log(level, message, fields = {}) {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }) + '\n';
  try {
    writeSync(1, line);
  } catch (error) {
    if (error.code !== 'EAGAIN' && error.code !== 'EPIPE') throw error; // a log that nobody reads must not stop the service
  }
}
