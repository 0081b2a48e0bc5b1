"""A warm worker in JSON lines: counts the words of the files it is given.

    ls docs/*.md | ganger run --proto jsonl --ready -- python3 examples/words/words.py
"""

import json
import sys

print('{"ready":true}', flush=True)  # --ready waits for this line
for line in sys.stdin:
    ask = json.loads(line)
    try:
        with open(ask["request"], encoding="utf-8") as f:
            answer = {"response": {"file": ask["request"], "words": len(f.read().split())}}
    except OSError as e:
        answer = {"error": {"message": str(e)}}
    print(json.dumps({"id": ask["id"], **answer}), flush=True)
