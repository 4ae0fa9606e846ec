// Notes in a file: one JSON object a line, appended and synced before the answer goes out, read whole at the start.
import { constants } from 'node:fs';
import { access, open, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

const BATCHES = 40;

export async function openStore(path) {
  const file = await open(path, 'a', 0o640);
  const notes = (await readFile(path, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  let last = Promise.resolve();

  async function append(note) {
    await file.appendFile(JSON.stringify(note) + '\n');
    await file.datasync();
    notes.push(note);
    return note;
  }

  return {
    latest: (count) => notes.slice(-count),

    add(text) {
      // One write after the other, so that ids are in the order of the file.
      const added = last.then(() => append({ id: notes.length + 1, text, at: new Date().toISOString() }));
      last = added.catch(() => {});
      return added;
    },

    async report() {
      const words = new Map();
      const size = Math.ceil(notes.length / BATCHES);
      for (let batch = 0; batch < BATCHES; batch++) {
        for (const { text } of notes.slice(batch * size, (batch + 1) * size)) {
          for (const word of text.split(/\W+/u).filter(Boolean)) words.set(word, (words.get(word) ?? 0) + 1);
        }
        await pause(20);
      }
      return { notes: notes.length, words: words.size };
    },

    isWritable: () => access(path, constants.W_OK).then(() => true, () => false),

    async close() {
      await last;
      await file.close();
    },
  };
}
