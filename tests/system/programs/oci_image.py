"""Makes an OCI image layout. Usage: oci_image.py FOLDER TAG ARCHITECTURE TEXT [sha256|sha512]

Adds an image of one small layer, with a file "text", to the layout in FOLDER, which is made where it is missing.
"""
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

folder, tag, architecture, text = sys.argv[1:5]
algorithm = sys.argv[5] if len(sys.argv) > 5 else "sha256"


def put(data):
    digits = hashlib.new(algorithm, data).hexdigest()
    os.makedirs(os.path.join(folder, "blobs", algorithm), exist_ok=True)
    with open(os.path.join(folder, "blobs", algorithm, digits), "wb") as out:
        out.write(data)
    return {"digest": "%s:%s" % (algorithm, digits), "size": len(data)}


tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w") as archive:
    info = tarfile.TarInfo("text")
    info.size = len(text)
    archive.addfile(info, io.BytesIO(text.encode()))
diff_id = algorithm + ":" + hashlib.new(algorithm, tar.getvalue()).hexdigest()
layer = put(gzip.compress(tar.getvalue(), mtime=0))
config = put(json.dumps({"architecture": architecture, "os": "linux", "config": {"Cmd": ["/text"]},
                         "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode())
manifest = put(json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": dict(config, mediaType="application/vnd.oci.image.config.v1+json"),
    "layers": [dict(layer, mediaType="application/vnd.oci.image.layer.v1.tar+gzip")]}).encode())
with open(os.path.join(folder, "oci-layout"), "w") as out:
    out.write('{"imageLayoutVersion":"1.0.0"}')
path = os.path.join(folder, "index.json")
index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
if os.path.exists(path):
    with open(path) as old:
        index = json.load(old)
index["manifests"].append(dict(manifest, mediaType="application/vnd.oci.image.manifest.v1+json",
                               annotations={"org.opencontainers.image.ref.name": tag}))
with open(path, "w") as out:
    json.dump(index, out)
print(manifest["digest"])
