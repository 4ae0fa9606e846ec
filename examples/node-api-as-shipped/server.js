const express = require('express');
const fs = require('fs');

const FILE = process.env.DB_FILE || './notes.db';
const notes = fs.existsSync(FILE)
  ? fs.readFileSync(FILE, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
  : [];

const app = express();
app.use(express.json());

app.get('/', (req, res) => res.json({ notes: notes.length }));

app.get('/notes', (req, res) => res.json(notes.slice(-100)));

app.post('/notes', (req, res) => {
  const note = { id: notes.length + 1, text: String(req.body.text || ''), at: new Date().toISOString() };
  fs.appendFileSync(FILE, JSON.stringify(note) + '\n');
  notes.push(note);
  res.status(201).json(note);
});

// A report takes its time: it goes through the notes in batches and lets other requests in between.
app.get('/report', async (req, res) => {
  const words = new Map();
  for (let batch = 0; batch < 40; batch++) {
    for (const note of notes.slice(batch * 100, batch * 100 + 100)) {
      for (const word of note.text.split(/\W+/)) words.set(word, (words.get(word) || 0) + 1);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  res.json({ notes: notes.length, words: words.size });
});

const port = process.env.PORT || 3000;
app.listen(port, () => console.log(`notes API listening on ${port}`));
