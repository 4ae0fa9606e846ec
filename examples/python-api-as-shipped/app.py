import asyncio
import os
import sqlite3

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

db = sqlite3.connect(os.environ.get("DB_FILE", "notes.db"))
db.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")


async def index(request):
    return JSONResponse({"notes": db.execute("SELECT count(*) FROM notes").fetchone()[0]})


async def notes(request):
    if request.method == "POST":
        text = (await request.json())["text"]
        cursor = db.execute("INSERT INTO notes (text) VALUES (?)", (text,))
        db.commit()
        print("added note", cursor.lastrowid)
        return JSONResponse({"id": cursor.lastrowid, "text": text}, status_code=201)
    rows = db.execute("SELECT id, text FROM notes ORDER BY id DESC LIMIT 100").fetchall()
    return JSONResponse([{"id": row[0], "text": row[1]} for row in rows])


# A report takes its time: it goes through the notes in batches and lets other requests in between.
async def report(request):
    words = set()
    for batch in range(40):
        for (text,) in db.execute("SELECT text FROM notes WHERE id % 40 = ?", (batch,)):
            words.update(text.split())
        await asyncio.sleep(0.02)
    return JSONResponse({"words": len(words)})


app = Starlette(routes=[
    Route("/", index),
    Route("/notes", notes, methods=["GET", "POST"]),
    Route("/report", report),
])
