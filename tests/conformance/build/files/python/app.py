import json

print(json.dumps({"squares": [n * n for n in range(5)]}))
