"""The music service in Python, for reading: the same routes and answers as the C service (../service/routes.h).

    python3 app.py PORT        reads /data/music.csv, or the one beside this file where there is none
"""
import csv
import hashlib
import logging
import os
import sys
import uuid

from flask import Flask, jsonify, request

PREFIX = "/api/v1/music"
USER_ID = os.environ.get("USER_ID", "regid")
UNIQUE_CODE = hashlib.sha256((USER_ID.lower() + os.environ.get("EXER", "")).encode()).hexdigest()
EXPECTED_CODE = ""  # the exercise: the unique code of the log belongs here

app = Flask(__name__)
app.url_map.strict_slashes = False
songs = {}


def load(path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            songs[row["UUID"]] = (row["Artist"], row["SongTitle"])


def answer(ids):
    items = [{"Artist": songs[i][0], "SongTitle": songs[i][1], "music_id": i} for i in ids]
    return jsonify(Count=len(items), Items=items)


@app.get(PREFIX + "/")
def list_all():
    return answer(songs)


@app.post(PREFIX + "/")
def create():
    document = request.get_json(force=True, silent=True)
    artist = document.get("Artist") if isinstance(document, dict) else None
    title = document.get("SongTitle") if isinstance(document, dict) else None
    if not isinstance(artist, str) or not isinstance(title, str):
        return jsonify(Message="Error reading arguments"), 400
    music_id = str(uuid.uuid4())
    songs[music_id] = (artist, title)
    return jsonify(music_id=music_id)


@app.get(PREFIX + "/<music_id>")
def read_one(music_id):
    found = [music_id] if music_id in songs else []
    return answer(found), 200 if found else 404


@app.delete(PREFIX + "/<music_id>")
def remove_one(music_id):
    if songs.pop(music_id, None) is None:
        return answer([]), 404
    return jsonify({})


@app.get(PREFIX + "/test")
def test():
    if EXPECTED_CODE != UNIQUE_CODE:
        raise RuntimeError("Test failed: the code in app.py is not the unique code")
    return jsonify({})


@app.get("/health")
@app.get("/readiness")
@app.get(PREFIX + "/health")
@app.get(PREFIX + "/readiness")
def healthy():
    return "", 200


def main():
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("Usage: app.py PORT")
    logging.basicConfig(format="[%(asctime)s] %(levelname)s in app: %(message)s")
    app.logger.error("Unique code: %s", UNIQUE_CODE)
    path = "/data/music.csv"
    load(path if os.path.exists(path) else os.path.join(os.path.dirname(os.path.abspath(__file__)), "music.csv"))
    app.run(host="0.0.0.0", port=int(sys.argv[1]), threaded=True)


if __name__ == "__main__":
    main()
